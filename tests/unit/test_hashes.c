#include "tahoe/hashes.h"

#include "tests/unit/facts.h"
#include "tests/unit/hex.h"

static void assert_hash(const unsigned char hash[DIGEST_SIZE], const char *hex)
{
	unsigned char expected[DIGEST_SIZE];
	assert_int_equal(hex_bytes(hex, expected), DIGEST_SIZE);
	assert_memory_equal(hash, expected, DIGEST_SIZE);
}

/* Computed by tahoe-lafs 1.20.0: tagged_hash of allmydata/util/hashutil.py. */
#define OF_DATA  "99e31167644eb0a2fdbb90e1af0370b2416b301176e31f422e7274b21cd16136"
#define OF_EMPTY "d284e6dbbc9abdea3316e936b8440b7976184eaba594811f01ff86df241944a1"

static void makes_the_tagged_hashes_of_tahoe(void **state)
{
	(void)state;
	unsigned char hash[DIGEST_SIZE];
	struct digest digest;
	struct err err;
	hash_tagged("tag", "data", 4, hash);
	assert_hash(hash, OF_DATA);
	hash_tagged("", "", 0, hash);
	assert_hash(hash, OF_EMPTY);
	hash_tagged_bytes(&(struct hash_part){ "tag!", 3 }, &(struct hash_part){ "data!", 4 },
			  hash);
	assert_hash(hash, OF_DATA);
	assert_int_equal(digest_init(&digest, &err), FAULT_NONE);
	hash_tagged_start(&digest, "tag");
	digest_update(&digest, "da", 2);
	digest_update(&digest, "ta", 2);
	digest_final_double(&digest, hash);
	assert_hash(hash, OF_DATA);
	hash_tagged_start(&digest, "");
	digest_final_double(&digest, hash);
	assert_hash(hash, OF_EMPTY);
	digest_fini(&digest);
}

/* Computed by tahoe-lafs 1.20.0: tagged_pair_hash of allmydata/util/hashutil.py. */
static void makes_the_hashes_of_pairs_of_tahoe(void **state)
{
	(void)state;
	static const char expected[] =
		"43bd87686f1db1240caabe4558be5228490b404145a7604e62575c3a7adc3648";
	unsigned char hash[DIGEST_SIZE] = "left", right[DIGEST_SIZE] = "right!";
	hash_pair("tag", &(struct hash_part){ hash, 4 }, &(struct hash_part){ "right!", 6 }, hash);
	assert_hash(hash, expected);
	hash_pair("tag", &(struct hash_part){ "left", 4 }, &(struct hash_part){ right, 6 }, right);
	assert_hash(right, expected);
}

static void appends_netstrings(void **state)
{
	(void)state;
	struct bytes out;
	bytes_init(&out, 11);
	assert_int_equal(netstring_append(&out, "", 0), FAULT_NONE);
	assert_int_equal(netstring_append(&out, "a:b,c", 5), FAULT_NONE);
	assert_string_equal(bytes_text(&out), "0:,5:a:b,c,");
	/* One byte more than there may be: nothing of it is there. */
	assert_int_equal(netstring_append(&out, "", 0), FAULT_TOO_LARGE);
	bytes_clear(&out);
	assert_int_equal(netstring_append(&out, "12345678", 8), FAULT_NONE);
	bytes_clear(&out);
	assert_int_equal(netstring_append(&out, "123456789", 9), FAULT_TOO_LARGE);
	assert_int_equal(netstring_append(&out, NULL, SIZE_MAX), FAULT_TOO_LARGE);
	assert_int_equal(out.size, 0);
	bytes_fini(&out);
}

static void takes_one_netstring_after_the_other(void **state)
{
	(void)state;
	static const char text[] = "3:abc,0:,12:,,,,,,,,,,,,,x";
	struct bytes_view from = { text, strlen(text) }, content;
	assert_true(netstring_take(&from, &content));
	assert_int_equal(content.size, 3);
	assert_ptr_equal(content.data, text + 2);
	assert_true(netstring_take(&from, &content));
	assert_int_equal(content.size, 0);
	assert_true(netstring_take(&from, &content));
	assert_int_equal(content.size, 12);
	assert_int_equal(from.size, 1);
	assert_ptr_equal(from.data, text + sizeof text - 2);
}

/* Each ends before a comma, which is not to be looked at. */
static void anything_else_is_no_netstring(void **state)
{
	(void)state;
	static const char *const none[] = {
		",",
		":,",
		"3,",
		"3:,",
		"3:abc,",
		"3:abcd,,",
		"4:abc,,",
		"3;abc,,",
		"/:,,",
		"-3:abc,,",
		"18446744073709551619:abc,,", /* 2^64 + 3 */
	};
	for (size_t i = 0; i < ARRAY_COUNT(none); i++) {
		const struct bytes_view whole = { none[i], strlen(none[i]) - 1 };
		struct bytes_view from = whole, content = { "untouched", 9 };
		assert_false(netstring_take(&from, &content));
		assert_ptr_equal(from.data, whole.data);
		assert_int_equal(from.size, whole.size);
		assert_int_equal(content.size, 9);
	}
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(makes_the_tagged_hashes_of_tahoe),
		cmocka_unit_test(makes_the_hashes_of_pairs_of_tahoe),
		cmocka_unit_test(appends_netstrings),
		cmocka_unit_test(takes_one_netstring_after_the_other),
		cmocka_unit_test(anything_else_is_no_netstring),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
