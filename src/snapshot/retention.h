/*
 * Which snapshots are kept, by rules that count: the newest, and the newest of so many days, weeks,
 * months and years.
 *
 * Place      archive's list of snapshots -> [retention] -> barge forget.
 * Ownership  plain data.
 * Threads    all functions may run concurrently.
 *
 * Each rule looks at all snapshots by itself, and a snapshot stays when any rule keeps it.  A day
 * without a snapshot does not count.  Days begin at midnight UTC, weeks on Monday (ISO 8601).  What
 * a rule keeps it keeps again once the others are gone, so to apply the rules twice changes
 * nothing.
 */
#pragma once

#include "queue/core/base.h"

enum retention_rule {
	RETENTION_LAST,
	RETENTION_DAILY,
	RETENTION_WEEKLY,
	RETENTION_MONTHLY,
	RETENTION_YEARLY,
	RETENTION_RULES,
};

struct retention {
	uint64_t count[RETENTION_RULES]; /* 0: the rule is not given */
};

/* Returns whether no rule is given: then nobody has said what is to be kept. */
bool retention_is_empty(const struct retention *retention);

/*
 * Says of `count` snapshots, whose times are in seconds since 1970, the oldest first, which rules
 * keep each: bits 1u << enum retention_rule in `kept`; 0: no rule does.
 */
void retention_apply(const struct retention *retention, const int64_t *seconds, size_t count,
		     unsigned *kept);
