/*
 * The directories at a local target, opened and made as the entries in them need it.
 *
 * Everything is opened by names below the target's directory, never through a symlink
 * (files/dirfd.h).
 *
 * Place      files/tree.h for those who write files.
 */
#pragma once

#include "files/dirfd.h"
#include "files/tree.h"

/*
 * Makes a tree over the plan below the open directory `root`, which is borrowed.  Its tree_open
 * makes what is missing, with further faults: EXISTS (something that is no directory is in the
 * way), USAGE (a name that no file may have), FULL.  `opened` directories stay open, up to
 * TREE_OPEN_MAX; 0 means that many.  Faults: those of tree_new.
 */
MUST_USE enum fault target_tree_new(struct catalog *catalog, int root, unsigned opened,
				    struct tree **tree, struct err *err);

/* The same for who only looks: what is missing is FAULT_NOT_FOUND. */
MUST_USE enum fault target_tree_new_looking(struct catalog *catalog, int root, unsigned opened,
					    struct tree **tree, struct err *err);

/*
 * A directory that is open may have been moved away, or another may have been put in its place, and
 * what is written into it is then not where it should be.
 *
 * Returns FAULT_NONE when the path from the directory at `root`, by its path, still leads to `dir`;
 * else EXISTS, and IO when that cannot be told.
 */
MUST_USE enum fault target_dir_check(struct tree_dir *dir, const char *root, struct err *err);
