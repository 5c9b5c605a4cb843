/*
 * Where on the grid a tree goes: the deepest directory that is there, and the names to be made
 * below it.
 *
 * Place      places -> [target] -> planner, committer.
 * Ownership  a struct target owns its names and cap until target_fini.
 * Threads    one; asks the gateway and sleeps.
 *
 * Source: the order of decisions and the texts of errors are those of `tahoe cp`, tahoe-lafs 1.20.0
 * allmydata/scripts/tahoe_cp.py.
 */
#pragma once

#include "cli/places.h"
#include "store/wait.h"

struct target {
	struct cap root; /* the directory that is there: task 0 merges into it */
	size_t depth;    /* components of the target's path that lead to it */
	char **made;     /* names of directories to be made, one inside the other */
	size_t made_count;
	char *file_name; /* the one source is a file and gets this name; else NULL */
	char **name;     /* of each source, in the order of places */
	size_t name_count;
};

/*
 * Resolves the target of `places` on the grid.  Faults: USAGE with tahoe's words (E2, E5 to E9 and
 * "target is read-only"), and those of listing.
 */
MUST_USE enum fault target_resolve(const struct places *places, const struct store_wait *wait,
				   struct target *target, struct err *err);

/*
 * Finds the directory `depth` components below the place again, for a plan made earlier.
 * Faults: EXISTS when it is not there any more, or no directory; USAGE when it is read-only.
 */
MUST_USE enum fault target_find_root(const struct place *place, size_t depth,
				     const struct store_wait *wait, struct cap *root,
				     struct err *err);

/* Wipes and frees.  All zeros are allowed. */
void target_fini(struct target *target);
