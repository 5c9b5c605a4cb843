/*
 * The directories of a plan, opened by their listings below a root; a few stay open.
 *
 *   the listing wanted, up by the plan to one that is open -> down again, name by name
 *
 * Place      pages of the catalog -> [tree] -> open directories, for source_tree.h and
 *            target_tree.h, which say how one is entered.
 * Ownership  a tree owns a reader of the catalog, which is borrowed; a directory is counted, and
 *            closed with its last reference.
 * Threads    a tree belongs to one thread; directories may be given back in any.
 */
#pragma once

#include "queue/catalog.h"

#include <stdatomic.h>

enum { TREE_OPEN_MAX = 64 };

/* The names of a listing that differ from another of it in their spelling alone: name_likeness() of
 * them, sorted. */
struct alike {
	size_t count;
	uint64_t name[];
};

struct tree_dir {
	int fd;                        /* -1: a root that stands for no directory */
	unsigned depth;                /* directories between it and the root */
	struct listing_id listing;     /* that it is of */
	uint32_t rank;                 /* that it was asked for with */
	char *path;                    /* from the root, names joined by '/'; "": the root */
	atomic_uint_least64_t seen_ms; /* clock_ms() when it was last known to be at its path */
	_Atomic(struct alike *) alike; /* files/respelled.c; NULL: not known yet */
	atomic_uint references;
};

void tree_dir_ref(struct tree_dir *dir);

/* Gives a reference back.  NULL is allowed. */
void tree_dir_unref(struct tree_dir *dir);

struct tree_options {
	struct catalog *catalog;
	int root;        /* open, taken over, also on failure; or -1 */
	size_t skipped;  /* listings of the plan above the one that is the root's */
	unsigned opened; /* directories kept open, up to TREE_OPEN_MAX */
	/* Opens the directory called `name` in `parent` and stores its descriptor. */
	enum fault (*enter)(void *context, struct tree_dir *parent, const char *name, int *fd,
			    struct err *err);
	void *context;
};

struct tree;

/* Makes a tree.  Faults: those of catalog_reader_new, and NOMEM. */
MUST_USE enum fault tree_new(const struct tree_options *options, struct tree **tree,
			     struct err *err);

/* Frees.  NULL is allowed. */
void tree_free(struct tree *tree);

/*
 * Stores a reference to the directory of `listing`.  Faults: CORRUPT (the plan), IO, NOMEM, those
 * of `enter`.
 */
MUST_USE enum fault tree_open(struct tree *tree, struct listing_id listing, struct tree_dir **dir,
			      struct err *err);

/* The same where one listing stands for several directories, told apart by a rank: `enter` knows
 * the one asked for.  tree_open has rank 0. */
MUST_USE enum fault tree_open_ranked(struct tree *tree, struct listing_id listing, uint32_t rank,
				     struct tree_dir **dir, struct err *err);
