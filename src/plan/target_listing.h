/*
 * What stands at the target on the grid already: a plan_target over listings and slots.
 *
 * Place      beside the planner, when a tree is merged into directories that are there.
 * Ownership  borrows the outcomes and the store of its options.
 * Threads    the planner's.
 */
#pragma once

#include "plan/ask.h"
#include "plan/plan.h"

struct target_listing_options {
	const struct cap *root; /* the directory of task 0, or a file to be overwritten; borrowed */
	struct outcomes *outcomes; /* what is there gets a slot: state planned, with its cap; a file
				      also with size and mtime (OUTCOME_HAS_MTIME) */
	struct ask ask;
};

struct target_listing;

/* Makes it, and fills `target` for plan_request.  Faults: NOMEM. */
MUST_USE enum fault target_listing_new(const struct target_listing_options *options,
				       struct target_listing **listing, struct plan_target *target,
				       struct err *err);

/* Frees.  NULL is allowed. */
void target_listing_free(struct target_listing *listing);
