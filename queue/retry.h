/*
 * What a fault means for what failed with it: the one table, and the one decision whether to try
 * again, for every request and every task.
 *
 * A fault has an owner.  Only what is wrong with one entry is a verdict on that entry; a gateway
 * that is away, a full disk and a run that was told to stop say nothing about it.  What the other
 * side says (err.remote) may be an accident of one reply, where the same words about our own files
 * are final, and end the job where they are about the job's (ERR_JOB).  Trouble of the grid or of
 * the way to it is told by err.excuse (src/store/health.h): what others suffer too is waited for,
 * whatever the fault.
 *
 * Delays grow exponentially, with full jitter; Retry-After wins, up to RETRY_AFTER_MAX_MS.
 *
 * Place      whoever hears that something failed -> [retry] -> again, given back, or an outcome.
 * Threads    pure functions; the random state belongs to the caller.
 */
#pragma once

#include "queue/core/fault.h"

enum {
	RETRY_ATTEMPTS = 5,          /* tries of one task, the first included */
	RETRY_CHANGED_ATTEMPTS = 3,  /* of a source that changes while it is read */
	RETRY_BASE_MS = 200,         /* the first delay is 0..this; it doubles each time */
	RETRY_AFTER_MAX_MS = 300000, /* no delay asked for by the other side is longer */
};

enum fate {
	FATE_FAILED,  /* the entry's own fault: a verdict on it */
	FATE_AGAIN,   /* tried again, which counts; a verdict after the last try */
	FATE_AWAY,    /* gateway or grid are away: waited for, and no try was made */
	FATE_STOPPED, /* somebody asked to stop: no try was made */
	FATE_BROKEN,  /* ends the job, to be resumed: a full disk, or a shortage that lasts */
};

/* Returns what becomes of something that failed with `err`, which is a fault. */
enum fate fate_of(const struct err *err);

/* Returns the enum outcome_reason of an entry that failed for good with `err`. */
uint8_t reason_of(const struct err *err);

/*
 * Returns what to call the fault of something that was tried and is FATE_FAILED.  A wrong reply
 * says nothing of our own state, and somebody's answer in a gateway's place, while others got
 * theirs, not that all have to wait: both are a RETRY that did not help.
 */
enum fault fault_after_tries(const struct err *err);

/* Returns whether whatever else is tried would fail the same way: nothing is to be begun after it.
 */
bool fault_is_general(enum fault fault);

/* What is remembered from one try to the next; zero at first. */
struct retry_state {
	unsigned attempts; /* that failed, and count */
	uint64_t trouble;  /* err.trouble of the first that had one */
	uint64_t random;   /* of delays */
};

/*
 * Returns what becomes of something when a further try has failed with `err`: FATE_AGAIN or
 * FATE_AWAY, storing in `delay_ms` how long to wait; FATE_FAILED also after the last try.  Trouble
 * of the grid counts as well once others of its kind began after the first trouble and went well,
 * and then the tries have half a minute, lest it be in trouble again.
 */
MUST_USE enum fate retry_decide(const struct err *err, struct retry_state *state,
				uint32_t *delay_ms);
