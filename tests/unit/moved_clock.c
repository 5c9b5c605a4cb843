#include "tests/unit/moved_clock.h"

#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NS_A_MS = 1000000, MS_A_SECOND = 1000 };

static atomic_uint_fast64_t stopped_ms; /* where the clock stands; 0: it goes */

static uint64_t real_ms(void)
{
	struct timespec now;
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * MS_A_SECOND + (uint64_t)now.tv_nsec / NS_A_MS;
}

void clock_stop(void)
{
	if (!atomic_load(&stopped_ms))
		atomic_store(&stopped_ms, real_ms());
}

void clock_move(uint64_t ms)
{
	clock_stop();
	atomic_fetch_add(&stopped_ms, ms);
}

/* In place of libc's. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
	const uint64_t ms = atomic_load(&stopped_ms);
	if (!ms || (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_RAW &&
		    clock != CLOCK_MONOTONIC_COARSE))
		return (int)syscall(SYS_clock_gettime, clock, now);
	now->tv_sec = (time_t)(ms / MS_A_SECOND);
	now->tv_nsec = (long)(ms % MS_A_SECOND) * NS_A_MS;
	return 0;
}
