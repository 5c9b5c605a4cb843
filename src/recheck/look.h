/*
 * One entry that was done, looked at: its source, and what it came to at a local target.
 *
 * Place      inside src/recheck.
 * Ownership  a look owns the directories it keeps open until look_fini.
 * Threads    one each.
 */
#pragma once

#include "decide/entry.h"
#include "files/source_tree.h"
#include "files/target_tree.h"

struct look {
	struct source_tree *sources; /* NULL: none is local */
	struct tree *target;         /* NULL: it is on a grid, or not there */
	bool to_local;
};

/* What was seen of an entry. */
struct look_found {
	uint8_t source;     /* enum decide_since */
	uint8_t written;    /* the same */
	bool unseen;        /* one of the two should have been looked at, and could not be */
	int64_t written_ns; /* when what is at a local target was changed last; 0: unknown */
};

/* `root` is an open directory, borrowed for the call, or -1.  Faults: those of source_tree_new and
 * target_tree_new_looking. */
MUST_USE enum fault look_init(struct look *look, const struct source_tree_options *sources,
			      bool to_local, int root, struct err *err);

/* Closes.  All zeros are allowed. */
void look_fini(struct look *look);

/* Looks at `entry`, which stands in `listing`, and whose `slot` is settled. */
struct look_found look_at(struct look *look, const struct manifest_entry *entry,
			  struct listing_id listing, const struct outcome *slot);
