#include "snapshot/retention.h"

#include <time.h>

enum {
	DAY = 24 * 60 * 60, /* seconds */
	THURSDAY = 4,       /* 1970-01-01 in tm_wday */
	WEEK_DAYS = 7,
	MONTHS = 12,
};

bool retention_is_empty(const struct retention *retention)
{
	for (size_t i = 0; i < RETENTION_RULES; i++)
		if (retention->count[i] > 0)
			return false;
	return true;
}

/* Rounds towards the past, also before 1970. */
static int64_t divide(int64_t number, int64_t by) { return number / by - (number % by < 0); }

/* Returns a number that all snapshots of one day, week, month or year share, and no others. */
static int64_t period_of(enum retention_rule rule, int64_t seconds)
{
	struct tm tm = { 0 };
	time_t time = seconds;
	int64_t day = divide(seconds, DAY);
	if (rule == RETENTION_DAILY)
		return day;
	if (rule == RETENTION_WEEKLY)
		return divide(day + THURSDAY - 1, WEEK_DAYS);
	gmtime_r(&time, &tm);
	return rule == RETENTION_MONTHLY ? (int64_t)tm.tm_year * MONTHS + tm.tm_mon : tm.tm_year;
}

/* From the newest to the oldest: the first of each period is kept, until there are enough. */
static void apply_rule(enum retention_rule rule, uint64_t wanted, const int64_t *seconds,
		       size_t count, unsigned *kept)
{
	int64_t before = 0;
	bool any = false;
	for (size_t i = count; i > 0 && wanted > 0; i--) {
		int64_t period =
			rule == RETENTION_LAST ? (int64_t)i : period_of(rule, seconds[i - 1]);
		if (any && period == before)
			continue;
		any = true;
		before = period;
		wanted--;
		kept[i - 1] |= 1u << rule;
	}
}

void retention_apply(const struct retention *retention, const int64_t *seconds, size_t count,
		     unsigned *kept)
{
	for (size_t i = 0; i < count; i++)
		kept[i] = 0;
	for (int rule = 0; rule < RETENTION_RULES; rule++)
		apply_rule((enum retention_rule)rule, retention->count[rule], seconds, count, kept);
}
