#include "snapshot/stamp.h"

#include "tests/unit/facts.h"

#include <string.h>
#include <time.h>

static int64_t read_name(const char *name)
{
	int64_t seconds = -1;
	assert_true(stamp_read(name, strlen(name), &seconds));
	return seconds;
}

static bool is_known(const char *name, size_t size)
{
	int64_t seconds = 77;
	bool known = stamp_read(name, size, &seconds);
	if (!known)
		assert_int_equal(seconds, 77);
	return known;
}

static void reads_what_backups_have_written(void **state)
{
	(void)state;
	assert_int_equal(read_name("2026-11-21_22:21:48Z"), 1795299708);
	assert_int_equal(read_name("2026-11-21 22:21:48Z"), 1795299708);
	assert_int_equal(read_name("2026-11-21T22:21:48Z"), 1795299708);
	assert_int_equal(read_name("2026-11-21_22:21:48.75Z"), 1795299708);
	assert_int_equal(read_name("2009-11-16--17.34Z"), 1258392840);
	assert_int_equal(read_name("1970-01-01_00:00:00Z"), 0);
	assert_int_equal(read_name("2024-02-29_00:00:00Z"), 1709164800);
}

static void reads_twelve_hours_in_local_time(void **state)
{
	(void)state;
	setenv("TZ", "XYZ-2", 1);
	tzset();
	int64_t midnight = 1226786400; /* 2008-11-16 00:00 two hours east */
	assert_int_equal(read_name("2008-11-16 10.34 PM"), midnight + 22 * 3600 + 34 * 60);
	assert_int_equal(read_name("2008-11-16 10.34 AM"), midnight + 10 * 3600 + 34 * 60);
	assert_int_equal(read_name("2008-11-16 12.05 AM"), midnight + 5 * 60);
	assert_int_equal(read_name("2008-11-16 12.05 PM"), midnight + 12 * 3600 + 5 * 60);
	unsetenv("TZ");
	tzset();
}

static void knows_no_other_name(void **state)
{
	(void)state;
	static const char *const other[] = {
		"",
		"Latest",
		"2026",
		"2026-11-21",
		"2026-11-21_22:21:48",
		"2026-11-21_22:21:48z",
		"2026-11-21_22:21:48Z ",
		" 2026-11-21_22:21:48Z",
		"2026-11-21_22:21:48ZZ",
		"2026-11-21_22:21Z",
		"2026-11-21_22:21:4Z",
		"2026-11-21_22:21:048Z",
		"2026-11-21-22:21:48Z",
		"2026-11-21_22.21.48Z",
		"2026-11-21_22:21:48.Z",
		"2026-11-21_22:21:48.7",
		"2026-11-21_22:21:48.7x9Z",
		"2026-13-21_22:21:48Z",
		"2026-00-21_22:21:48Z",
		"2026-11-31_22:21:48Z",
		"2026-11-00_22:21:48Z",
		"2026-02-29_22:21:48Z",
		"2026-11-21_24:21:48Z",
		"2026-11-21_22:60:48Z",
		"2026-11-21_22:21:60Z",
		"+026-11-21_22:21:48Z",
		"-026-11-21_22:21:48Z",
		"2026- 1-21_22:21:48Z",
		"12026-11-21_22:21:48Z",
		"2026/11/21_22:21:48Z",
		"2009-11-16--17.34",
		"2009-11-16-17.34Z",
		"2009-11-16--17:34Z",
		"2009-11-16--17.34.01Z",
		"2008-11-16 10.34",
		"2008-11-16 10.34PM",
		"2008-11-16 10.34 pm",
		"2008-11-16 00.34 AM",
		"2008-11-16 13.34 PM",
		"2008-11-16 10.60 PM",
		"2008-11-16_10.34 PM",
		"2026-11-21_22:21:48Z.tmp",
		("\xd9\xa2"
		 "026-11-21_22:21:48Z"),
	};
	for (size_t i = 0; i < ARRAY_COUNT(other); i++)
		if (is_known(other[i], strlen(other[i])))
			fail_msg("'%s' is taken for a time", other[i]);
	assert_false(is_known("2026-11-21_22:21:48Z\0", 21));
	assert_false(is_known("2026-11-21_22:21\0048Z", 20));
	assert_false(is_known("2026-11-21_22:21:48Z", 19));
}

static void writes_what_it_reads(void **state)
{
	(void)state;
	static const int64_t moment[] = { 0, 1, 951782399, 1795299708, 253402300799, -62167219200 };
	char name[STAMP_SIZE];
	for (size_t i = 0; i < ARRAY_COUNT(moment); i++) {
		assert_true(stamp_write(moment[i], name));
		assert_int_equal(read_name(name), moment[i]);
	}
	assert_true(stamp_write(1795299708, name));
	assert_string_equal(name, "2026-11-21_22:21:48Z");
	assert_false(stamp_write(253402300800, name));
	assert_false(stamp_write(-62167219201, name));
	assert_false(stamp_write(INT64_MAX, name));
	assert_false(stamp_write(INT64_MIN, name));
}

static void sorts_by_time_and_then_by_name(void **state)
{
	(void)state;
	static const char *const sorted[] = {
		"2009-11-16--17.34Z",   "2026-11-21 22:21:48Z",
		"2026-11-21T22:21:48Z", "2026-11-21_22:21:48Z",
		"2026-11-21_22:21:49Z", "2026-11",
		"2026-11-21",           "a",
	};
	for (size_t i = 0; i < ARRAY_COUNT(sorted); i++)
		for (size_t j = 0; j < ARRAY_COUNT(sorted); j++) {
			struct stamp a = stamp_of(sorted[i], strlen(sorted[i]));
			struct stamp b = stamp_of(sorted[j], strlen(sorted[j]));
			int order = stamp_compare(&a, &b);
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_backups_have_written),
		cmocka_unit_test(reads_twelve_hours_in_local_time),
		cmocka_unit_test(knows_no_other_name),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(sorts_by_time_and_then_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
