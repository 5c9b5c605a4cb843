/*
 * What is at a place, local or on the grid.
 *
 * Place      [arrange_look] -> arrange.
 * Ownership  borrows places; nodes hold caps.
 * Threads    one; asks the gateway and sleeps.
 */
#pragma once

#include "place/arrange.h"

enum {
	LOOK_COMPONENTS_MAX = 1000, /* one GET each, at worst */
};

enum look_kind {
	LOOK_MISSING,
	LOOK_FILE, /* on the grid: whatever is no directory */
	LOOK_DIRECTORY,
	LOOK_OTHER, /* local */
};

/* The components of a path below a cap. */
struct look_path {
	struct store_name component[LOOK_COMPONENTS_MAX];
	size_t count;
};

struct look_target {
	const struct place *place;
	const struct tries *tries;
	enum look_kind kind;    /* never OTHER */
	struct look_path path;  /* grid, as what follows */
	size_t found;           /* components that are there */
	struct store_node node; /* what these lead to */
};

/*
 * Fills `target`, all zeros.  Faults, "Error examining target" first: USAGE (local: neither file
 * nor directory, not permitted; grid: below a file, or a file and ends in a slash), those of
 * listing, IO.
 */
MUST_USE enum fault look_at_target(const struct place *place, const struct tries *tries,
				   struct look_target *target, struct err *err);

/*
 * Fills what the source at source->place is.  Faults: USAGE with tahoe's words (missing, E8,
 * neither file nor directory, unknown node), and "Error examining source" before those of listing,
 * and IO.
 */
MUST_USE enum fault look_at_source(const struct tries *tries, struct arranged_source *source,
				   struct err *err);

/* Splits the path of a place on the grid; "//" is "/".  FAULT_USAGE: too many components. */
MUST_USE enum fault look_split(const struct place *place, struct look_path *path, struct err *err);

/* Stores what is at the whole path; its kind is STORE_UNKNOWN where nothing is.  Faults, "Error
 * examining target" first: those of listing. */
MUST_USE enum fault look_whole(const struct place *place, const struct look_path *path,
			       const struct tries *tries, struct store_node *node, struct err *err);

/* Finds the longest beginning of the first `*count` components that exists, shortens `*count` to it
 * and stores what it is.  Faults, "Error examining target" first: those of listing. */
MUST_USE enum fault look_deepest(const struct place *place, const struct look_path *path,
				 const struct tries *tries, size_t *count, struct store_node *node,
				 struct err *err);

/*
 * Stores the absolute `path` without symlinks in what exists of it, the rest as it is, and what is
 * there.  The caller frees `real`.  Faults: USAGE when something that is no directory is in the
 * way, or not permitted; IO; NOMEM.
 */
MUST_USE enum fault look_through(const char *path, char **real, enum look_kind *kind,
				 struct err *err);
