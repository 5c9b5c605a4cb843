/*
 * The directories at a local target, opened and made as the entries in them need it.
 *
 * Place      listings of the manifest -> [target tree] -> open directories for those who write
 *            files.
 * Ownership  a target tree owns a reader of the manifest and keeps a few directories open; each
 *            has a count of references, and is closed with the last.
 * Threads    a target tree belongs to one thread; directories may be given back in any.
 *
 * Everything is opened by names below the target's directory, never through a symlink
 * (files/dirfd.h).
 */
#pragma once

#include "files/dirfd.h"

#include <stdatomic.h>

/* An open directory at the target. */
struct target_dir {
	int fd;
	unsigned depth; /* directories between it and the root */
	atomic_uint references;
};

void target_dir_ref(struct target_dir *target_dir);

/* Gives a reference back.  NULL is allowed. */
void target_dir_unref(struct target_dir *target_dir);

struct target_tree;

/* Makes a target tree over `manifest` (a path) below the open directory `root`, which is borrowed.
 * Faults: those of manifest_open, NOMEM. */
MUST_USE enum fault target_tree_new(const char *manifest, int root,
				    struct target_tree **target_tree, struct err *err);

/* Frees.  NULL is allowed. */
void target_tree_free(struct target_tree *target_tree);

/*
 * Stores a reference to the directory listed at `listing`; it is made, and those above it are,
 * where it is missing.  Faults: EXISTS (something that is no directory is in the way), USAGE (a
 * name that no file may have), CORRUPT (the manifest), FULL, IO, NOMEM.
 */
MUST_USE enum fault target_tree_open(struct target_tree *target_tree, uint64_t listing,
				     struct target_dir **target_dir, struct err *err);
