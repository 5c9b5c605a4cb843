/*
 * What lies below one mutable directory of a grid, by paths: found, linked, taken away.
 *
 *   tree_link:  the directory above is there       -> one link into it
 *               some directories above are missing -> a chain with the new one at its end is made,
 *                                                     and linked into the deepest that is there
 *
 * No listing is ever written back, only single names are set; so several processes do not undo
 * each other's work.
 *
 * Place      a key store, git-annex's exports -> [tree] -> link, make, calls/wait.h.
 * Ownership  a struct tree_path owns its text until tree_path_fini; caps are secrets.
 * Threads    may run concurrently, with a store each.
 */
#pragma once

#include "calls/tries.h"

enum { TREE_DEPTH_MAX = 64 };

struct tree_root {
	const struct tries *tries; /* copied for each call */
	const struct cap *root;
};

struct tree_path {
	char *text;   /* what `component` points into; NULL: that is somebody else's */
	size_t count; /* at least 1 */
	struct store_name component[TREE_DEPTH_MAX];
};

/* Takes `text`, of components with "/" between.  FAULT_USAGE: one is empty, "." or "..", or it is
 * not UTF-8; TOO_LARGE. */
MUST_USE enum fault tree_path_init(struct tree_path *path, const char *text, struct err *err);
void tree_path_fini(struct tree_path *path);

/* What is wanted of a listing. */
struct tree_listing {
	void (*begin)(void *context); /* forgets children: another try begins */
	store_child_found *child;
	void *context;           /* of both */
	struct store_node *node; /* stored: what was listed */
};

/* Lists what is at the path; NULL: the root.  Faults as of tree_find; on failure `node` is empty.
 */
MUST_USE enum fault tree_list(const struct tree_root *tree, const struct tree_path *path,
			      const struct tree_listing *listing, struct err *err);

/* Stores what is at the first `count` components; on failure `node` is empty.  FAULT_NOT_FOUND:
 * nothing is; those of store_list. */
MUST_USE enum fault tree_find(const struct tree_root *tree, const struct tree_path *path,
			      size_t count, struct store_node *node, struct err *err);

struct tree_new {
	const struct cap *cap;
	enum store_replace replace; /* of what has its name */
};

/* Where it was linked. */
struct tree_end {
	struct cap directory; /* that has it: a secret */
	size_t found;         /* how many of the components above it were there before */
};

/* Makes the cap what is at the path, and looks whether it is there.  `end` may be NULL.
 * FAULT_EXISTS: what is there is not to be replaced, or a file is in the way; AUTH: a directory
 * above is read-only. */
MUST_USE enum fault tree_link(const struct tree_root *tree, const struct tree_path *path,
			      const struct tree_new *new, struct tree_end *end, struct err *err);

/* Takes what is at the path away; nothing being there is fine. */
MUST_USE enum fault tree_unlink(const struct tree_root *tree, const struct tree_path *path,
				struct err *err);
