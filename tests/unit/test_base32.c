#include "tahoe/base32.h"

#include "tests/unit/facts.h"

static void goes_there_and_back(void **state)
{
	(void)state;
	unsigned char data[64], back[64];
	char text[128];
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i * 37 + 200);
	for (size_t size = 0; size <= sizeof data; size++) {
		size_t back_size = 99;
		assert_int_equal(base32_encode(data, size, text), base32_length(size));
		assert_int_equal(strlen(text), base32_length(size));
		assert_true(base32_decode(text, strlen(text), back, &back_size));
		assert_int_equal(back_size, size);
		assert_memory_equal(data, back, size);
	}
}

/* RFC 4648, section 10, in lower case and without padding; and the ends of the alphabet. */
static void writes_the_texts_of_the_standard(void **state)
{
	(void)state;
	static const char *const texts[][2] = {
		{ "", "" },
		{ "f", "my" },
		{ "fo", "mzxq" },
		{ "foo", "mzxw6" },
		{ "foob", "mzxw6yq" },
		{ "fooba", "mzxw6ytb" },
		{ "foobar", "mzxw6ytboi" },
		{ "\xff", "74" },
		{ "\xd6\xb5\xaf", "22226" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		const size_t size = strlen(texts[i][0]);
		unsigned char back[64];
		char text[64];
		size_t back_size;
		assert_int_equal(base32_encode(texts[i][0], size, text), strlen(texts[i][1]));
		assert_string_equal(text, texts[i][1]);
		assert_true(base32_decode(text, strlen(text), back, &back_size));
		assert_int_equal(back_size, size);
		assert_memory_equal(back, texts[i][0], size);
	}
}

static void refuses_what_it_would_not_write(void **state)
{
	(void)state;
	static const char *const bad[] = { "a",  "aaa",     "aaaaaa",  "ab", "aB", "a1", "a=",
					   "a ", "nbswy3d", "zzzzzzz", "a`", "a{", "a8" };
	unsigned char out[64];
	size_t size;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_false(base32_decode(bad[i], strlen(bad[i]), out, &size));
	assert_true(base32_decode("ae", 2, out, &size));
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(goes_there_and_back),
		cmocka_unit_test(writes_the_texts_of_the_standard),
		cmocka_unit_test(refuses_what_it_would_not_write),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
