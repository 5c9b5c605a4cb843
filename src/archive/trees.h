/*
 * Several trees of a grid walked at once: each name with what it is in which of them.
 *
 * Place      archive.h -> [trees] -> barge snapshots find, barge snapshots diff.
 * Ownership  borrows everything of its options.
 * Threads    the owner of the store.
 *
 * Depth first.  Trees that have the same directory at a path, by its cap, are one there: it is
 * listed once for all of them.  What is kept at a time is the rows of one path that are wanted, and
 * the directories still to be visited.
 */
#pragma once

#include "plan/remote.h"

/* One form of what has a name. */
struct trees_version {
	const struct remote_child *child; /* but for its name */
	const uint64_t *in;               /* bit N: tree N has it */
};

/* What has a name in any of the trees.  Pointers borrow for the call. */
struct trees_name {
	const char *path; /* below the roots, names joined by "/", hostile */
	size_t path_size;
	const struct trees_version *version; /* that of the first tree first */
	size_t count;
};

struct trees_options {
	struct remote *remote;
	const struct cap *const *root; /* directories */
	size_t count;                  /* of them */
	bool differing; /* names that are the same in all trees are not told of, and directories
			   that are not in all of them are not entered */
	/* Says whether a name is told of.  NULL: all are. */
	bool (*wanted)(void *context, const char *path, size_t size, bool is_directory);
	void (*found)(void *context, const struct trees_name *name);
	/* Hears of a directory that could not be listed, in the trees of `in`. */
	void (*unread)(void *context, const char *path, const uint64_t *in, const struct err *err);
	void *context; /* of all three */
};

static inline bool trees_has(const uint64_t *in, size_t tree)
{
	return in[tree / 64] >> (tree % 64) & 1;
}

/* Returns whether two versions are the same in content, and whether in what is known beside it:
 * kind, mode, owner, group, time of modification. */
bool trees_same_content(const struct remote_child *a, const struct remote_child *b);
bool trees_same_meta(const struct remote_child *a, const struct remote_child *b);

/* Walks the trees.  Sleeps.  Faults: CANCELLED, UNAVAILABLE, NOMEM. */
MUST_USE enum fault trees_walk(const struct trees_options *options, struct err *err);
