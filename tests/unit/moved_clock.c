#include "tests/unit/moved_clock.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_uint_fast64_t ahead_ms;

void clock_move(uint64_t ms) { atomic_fetch_add(&ahead_ms, ms); }

/* In place of libc's. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	const int rc = (int)syscall(SYS_clock_gettime, clock, now);
	const uint64_t ms = atomic_load(&ahead_ms);
	if (rc || (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_RAW &&
		   clock != CLOCK_MONOTONIC_COARSE))
		return rc;
	const uint64_t ns = (uint64_t)now->tv_nsec + ms % 1000 * 1000000;
	now->tv_sec += (time_t)(ms / 1000 + ns / 1000000000);
	now->tv_nsec = (long)(ns % 1000000000);
	return 0;
}
