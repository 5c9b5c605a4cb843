/*
 * One way down the directories of a key's hash (fanout.h): which there are, and in which of them
 * the key's name stands.
 *
 * Place      inside layout.
 * Ownership  a walk borrows all but its caps, which are secrets, until walk_fini.
 * Threads    one owner.
 */
#pragma once

#include "keys/layout.h"

/* What is to be known at the end. */
enum walk_goal {
	WALK_FIND,   /* whether the name is anywhere, and what it is: the first that is found */
	WALK_STORE,  /* where else than in the first directory with room it is */
	WALK_REMOVE, /* which directories there are; those that were known are not asked for it */
};

/* What is known of one directory of the path. */
struct walk_level {
	struct fanout_directory directory;
	bool missing; /* it is not there */
	bool asked;   /* for the name: */
	bool has;
};

struct key_walk {
	struct layout *layout;
	const struct tries *tries;
	const struct layout_name *name;
	enum walk_goal goal;
	const struct tree_listing *listing; /* of what has the name */
	struct cap root;
	struct walk_level at[FANOUT_LEVELS];
};

/* Goes down; `root` was filled.  That the name stands nowhere is no fault. */
MUST_USE enum fault walk_run(struct key_walk *walk, struct err *err);

/* Returns the level that has the name, or FANOUT_TOP. */
unsigned walk_found(const struct key_walk *walk);

/* Returns the first level where there is room for a name; the directory may be missing. */
unsigned walk_room(const struct key_walk *walk);

void walk_fini(struct key_walk *walk);

/* The shortest way to a directory that is known. */
struct walk_way {
	struct tree_root tree;
	struct layout_path path; /* no component: the tree's root is it */
};

void walk_way(const struct key_walk *walk, unsigned level, struct walk_way *way);

/* The same, and to what has the name in it. */
void walk_way_to_name(const struct key_walk *walk, unsigned level, struct walk_way *way);

/* Notes a directory that was reached at `seen_ms`. */
void layout_keep(struct layout *layout, enum layout_area area, unsigned level, unsigned leaf,
		 uint64_t seen_ms, const struct fanout_directory *directory);

/* Notes that names came to a directory or went. */
void layout_count(struct layout *layout, const struct layout_name *name, unsigned level, int names);

/* Has the root say that keys may be in directories above the last level. */
MUST_USE enum fault layout_mark_grown(struct layout *layout, const struct tries *tries,
				      const struct cap *root, struct err *err);

/* Returns what the root says, which was looked at. */
enum layout_mark layout_mark_of(struct layout *layout);

/* Returns the cap of a directory that grants most. */
static inline const struct cap *layout_directory_cap(const struct store_node *node)
{
	return cap_is_writable(&node->rw) ? &node->rw : store_node_cap(node);
}
