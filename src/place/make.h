/*
 * A directory made on the grid before anything names it.
 *
 * Place      whoever needs one that the plan of a job does not have: --cap-out, a key store,
 *            git-annex's remote -> [make] -> calls/wait.h.
 * Ownership  everything is borrowed for the call.
 * Threads    the owner of the store of `tries`; sleeps.
 */
#pragma once

#include "calls/tries.h"
#include "tahoe/edge.h"

/*
 * Makes a mutable directory with `child` (NULL: none) in it, trying again.  Where a reply was lost
 * one more may be left behind, which has no name.  Faults: those of store_make_directory.
 */
MUST_USE enum fault make_mutable(const struct tries *tries, const struct edge_child *child,
				 struct cap *cap, struct err *err);

struct make_options {
	bool is_mutable;
	uint64_t children; /* in the body */
};

/* The same with the children of a body (tahoe/edge.h); an immutable one has the same cap again. */
MUST_USE enum fault make_directory(const struct tries *tries, const struct make_options *options,
				   const struct bytes *json, struct cap *cap, struct err *err);
