#include "known/age.h"

#include "base/meta.h"

#define NS INT64_C(1000000000)

enum { TICK_MS = 100, TICK_COARSE_MS = 2000, AHEAD_S = 24 * 60 * 60 };

bool known_is_due(const struct known_age *age, int64_t then, int64_t now, uint64_t chance)
{
	if (age->always_s == 0)
		return true;
	if (now <= then) /* the clock went back; if by much, nobody knows how long ago that was */
		return (uint64_t)then - (uint64_t)now > age->always_s;
	const uint64_t old = (uint64_t)now - (uint64_t)then;
	if (old >= age->always_s)
		return true;
	if (old <= age->never_s)
		return false;
	const double part = (double)(old - age->never_s) / (double)(age->always_s - age->never_s);
	return (double)chance / (double)UINT64_MAX < part;
}

/* Whether a tick that begins at `ns` was over before anything was read. */
static bool is_over(int64_t ns, const struct known_reading *reading)
{
	const int64_t tick_ms = ns % NS == 0 ? TICK_COARSE_MS : TICK_MS;
	int64_t over;
	return !__builtin_add_overflow(ns, tick_ms * 1000000, &over) && over <= reading->from_ns;
}

/* Whether the time is so far ahead that no clock gave it while anything was read. */
static bool is_ahead(int64_t ns, const struct known_reading *reading)
{
	int64_t before;
	return ns != META_LATE_TIME && !__builtin_sub_overflow(ns, AHEAD_S * NS, &before) &&
	       before > reading->until_ns;
}

bool known_is_settled(int64_t mtime_ns, int64_t ctime_ns, const struct known_reading *reading)
{
	return (is_over(mtime_ns, reading) || is_ahead(mtime_ns, reading)) &&
	       (is_over(ctime_ns, reading) || is_ahead(ctime_ns, reading));
}
