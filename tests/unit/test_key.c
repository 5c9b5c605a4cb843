#include "annex/key.h"

#include "tests/unit/facts.h"

static void keys_lie_by_their_hash(void **state)
{
	(void)state;
	static const struct {
		const char *key, *path;
		unsigned leaf;
	} known[] = {
		{ "SHA256E-s0--e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		  "keys/f8/7/SHA256E-s0--"
		  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		  0xf87 },
		{ "URL--http://x/a%b&c", "keys/9c/4/URL--http&c%%x%a&sb&ac", 0x9c4 },
		{ "WORM-s3-m17-S1048576-C1--w.dat", "keys/ca/f/WORM-s3-m17-S1048576-C1--w.dat",
		  0xcaf },
	};
	for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
		struct bytes path;
		struct err err;
		unsigned leaf;
		bytes_init(&path, 4096);
		assert_int_equal(key_path(known[i].key, &path, &leaf, &err), FAULT_NONE);
		assert_string_equal(bytes_text(&path), known[i].path);
		assert_int_equal(leaf, known[i].leaf);
		bytes_fini(&path);
	}
}

static void what_is_no_key_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "",        "SHA256",     "SHA256-s5",     "SHA256--",
					   "--x",     "A-m1-s2--x", "A-S5--x",       "A-C5--x",
					   "A-s--x",  "A-s5x--y",   "A-S5-C1-s9--x", "A-C1-S5--x",
					   "A-s-5--x" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct bytes path;
		struct err err;
		unsigned leaf;
		bytes_init(&path, 4096);
		if (key_path(bad[i], &path, &leaf, &err) != FAULT_USAGE)
			fail_msg("'%s' is taken for a key", bad[i]);
		bytes_fini(&path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_lie_by_their_hash),
		cmocka_unit_test(what_is_no_key_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
