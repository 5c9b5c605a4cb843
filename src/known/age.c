#include "known/age.h"

enum { TICK_MS = 100, TICK_COARSE_MS = 2000 };

bool known_is_due(const struct known_age *age, int64_t then, int64_t now, uint64_t chance)
{
	if (age->always_s == 0)
		return true;
	if (now <= then) /* the clock went back: its age is not known to be any */
		return false;
	const uint64_t old = (uint64_t)now - (uint64_t)then;
	if (old >= age->always_s)
		return true;
	if (old <= age->never_s)
		return false;
	const double part = (double)(old - age->never_s) / (double)(age->always_s - age->never_s);
	return (double)chance / (double)UINT64_MAX < part;
}

/* Whether a tick that begins at `ns` was over at `read_ns`. */
static bool is_over(int64_t ns, int64_t read_ns)
{
	const int64_t tick_ms = ns % 1000000000 == 0 ? TICK_COARSE_MS : TICK_MS;
	int64_t over;
	return !__builtin_add_overflow(ns, tick_ms * 1000000, &over) && over <= read_ns;
}

bool known_is_settled(int64_t mtime_ns, int64_t ctime_ns, int64_t read_ns)
{
	return is_over(mtime_ns, read_ns) && is_over(ctime_ns, read_ns);
}
