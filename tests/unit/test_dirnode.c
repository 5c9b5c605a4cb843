#include "tahoe/dirnode.h"

#include "tests/unit/facts.h"
#include "tests/unit/hex.h"

/* Made by tahoe-lafs 1.20.0 with the secret 00 01 .. 1f, 1-of-1. */
#define LITERAL_DIR "URI:DIR2-LIT:gmzdumj2mewdcnr2kvjesosmjfkdu3tcon3xsm3eoawdaormgi5hw7jmfq"
#define CHK_DIR                                                                                    \
	"URI:DIR2-CHK:kvwafbpsraimcd46mvdbcexjki:kauw5nrwkx2akpv3y7si"                             \
	"d4kuxf65fn6g3tja7vhnngqjv52xqubq:1:1:145"

#define FIELDS "jqaetaqsvifhgvk7ibkfrjd2rm:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega"

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

static void check_shares(const struct dirnode *dir, const char *expected)
{
	const struct chk_params with = params();
	struct chk_shares *shares = NULL;
	struct cap cap, file;
	struct err err;
	char text[CAP_TEXT_SIZE];
	assert_int_equal(dirnode_shares(dir, &with, &cap, &shares, &err), FAULT_NONE);
	cap_print(&cap, text);
	assert_string_equal(text, expected);
	assert_true(cap_to_file(&cap, &file));
	assert_true(cap_equal(&file, &shares->cap));
	assert_int_equal(shares->count, 1);
	chk_shares_free(shares);
}

static void makes_the_caps_of_tahoe(void **state)
{
	(void)state;
	struct dirnode dir;
	memset(&dir, 0xff, sizeof dir); /* whatever was there before */
	dirnode_init(&dir, 10000);
	assert_int_equal(dir.count, 0);
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
	check_shares(&dir, CHK_DIR);
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
	static const char *const bad[] = { "URI:SSK-RO:" FIELDS, "URI:DIR2:" FIELDS,
					   "URI:CHK-Verifier:" FIELDS ":1:1:56", "x-future:1" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(add(&dir, "a", bad[i], "{}"), FAULT_USAGE);
	assert_int_equal(add(&dir, "a", "URI:DIR2-CHK:" FIELDS ":1:1:56", "{}"), FAULT_NONE);
	dirnode_fini(&dir);
}

/* Made by tahoe-lafs 1.20.0, pack_children of allmydata/dirnode.py: what may only be read has a
 * write cap of no bytes, hidden like the others. */
#define HIDDEN_NONE                                                                                \
	"d05f738a043b8404b7495ccb5d5501866971af5bc2acc121f3a8c3c9e4c67eaa2cf628b320d73bc0"         \
	"2284aa976c0018c7"
#define HIDDEN_DIR2                                                                                \
	"c2417549c43363275668be5d4b3b0ec672d036d4dd8e84a0a0dd2324afb1061da4b1b43ddc742d34"         \
	"090316639cd7fca40fede2b9dd2c9e6e05342f93be1e732f1873ee30550b4140ef23715a9e36af97"         \
	"8368e38fe0a806a72d5141649b416c18798f58c7731b59b82cb26012d2dcd27f54ca077452abff17"         \
	"fa92125468fa6a728f6e0344fa1e6c87"

static void open_mutable(struct dirnode *dir)
{
	unsigned char writekey[CAP_KEY_SIZE];
	struct err err;
	for (unsigned char i = 0; i < CAP_KEY_SIZE; i++)
		writekey[i] = i;
	assert_int_equal(dirnode_init_mutable(dir, 10000, writekey, &err), FAULT_NONE);
}

static void a_mutable_directory_hides_write_caps(void **state)
{
	(void)state;
	static const struct {
		const char *plain, *hidden;
	} part[] = {
		{ "87:1:a,16:URI:LIT:nbswy3dp,48:", HIDDEN_NONE },
		{ ",8:{\"x\": 1},,245:1:b,91:URI:DIR2-RO:d547vlxcjym7eyg2d5yxfixcsu:"
		  "tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega,136:",
		  HIDDEN_DIR2 },
		{ ",2:{},,160:1:c,95:URI:CHK:" FIELDS ":3:10:56,48:", HIDDEN_NONE },
		{ ",2:{},,155:1:d,90:URI:SSK-RO:" FIELDS ",48:", HIDDEN_NONE },
		{ ",2:{},,", "" },
	};
	unsigned char hidden[CAP_TEXT_SIZE];
	struct dirnode dir;
	struct bytes expected;
	bytes_init(&expected, 10000);
	for (size_t i = 0; i < ARRAY_COUNT(part); i++) {
		assert_int_equal(bytes_append_text(&expected, part[i].plain), FAULT_NONE);
		const size_t size = hex_bytes(part[i].hidden, hidden);
		assert_int_equal(bytes_append(&expected, hidden, size), FAULT_NONE);
	}
	open_mutable(&dir);
	assert_int_equal(add(&dir, "a", "URI:LIT:nbswy3dp", "{\"x\": 1}"), FAULT_NONE);
	assert_int_equal(add(&dir, "b", "URI:DIR2:" FIELDS, "{}"), FAULT_NONE);
	assert_int_equal(add(&dir, "c", "URI:CHK:" FIELDS ":3:10:56", "{}"), FAULT_NONE);
	assert_int_equal(add(&dir, "d", "URI:SSK-RO:" FIELDS, "{}"), FAULT_NONE);
	assert_int_equal(dir.body.size, 666);
	assert_int_equal(expected.size, 666);
	assert_memory_equal(dir.body.data, expected.data, 666);
	dirnode_fini(&dir);
	bytes_fini(&expected);
}

static void only_what_lets_read_is_a_child(void **state)
{
	(void)state;
	static const char *const bad[] = { "URI:CHK-Verifier:" FIELDS ":1:1:56",
					   "URI:DIR2-Verifier:" FIELDS, "URI:SSK-Verifier:" FIELDS,
					   "x-future:1" };
	struct dirnode dir;
	open_mutable(&dir);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(add(&dir, "a", bad[i], "{}"), FAULT_USAGE);
	assert_int_equal(dir.body.size, 0);
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
		cmocka_unit_test(a_mutable_directory_hides_write_caps),
		cmocka_unit_test(only_what_lets_read_is_a_child),
		cmocka_unit_test(stops_at_its_maximum),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
