/*
 * One object of a tree on a grid: listed, if it is a directory, and its shares checked.
 *
 *   [directory: list -> children] -> [check] -> [file: read] -> over
 *
 * A directory that says it is a file in chunks, and is one, is over once these are proven.  What
 * can change is read by its check: which bytes it should have nobody knows.
 *
 * Place      src/audit/tree.c submits it to its pool; everything in an inspection runs in its lane.
 * Ownership  an inspection owns what it points to.
 * Threads    the owner's before pool_submit and after pool_take, its lane's in between.
 */
#pragma once

#include "calls/pool.h"
#include "verify/chunks_proof.h"

struct earlier_object;

struct inspected_child {
	struct inspected_child *next;
	struct cap cap;
	enum store_kind kind;
	uint64_t size;
	uint64_t chunked; /* as store_node_chunked */
	size_t name_size;
	char name[];
};

struct inspection {
	struct pool_task task; /* first */
	unsigned levels;       /* enum verify_level: COUNT, CHECK, READ */
	bool add_lease, repair;
	struct cap cap;
	bool is_directory;
	uint64_t size; /* of a file */
	uint64_t
		chunked; /* the size of the file in chunks that a directory says it is; once listed,
			     it is that file, or this is 0 */
	char *path;      /* from the root of the tree; "" is that */
	size_t path_size;
	unsigned width; /* objects in flight at once where it is a file in chunks; 0: one */
	const struct earlier_object *before; /* a directory found well: only its children count */
	const struct chk_params *secret;     /* of the gateway, or NULL */
	/* Hears in the lane of bytes that arrived.  May be NULL. */
	void (*moved)(void *context, uint64_t bytes);
	void *context;
	uint64_t arrived; /* bytes that `moved` has heard of */
	double part;      /* of the tree, by guess.h */
	bool unlisted;    /* its children are not known yet */
	bool marked;      /* nor whether it is a file in chunks */

	struct inspected_child
		*child; /* of a directory that was listed, in the order of the listing */
	struct inspected_child **end;
	struct proving proving;
	struct chunks_proof chunks; /* of a file in chunks */
	struct store_call *call;    /* the listing in flight */
};

/* Makes an inspection of the child of the object at `path`; NULL: to the root.  NULL: no memory. */
struct inspection *inspection_new(const struct inspected_child *child,
				  const struct inspection *parent);

/* Returns what was found of its shares; NULL: nobody looked. */
const struct store_health *inspection_health(const struct inspection *inspection);

/* Wipes and frees.  NULL is allowed. */
void inspection_free(struct inspection *inspection);

/* Makes a child; NULL: no memory. */
struct inspected_child *inspection_child_new(const struct store_child *child);
