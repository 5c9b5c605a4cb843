#include "snapshot/retention.h"

#include "snapshot/stamp.h"
#include "tests/unit/facts.h"

#include <string.h>

enum { SNAPSHOTS_MAX = 12, L = 1 << RETENTION_LAST, D = 1 << RETENTION_DAILY };
enum { W = 1 << RETENTION_WEEKLY, M = 1 << RETENTION_MONTHLY, Y = 1 << RETENTION_YEARLY };

struct policy {
	const char *what;
	struct retention retention;
	struct {
		const char *name;
		unsigned kept;
	} snapshot[SNAPSHOTS_MAX]; /* the oldest first */
};

static const struct policy policy[] = {
	{ "the newest",
	  { { [RETENTION_LAST] = 2 } },
	  { { "2026-11-20_01:00:00Z", 0 },
	    { "2026-11-20_02:00:00Z", L },
	    { "2026-11-20_02:00:01Z", L } } },
	{ "more than there are",
	  { { [RETENTION_LAST] = UINT64_MAX } },
	  { { "2026-11-20_01:00:00Z", L }, { "2026-11-20_02:00:00Z", L } } },
	{ "the newest of a day, and days without one do not count",
	  { { [RETENTION_DAILY] = 2 } },
	  { { "2026-11-17_12:00:00Z", 0 },
	    { "2026-11-18_00:00:00Z", 0 },
	    { "2026-11-18_23:59:59Z", D },
	    { "2026-11-20_00:00:00Z", 0 },
	    { "2026-11-20_12:00:00Z", D } } },
	{ "weeks begin on Monday, across the year",
	  { { [RETENTION_WEEKLY] = 3 } },
	  { { "2026-12-20_12:00:00Z", W },
	    { "2026-12-27_23:59:59Z", W },
	    { "2026-12-28_00:00:00Z", 0 },
	    { "2026-12-31_12:00:00Z", 0 },
	    { "2027-01-03_23:59:59Z", W } } },
	{ "the Monday is of the next week",
	  { { [RETENTION_WEEKLY] = 2 } },
	  { { "2027-01-03_23:59:59Z", W }, { "2027-01-04_00:00:00Z", W } } },
	{ "months",
	  { { [RETENTION_MONTHLY] = 2 } },
	  { { "2025-11-30_12:00:00Z", 0 },
	    { "2026-10-01_00:00:00Z", 0 },
	    { "2026-10-31_23:59:59Z", M },
	    { "2026-11-01_00:00:00Z", M } } },
	{ "years, also before 1970",
	  { { [RETENTION_YEARLY] = 3 } },
	  { { "1968-12-31_23:59:59Z", Y },
	    { "1969-01-01_00:00:00Z", 0 },
	    { "1969-12-31_23:59:59Z", Y },
	    { "1970-01-01_00:00:00Z", Y } } },
	{ "days before 1970",
	  { { [RETENTION_DAILY] = 9 } },
	  { { "1969-12-30_23:59:59Z", D },
	    { "1969-12-31_00:00:00Z", 0 },
	    { "1969-12-31_23:59:59Z", D },
	    { "1970-01-01_00:00:00Z", D } } },
	{ "each rule by itself",
	  { { 1, 2, 2, 2, 2 } },
	  { { "2024-06-01_01:00:00Z", 0 },
	    { "2025-12-31_01:00:00Z", Y },
	    { "2026-10-31_01:00:00Z", M },
	    { "2026-11-15_01:00:00Z", W },
	    { "2026-11-19_01:00:00Z", D },
	    { "2026-11-20_01:00:00Z", 0 },
	    { "2026-11-20_02:00:00Z", L | D | W | M | Y } } },
	{ "one time twice",
	  { { [RETENTION_DAILY] = 1 } },
	  { { "2026-11-20 01:00:00Z", 0 }, { "2026-11-20_01:00:00Z", D } } },
	{ "none", { { 0 } }, { { "2026-11-20_01:00:00Z", 0 } } },
};

static size_t times_of(const struct policy *at, int64_t *seconds)
{
	size_t count = 0;
	for (; count < SNAPSHOTS_MAX && at->snapshot[count].name; count++)
		assert_true(stamp_read(at->snapshot[count].name, strlen(at->snapshot[count].name),
				       &seconds[count]));
	return count;
}

static void keeps_what_each_rule_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(policy); i++) {
		int64_t seconds[SNAPSHOTS_MAX];
		unsigned kept[SNAPSHOTS_MAX];
		size_t count = times_of(&policy[i], seconds);
		retention_apply(&policy[i].retention, seconds, count, kept);
		for (size_t j = 0; j < count; j++)
			if (kept[j] != policy[i].snapshot[j].kept)
				fail_msg("%s: %s is kept by %x", policy[i].what,
					 policy[i].snapshot[j].name, kept[j]);
	}
}

static void keeps_the_same_when_the_others_are_gone(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(policy); i++) {
		int64_t seconds[SNAPSHOTS_MAX];
		unsigned kept[SNAPSHOTS_MAX];
		size_t left = 0, count = times_of(&policy[i], seconds);
		retention_apply(&policy[i].retention, seconds, count, kept);
		for (size_t j = 0; j < count; j++)
			if (kept[j])
				seconds[left++] = seconds[j];
		retention_apply(&policy[i].retention, seconds, left, kept);
		for (size_t j = 0; j < left; j++)
			assert_int_not_equal(kept[j], 0);
	}
}

static void knows_when_no_rule_is_given(void **state)
{
	(void)state;
	assert_true(retention_is_empty(&(struct retention){ { 0 } }));
	for (int rule = 0; rule < RETENTION_RULES; rule++) {
		struct retention retention = { { 0 } };
		retention.count[rule] = 1;
		assert_false(retention_is_empty(&retention));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_what_each_rule_says),
		cmocka_unit_test(keeps_the_same_when_the_others_are_gone),
		cmocka_unit_test(knows_when_no_rule_is_given),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
