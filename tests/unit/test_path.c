#include "serve/path.h"

#include "tests/unit/facts.h"

static void splits_first_and_decodes_then(void **state)
{
	(void)state;
	struct path path;
	assert_int_equal(path_parse(&path, "/uri/URI%3ALIT%3a/a%2Fb/%C3%A9+%20", NULL), FAULT_NONE);
	assert_int_equal(path.count, 4);
	assert_string_equal(path_part(&path, 0), "uri");
	assert_string_equal(path_part(&path, 1), "URI:LIT:");
	assert_string_equal(path_part(&path, 2), "a/b");
	assert_string_equal(path_part(&path, 3), "\xc3\xa9+ ");
	assert_string_equal(path_part(&path, 4), "");
	assert_false(path.trailing);
	path_fini(&path);
}

static void a_slash_at_the_end_is_no_part(void **state)
{
	(void)state;
	struct path path;
	assert_int_equal(path_parse(&path, "/uri/x/", NULL), FAULT_NONE);
	assert_int_equal(path.count, 2);
	assert_true(path.trailing);
	path_fini(&path);
	assert_int_equal(path_parse(&path, "/", NULL), FAULT_NONE);
	assert_int_equal(path.count, 0);
	path_fini(&path);
}

static void refuses_empty_and_malformed_parts(void **state)
{
	(void)state;
	struct path path;
	struct err err;
	static const char *const bad[] = { "/uri//x", "//", "/a%", "/a%2", "/a%zz" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(path_parse(&path, bad[i], &err), FAULT_USAGE);
		assert_int_equal(err.http_status, 400);
		assert_int_equal(path.count, 0);
	}
	assert_int_equal(path_parse(&path, "/uri/%FF", &err), FAULT_CORRUPT);
	assert_int_equal(path_parse(&path, "/uri/%ED%A0%80", &err), FAULT_CORRUPT);
}

static void ranges_are_those_of_tahoe(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		uint64_t total;
		enum range_answer answer;
		uint64_t start, size;
	} cases[] = {
		{ NULL, 10, RANGE_WHOLE, 0, 10 },
		{ "bytes=0-9", 10, RANGE_PART, 0, 10 },
		{ "bytes=3-3", 10, RANGE_PART, 3, 1 },
		{ "bytes=3-", 10, RANGE_PART, 3, 7 },
		{ "bytes=-4", 10, RANGE_PART, 6, 4 },
		{ "bytes=-40", 10, RANGE_PART, 0, 10 },
		{ "bytes=5-99999999999999999999999", 10, RANGE_PART, 5, 5 },
		{ "bytes=1-2,4-5", 10, RANGE_PART, 1, 2 },
		{ "bytes=10-11", 10, RANGE_UNSATISFIABLE, 0, 10 },
		{ "bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0 },
		{ "bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 10 },
		{ "bytes=5-4", 10, RANGE_WHOLE, 0, 10 },
		{ "bytes=-", 10, RANGE_WHOLE, 0, 10 },
		{ "bytes=x-4", 10, RANGE_WHOLE, 0, 10 },
		{ "bytes=1-4x", 10, RANGE_WHOLE, 0, 10 },
		{ "lines=1-4", 10, RANGE_WHOLE, 0, 10 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct range range;
		assert_int_equal(range_parse(cases[i].value, cases[i].total, &range),
				 cases[i].answer);
		assert_int_equal(range.start, cases[i].start);
		assert_int_equal(range.size, cases[i].size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_first_and_decodes_then),
		cmocka_unit_test(a_slash_at_the_end_is_no_part),
		cmocka_unit_test(refuses_empty_and_malformed_parts),
		cmocka_unit_test(ranges_are_those_of_tahoe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
