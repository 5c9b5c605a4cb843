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
 * way), USAGE (a name that no file may have), FULL.  Faults: those of tree_new.
 */
MUST_USE enum fault target_tree_new(struct catalog *catalog, int root, struct tree **tree,
				    struct err *err);
