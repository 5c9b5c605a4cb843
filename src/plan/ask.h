/*
 * Listing directories of a grid for the planner: questions, each asked again until it is answered.
 *
 * Place      src/plan over calls/wait.h; what is tried again is queue/retry's decision.
 * Threads    the planner's, which owns the store.
 */
#pragma once

#include "calls/tries.h"

struct ask {
	struct store_wait wait;
	struct tries tries; /* copied for each question; of `wait` */
};

/* Who hears of the children. */
struct ask_children {
	void (*begin)(void *context); /* forgets what an earlier try has told */
	store_child_found *child;     /* false: out of memory */
	void *context;                /* of both */
};

/* A listing on its way: zero, or between ask_start and ask_finish or ask_cancel.  Stays where it is
 * in memory. */
struct asking {
	struct ask_children children;
	struct store_call *call; /* NULL: it has ended, or never began */
	uint64_t begun;          /* clock_ms */
	uint64_t took;           /* ms */
	bool nomem;
	struct err err; /* how it ended; fault NONE: well */
};

/* Starts listing the directory `cap`; never sleeps.  What comes is told to `children` whenever the
 * store is polled, before ask_finish or in it. */
void ask_start(const struct ask *ask, const struct cap *cap, const struct ask_children *children,
	       struct asking *asking);

/* Returns whether it has not ended yet. */
static inline bool ask_is_busy(const struct asking *asking) { return asking->call; }

/* Returns whether it has ended, and not well. */
static inline bool ask_has_failed(const struct asking *asking)
{
	return !asking->call && asking->err.fault;
}

/*
 * Waits for the listing of `cap` that was started, and asks again when that failed.  Sleeps, also
 * between tries.  Faults: CANCELLED (asked to stop), NOMEM (a child was refused), UNAVAILABLE (the
 * gateway stayed away), and those of store_list that no try changes; CORRUPT, being a reply and not
 * our state, ends as RETRY.  Two tries of half a minute without a listing are all there are.
 */
MUST_USE enum fault ask_finish(const struct ask *ask, const struct cap *cap, struct asking *asking,
			       struct err *err);

/* Ends the listing on its way, if there is one. */
void ask_cancel(const struct ask *ask, struct asking *asking);
