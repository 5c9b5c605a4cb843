/*
 * One thread that calls others at their times: it keeps leases alive and has outcomes recorded.
 *
 * Place      queue/lease.h -> [heartbeat]; it knows nothing of what it calls.
 * Ownership  a struct beat lies inside whatever is called, and is the heartbeat's until
 *            heartbeat_remove.
 * Threads    all functions from any; calls are made one at a time, in the heartbeat's own thread.
 */
#pragma once

#include "queue/core/fault.h"

struct heartbeat;

/* Called when it is time; returns when to be called next (clock_ms, UINT64_MAX: not before
 * heartbeat_hurry).  May sleep, at the cost of all others; must not add or remove. */
typedef uint64_t beat_call(void *context);

/* Someone to be called.  The first two are filled in before heartbeat_add, the rest is private. */
struct beat {
	beat_call *call;
	void *context;
	uint64_t due_ms;
	struct beat *next;
};

/* Starts the thread.  Faults: NOMEM. */
MUST_USE enum fault heartbeat_start(struct heartbeat **heartbeat, struct err *err);

/* Ends the thread and frees; nobody is to be called any more.  NULL is allowed. */
void heartbeat_stop(struct heartbeat *heartbeat);

/* Calls `beat` from `due_ms` on. */
void heartbeat_add(struct heartbeat *heartbeat, struct beat *beat, uint64_t due_ms);

/* Calls `beat`, one that was added, at `due_ms` if not before. */
void heartbeat_hurry(struct heartbeat *heartbeat, struct beat *beat, uint64_t due_ms);

/* Calls `beat` no more: sleeps while it is being called. */
void heartbeat_remove(struct heartbeat *heartbeat, struct beat *beat);
