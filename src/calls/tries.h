/*
 * Tries of one call in one thread, sleeping in between: queue/retry for calls of calls/wait.h.
 *
 * Place      work in one thread, over calls/wait.h: a failed call -> [tries] -> the same call.
 * Ownership  plain data; borrows the wait.
 * Threads    one owner at a time.
 */
#pragma once

#include "calls/away.h"
#include "calls/wait.h"
#include "queue/retry.h"

struct tries {
	const struct store_wait *wait; /* whose `stop` ends a sleep */
	struct away *away;             /* NULL: a gateway that is away is not waited for */
	/* Hears why there will be another try.  May be NULL. */
	void (*again)(void *context, const struct err *err);
	void *context;
	/* zero at first */
	struct retry_state state;
	bool waits; /* the last try found the gateway away */
};

/*
 * Decides after a try failed with `err`, and sleeps until the next.  Returns false when there is
 * none: `err` says why, by the name of fault_after_tries: UNAVAILABLE where gateway or grid were
 * waited for long enough; or FAULT_CANCELLED when the sleep was ended.
 */
MUST_USE bool tries_again(struct tries *tries, struct err *err);

/* Says that the call has ended well: a gateway that it found away is back. */
void tries_over(struct tries *tries);

/* Sleeps for `delay_ms` without counting a try.  FAULT_CANCELLED. */
MUST_USE enum fault tries_pause(const struct tries *tries, uint32_t delay_ms, struct err *err);
