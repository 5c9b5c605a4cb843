/*
 * The listing of one folder, as a task of a crew.
 *
 * Place      src/fetch submits it; what it found becomes leaves.
 * Ownership  a visit owns the leaves until they are taken; the folder's reference is its owner's.
 * Threads    the owner's before crew_submit and after crew_take, its lane's in between.
 */
#pragma once

#include "fetch/folder.h"
#include "store/crew.h"

struct visit {
	struct crew_task task; /* first */
	struct folder *folder;
	struct cap cap;
	struct leaf *found; /* in the order of the reply, reversed */
	size_t count;
	bool nomem; /* a child did not fit into memory */
};

/* Makes a visit to the folder.  NULL: out of memory. */
struct visit *visit_new(struct folder *folder);

/* Wipes and frees.  NULL is allowed. */
void visit_free(struct visit *visit);

/* Returns whether a task is a visit. */
bool visit_is(const struct crew_task *task);
