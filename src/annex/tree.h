/*
 * Files below one mutable directory of a grid, by their paths: found, linked, taken away.
 *
 *   tree_link:  the directory above is there       -> one link into it
 *              some directories above are missing  -> a chain with the file at its end is made, and
 *                                                      linked into the deepest one that is there
 *
 * No listing is ever written back, only single names are set; so several processes do not undo
 * each other's work.
 *
 * Place      remote's operations -> [tree] -> calls/wait.h.
 * Ownership  a struct tree_path owns its text until tree_path_fini; caps are secrets.
 * Threads    may run concurrently, with a store each.
 */
#pragma once

#include "calls/tries.h"

enum { TREE_DEPTH_MAX = 64 };

struct tree_path {
	char *text;
	size_t count; /* at least 1 */
	struct store_name component[TREE_DEPTH_MAX];
};

/* Takes `text`, of components with "/" between.  FAULT_USAGE: one is empty, "." or "..", or it is
 * not UTF-8; TOO_LARGE. */
MUST_USE enum fault tree_path_init(struct tree_path *path, const char *text, struct err *err);
void tree_path_fini(struct tree_path *path);

/* Stores what is at the first `count` components below `root`.  FAULT_NOT_FOUND: nothing is; those
 * of store_list. */
MUST_USE enum fault tree_find(const struct tries *tries, const struct cap *root,
			      const struct tree_path *path, size_t count, struct store_node *node,
			      struct err *err);

/* Makes the file of `cap` what is at the path, whatever file was there.  FAULT_EXISTS: a directory
 * is there, or a file is in the way; AUTH: `root` is read-only. */
MUST_USE enum fault tree_link(const struct tries *tries, const struct cap *root,
			      const struct tree_path *path, const struct cap *cap, struct err *err);

/* Takes what is at the path away; nothing being there is fine. */
MUST_USE enum fault tree_unlink(const struct tries *tries, const struct cap *root,
				const struct tree_path *path, struct err *err);

/* Makes a mutable directory with one child, which has no name yet; `name` NULL: empty. */
MUST_USE enum fault tree_make_directory(const struct tries *tries, const struct store_name *name,
					const struct cap *child, struct cap *cap, struct err *err);
