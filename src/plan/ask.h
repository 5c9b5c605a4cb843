/*
 * Listing a directory of a grid for the planner: one question, asked again until it is answered.
 *
 * Place      src/plan over store/wait.h; what is tried again is queue/retry's decision.
 * Threads    the planner's, which owns the store.
 */
#pragma once

#include "store/wait.h"

struct ask {
	struct store_wait wait;
	uint64_t away_ms; /* how long to wait for a gateway that does not answer */
};

/* Who hears of the children. */
struct ask_children {
	void (*begin)(void *context); /* forgets what an earlier try has told */
	store_child_found *child;     /* false: out of memory */
	void *context;                /* of both */
};

/*
 * Lists the directory `cap`.  Sleeps, also between tries.  Faults: CANCELLED (asked to stop), NOMEM
 * (a child was refused), UNAVAILABLE (the gateway stayed away), and those of store_list that no try
 * changes; CORRUPT, being a reply and not our state, ends as RETRY.  Two tries of half a minute
 * without a listing are all there are.
 */
MUST_USE enum fault ask_directory(const struct ask *ask, const struct cap *cap,
				  const struct ask_children *children, struct err *err);
