#include "base/digest.h"

#include "tests/unit/facts.h"

static void to_hex(const unsigned char *data, size_t size, char *out)
{
	for (size_t i = 0; i < size; i++)
		snprintf(out + 2 * i, 3, "%02x", data[i]);
}

/* Source: FIPS 180-2, appendix B.1. */
static void makes_the_standard_sha256(void **state)
{
	(void)state;
	const char *abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	unsigned char out[DIGEST_SIZE];
	char hex[2 * DIGEST_SIZE + 1];
	struct digest digest;
	struct err err;
	digest_of("abc", 3, out);
	to_hex(out, sizeof out, hex);
	assert_string_equal(hex, abc);
	assert_int_equal(digest_init(&digest, &err), FAULT_NONE);
	for (int round = 0; round < 3; round++) {
		digest_start(&digest);
		digest_update(&digest, "a", 1);
		digest_update(&digest, "bc", 2);
		digest_final(&digest, out);
		to_hex(out, sizeof out, hex);
		assert_string_equal(hex, abc);
	}
	digest_fini(&digest);
	digest_fini(NULL);
}

static void a_start_forgets_what_was_open(void **state)
{
	(void)state;
	unsigned char out[DIGEST_SIZE], expected[DIGEST_SIZE];
	struct digest digest;
	struct err err;
	assert_int_equal(digest_init(&digest, &err), FAULT_NONE);
	digest_start(&digest);
	digest_update(&digest, "rubbish", 7);
	digest_start(&digest);
	digest_update(&digest, "abc", 3);
	digest_final_double(&digest, out);
	digest_of("abc", 3, expected);
	digest_of(expected, sizeof expected, expected);
	assert_memory_equal(out, expected, sizeof out);
	digest_fini(&digest);
}

/* Source: xxHash 0.8.1 `xxhsum -H2` of no bytes. */
static void makes_the_standard_xxh3(void **state)
{
	(void)state;
	unsigned char out[CONTENT_HASH_SIZE], streamed[CONTENT_HASH_SIZE];
	char hex[2 * CONTENT_HASH_SIZE + 1], text[1000];
	struct content_hash hash;
	struct err err;
	content_hash_of("", 0, out);
	to_hex(out, sizeof out, hex);
	assert_string_equal(hex, "99aa06d3014798d86001c324468d497f");
	memset(text, 'x', sizeof text);
	content_hash_of(text, sizeof text, out);
	assert_int_equal(content_hash_init(&hash, &err), FAULT_NONE);
	content_hash_start(&hash);
	content_hash_update(&hash, "rubbish", 7);
	content_hash_start(&hash);
	for (size_t i = 0; i < sizeof text; i += 100)
		content_hash_update(&hash, text + i, 100);
	content_hash_final(&hash, streamed);
	assert_memory_equal(out, streamed, sizeof out);
	content_hash_fini(&hash);
	content_hash_fini(NULL);
}

static void hashes_are_written_and_read_back(void **state)
{
	(void)state;
	static const char empty[] = "99aa06d3014798d86001c324468d497f";
	static const char *const odd[] = { "", "99aa06d3014798d86001c324468d497",
					   "99aa06d3014798d86001c324468d497f0",
					   "99AA06D3014798D86001C324468D497F",
					   "99aa06d3014798d86001c324468d497g" };
	unsigned char hash[CONTENT_HASH_SIZE], back[CONTENT_HASH_SIZE];
	char text[CONTENT_HASH_TEXT_SIZE];
	content_hash_of("", 0, hash);
	content_hash_print(hash, text);
	assert_string_equal(text, empty);
	assert_true(content_hash_parse(text, strlen(text), back));
	assert_memory_equal(back, hash, sizeof hash);
	for (size_t i = 0; i < ARRAY_COUNT(odd); i++)
		assert_false(content_hash_parse(odd[i], strlen(odd[i]), back));
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(makes_the_standard_sha256),
		cmocka_unit_test(a_start_forgets_what_was_open),
		cmocka_unit_test(makes_the_standard_xxh3),
		cmocka_unit_test(hashes_are_written_and_read_back),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
