/*
 * One name of a directory becomes an entry of the plan: its kind, and its verdict where it has one.
 *
 * Place      names.h -> entry -> lister.h.
 * Threads    one owner at a time.
 */
#pragma once

#include "base/meta.h"
#include "plan/names.h"
#include "plan/walk.h"

/* Where names are looked up. */
struct entry_origin {
	const struct plan_options *options;
	const struct walk *walk;         /* directories above; sources */
	struct walk_directory directory; /* fd -1: the names are sources or made directories */
	bool made;                       /* the names are made directories */
};

/* An entry and what it points to. */
struct entry_found {
	bool present; /* false: the name is gone meanwhile */
	struct manifest_entry entry;
	unsigned char meta[META_PACKED_MAX];
};

/*
 * Looks at `name` in `origin` with lstat, opening nothing, and fills `found`; its name borrows from
 * `name`.  A name that is not UTF-8 has its verdict already.  Faults: NOT_FOUND for a source that
 * is not there.
 */
MUST_USE enum fault entry_find(const struct entry_origin *origin, const struct name *name,
			       struct entry_found *found, struct err *err);

/* Gives the entry a verdict. */
void entry_judge(struct manifest_entry *entry, enum outcome_state verdict,
		 enum outcome_reason reason);
