#include "tahoe/dirnode.h"

#include "tests/unit/facts.h"

/* Made by tahoe-lafs 1.20.0 with the secret 00 01 .. 1f, 1-of-1. */
#define LITERAL_DIR "URI:DIR2-LIT:gmzdumj2mewdcnr2kvjesosmjfkdu3tcon3xsm3eoawdaormgi5hw7jmfq"
#define CHK_DIR                                                                                    \
	"URI:DIR2-CHK:kvwafbpsraimcd46mvdbcexjki:kauw5nrwkx2akpv3y7si"                             \
	"d4kuxf65fn6g3tja7vhnngqjv52xqubq:1:1:145"

static struct chk_params params(void)
{
	struct chk_params params = {
		.k = 1, .n = 1, .max_segment_size = CHK_SEGMENT_SIZE, .secret_size = CHK_SECRET_MAX
	};
	for (size_t i = 0; i < CHK_SECRET_MAX; i++)
		params.secret[i] = (unsigned char)i;
	return params;
}

static enum fault add(struct dirnode *dir, const char *name, const char *text, const char *metadata)
{
	struct cap cap;
	struct err err;
	assert_int_equal(cap_parse(text, strlen(text), &cap, &err), FAULT_NONE);
	const struct dirnode_child child = { name, strlen(name), &cap, metadata, strlen(metadata) };
	return dirnode_add(dir, &child, &err);
}

static void check(const struct dirnode *dir, const char *expected)
{
	const struct chk_params with = params();
	struct cap cap;
	struct err err;
	char text[CAP_TEXT_SIZE];
	assert_int_equal(dirnode_cap(dir, &with, &cap, &err), FAULT_NONE);
	cap_print(&cap, text);
	assert_string_equal(text, expected);
}

static void makes_the_caps_of_tahoe(void **state)
{
	(void)state;
	struct dirnode dir;
	dirnode_init(&dir, 10000);
	check(&dir, "URI:DIR2-LIT:");
	assert_int_equal(add(&dir, "a", "URI:LIT:nbswy3dp", "{}"), FAULT_NONE);
	assert_string_equal(bytes_text(&dir.body), "32:1:a,16:URI:LIT:nbswy3dp,0:,2:{},,");
	check(&dir, LITERAL_DIR);
	dirnode_clear(&dir);
	check(&dir, "URI:DIR2-LIT:");
	assert_int_equal(add(&dir, "a", "URI:LIT:nbswy3dp",
			     "{\"ctime\": 2.25, \"mtime\": 1.5, \"st_mode\": 33188, \"st_uid\": 0, "
			     "\"st_gid\": 0}"),
			 FAULT_NONE);
	assert_int_equal(add(&dir, "b\n\xc3\xa9", "URI:DIR2-LIT:", "{}"), FAULT_NONE);
	assert_int_equal(dir.count, 2);
	check(&dir, CHK_DIR);
	dirnode_fini(&dir);
	dirnode_fini(NULL);
}

static void names_must_rise(void **state)
{
	(void)state;
	struct dirnode dir;
	dirnode_init(&dir, 10000);
	static const char *const rising[] = {
		"", "A", "Aa", "B", "a", "\xc3\xa9", "\xf0\x9f\x98\x80"
	};
	for (size_t i = 0; i < ARRAY_COUNT(rising); i++) {
		assert_int_equal(add(&dir, rising[i], "URI:LIT:", "{}"), FAULT_NONE);
		const size_t size = dir.body.size;
		for (size_t j = 0; j <= i; j++)
			assert_int_equal(add(&dir, rising[j], "URI:LIT:", "{}"), FAULT_USAGE);
		assert_int_equal(dir.body.size, size);
	}
	dirnode_fini(&dir);
}

static void only_immutable_children_are_allowed(void **state)
{
	(void)state;
	struct dirnode dir;
	dirnode_init(&dir, 10000);
#define FIELDS "jqaetaqsvifhgvk7ibkfrjd2rm:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega"
	static const char *const bad[] = { "URI:SSK-RO:" FIELDS, "URI:DIR2:" FIELDS,
					   "URI:CHK-Verifier:" FIELDS ":1:1:56", "x-future:1" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(add(&dir, "a", bad[i], "{}"), FAULT_USAGE);
	assert_int_equal(add(&dir, "a", "URI:DIR2-CHK:" FIELDS ":1:1:56", "{}"), FAULT_NONE);
	dirnode_fini(&dir);
}

static void stops_at_its_maximum(void **state)
{
	(void)state;
	struct dirnode dir;
	dirnode_init(&dir, 60);
	assert_int_equal(add(&dir, "a", "URI:LIT:nbswy3dp", "{}"), FAULT_NONE);
	assert_int_equal(add(&dir, "b", "URI:LIT:nbswy3dp", "{}"), FAULT_TOO_LARGE);
	check(&dir, LITERAL_DIR);
	dirnode_fini(&dir);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(makes_the_caps_of_tahoe),
		cmocka_unit_test(names_must_rise),
		cmocka_unit_test(only_immutable_children_are_allowed),
		cmocka_unit_test(stops_at_its_maximum),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
