#include "snapshot/moment.h"

#include "tests/unit/facts.h"

#include <time.h>

enum { NOW = 1795299708, HOUR = 3600, DAY = 24 * HOUR }; /* 2026-11-21 22:21:48 UTC */

static void reads_times(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t seconds;
	} moment[] = {
		{ "2026-11-21Z", NOW + 98 * 60 + 11 },
		{ "2026-11-21", NOW + 98 * 60 + 11 - 2 * HOUR },
		{ "2026-11-21 22:21Z", NOW + 11 },
		{ "2026-11-21T22:21:48Z", NOW },
		{ "2026-11-21T22:21:48+01:00", NOW - HOUR },
		{ "2026-11-22 00:21:48", NOW },
		{ "2026-11-21_22:21:48Z", NOW },
		{ "@77", 77 },
		{ "2 days ago", NOW - 2 * DAY },
		{ "1 day ago", NOW - DAY },
		{ "3 weeks ago", NOW - 21 * DAY },
		{ "12 hours ago", NOW - 12 * HOUR },
		{ "90 minutes ago", NOW - 90 * 60 },
	};
	setenv("TZ", "XYZ-2", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_COUNT(moment); i++) {
		struct err err;
		int64_t seconds = 0;
		if (moment_read(moment[i].text, NOW, &seconds, &err) ||
		    seconds != moment[i].seconds)
			fail_msg("%s: %lld", moment[i].text, (long long)seconds);
	}
	unsetenv("TZ");
	tzset();
}

static void refuses_what_is_no_time(void **state)
{
	(void)state;
	static const char *const other[] = {
		"",
		"now",
		"2026",
		"2026-11-31",
		"26-11-21",
		"2026-11-21 22",
		"@",
		"@x",
		"@7 ",
		"days ago",
		"2 days",
		"2 years ago",
		"2days ago",
		"-2 days ago",
		"9223372036854775807 weeks ago",
		"2 dayss ago",
	};
	for (size_t i = 0; i < ARRAY_COUNT(other); i++) {
		struct err err;
		int64_t seconds = 0;
		if (moment_read(other[i], NOW, &seconds, &err) != FAULT_USAGE)
			fail_msg("'%s' is taken for a time", other[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_times),
		cmocka_unit_test(refuses_what_is_no_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
