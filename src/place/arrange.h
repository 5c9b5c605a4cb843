/*
 * What `barge cp SRC... DST` means: what each source is, and what it is called at the target.
 *
 * Place      places -> [arrange] -> planner, committer, src/land.
 * Ownership  a struct arrangement owns everything but the places, until arrangement_fini; it holds
 *            caps.  The places must outlive it.
 * Threads    one; asks the gateway and sleeps.
 *
 * Nothing is made or changed here.
 *
 * Source: the order of decisions and the texts of errors are those of `tahoe cp`, tahoe-lafs 1.20.0
 * allmydata/scripts/tahoe_cp.py; docs/cp.md tells where they differ.
 */
#pragma once

#include "calls/tries.h"
#include "options/planning.h"
#include "place/places.h"

struct arranged_source {
	const struct place *place; /* borrowed */
	bool is_directory;         /* local: a symlink is followed */
	const char *name;       /* borrowed: what it is called at the target; NULL: a directory on
				   the grid without a name, whose contents go into the target */
	struct store_node node; /* grid: what it is, with its caps */
	unsigned char *attributes; /* those of node.metadata, owned; or NULL */
};

struct arrangement {
	bool local; /* the target; what belongs to the other kind is all zeros */

	/* grid */
	struct cap root; /* the directory that is there: task 0 merges into it; or the mutable file
			    named by its cap, which is overwritten; none for a fresh
			    target, until it is made */
	size_t depth;    /* components of the target's path that lead to it */
	char **made;     /* names of directories to be made, one inside the other */
	size_t made_count;

	/* local */
	char *directory; /* absolute: where everything goes, made when missing with those above */
	bool directory_exists;

	char *last_name; /* what the one source is called there; NULL: what it is called already */
	struct arranged_source *source; /* in the order of the command line */
	size_t count;
};

/*
 * Looks at the target, then at the sources in their order, and decides.  `tries` is used when a
 * place is on the grid.  Faults: USAGE with tahoe's words, and for what tahoe would do to its
 * harm: a name twice, a target inside a source, names that lead out of a local target; a kind of
 * target that is not supported yet; a list to select from that has no one directory to begin in;
 * those of listing, and IO.  On failure `out` is empty.
 */
MUST_USE enum fault arrange(const struct planning_options *planning, const struct places *places,
			    const struct tries *tries, struct arrangement *out, struct err *err);

/* Fails with USAGE where what is at a target is no directory that can be written to. */
MUST_USE enum fault arrange_check_root(const struct place *place, const struct store_node *node,
				       struct err *err);

/*
 * Finds the directory `depth` components below the place again, for a plan made earlier.
 * Faults: EXISTS when it is not there any more, or no directory; USAGE when it is read-only.
 */
MUST_USE enum fault arrange_find_root(const struct place *place, size_t depth,
				      const struct tries *tries, struct cap *root, struct err *err);

/* Wipes and frees.  All zeros are allowed. */
void arrangement_fini(struct arrangement *arrangement);
