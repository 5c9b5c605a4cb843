/*
 * A local tree and one on a grid, compared entry by entry.
 *
 * Place      plan/remote.h and the file system -> [compare] -> barge diff.
 * Ownership  borrows everything of its options.
 * Threads    the owner of the store.
 *
 * Inside: compare.c walks the directories that are on both sides and tells what differs; content.c
 * says whether the bytes of a file do.
 *
 * Depth first, one directory of each side at a time; directories still to be compared wait on a
 * stack.  Names on the grid are only ever looked up among those of the local directory, in NFC:
 * none of them is given to the file system.
 */
#pragma once

#include "compare/content.h"
#include "plan/remote.h"

enum compare_result {
	COMPARE_SAME,       /* a file, a directory whose entries follow, or a symlink */
	COMPARE_LEFT_OUT,   /* a local symlink or special file; nothing on the grid has its name */
	COMPARE_ONLY_LOCAL, /* with all that is below it, as the next one */
	COMPARE_ONLY_GRID,
	COMPARE_KIND,
	COMPARE_SIZE,
	COMPARE_CONTENT,
	COMPARE_UNKNOWN, /* the same size, and the content was not compared */
	COMPARE_FAILED,  /* `err` says why it could not be compared */
};

/* What became of an entry.  Pointers borrow for the call. */
struct compare_finding {
	enum compare_result result;
	const char *directory; /* names joined by "/"; "" for the tree's own */
	const char *name; /* hostile when it is only on the grid; empty: the directory itself */
	size_t name_size;
	const char *kind; /* "file", "directory", "symlink", "other": the local one's, if there is
			     one */
	const struct err *err;
};

struct compare_options {
	struct content_options content;
	struct remote *remote;
	const char *folder; /* where names of large directories are sorted */
	void (*found)(void *context, const struct compare_finding *finding);
	void *context;
};

/*
 * Compares the open directory `root` with the one of `cap`.  Sleeps.  What cannot be compared is
 * told, and the rest goes on.  Faults: CANCELLED, UNAVAILABLE, NOMEM.
 */
MUST_USE enum fault compare_trees(const struct compare_options *options, int root,
				  const struct cap *cap, struct err *err);

/*
 * Compares one thing named `name` with `child`: the local file open as `fd`, which may be of any
 * kind.  Directories are of the same kind, and their entries are not looked at.  Faults as above.
 */
MUST_USE enum fault compare_files(const struct compare_options *options, int fd, const char *name,
				  const struct remote_child *child, struct err *err);
