/*
 * One name of a directory becomes an entry of the plan: its kind, and its verdict where it has one.
 *
 * Place      names.h -> entry -> lister.h.
 * Threads    one owner at a time.
 */
#pragma once

#include "base/meta.h"
#include "plan/chunks.h"
#include "plan/names.h"
#include "plan/remote.h"
#include "plan/walk.h"

/* Where names are looked up. */
struct entry_origin {
	const struct plan_options *options;
	const struct walk *walk;          /* directories above; sources */
	struct walk_directory directory;  /* fd -1 and no cap: the name is a source or a made
					    directory */
	const struct plan_source *source; /* then: the source of that name */
	struct remote *remote;            /* turned to `directory` if it has a cap; or NULL */
	bool made;                        /* the names are made directories */
};

/* An entry and what it points to. */
struct entry_found {
	bool present; /* false: the name is gone meanwhile */
	bool untimed; /* it is local, and its time is beyond what we can tell */
	bool cut;     /* it is local, and not all of its extended attributes were taken */
	bool hollow;  /* it is on a grid: as remote_child.hollow */
	struct manifest_entry entry;
	unsigned char meta[META_SIZE_MAX];
	struct outcome source;  /* the cap of a source on a grid (state planned), or state none */
	uint64_t mark;          /* what that of a directory says (remote_child.chunked) */
	struct chunked chunked; /* the chunks of a file on a grid; to be freed */
};

/*
 * Looks at `name` in `origin` with lstat, opening it for its extended attributes alone, and fills
 * `found`; its name borrows from
 * `name`.  A name that cannot be used has its verdict already.  Faults: NOT_FOUND for a source that
 * is not there.
 */
MUST_USE enum fault entry_find(const struct entry_origin *origin, const struct name *name,
			       struct entry_found *found, struct err *err);

/* Sees to it that made-up sizes do not use up all ids: once `next_id` says that very many are
 * taken, a file that has chunks gets few of them. */
void entry_bound_chunks(struct manifest_entry *entry, uint64_t next_id);

/* Makes a file on a grid as long as the text of its read cap. */
void entry_hold_cap(struct entry_found *found);

/* Returns whether names go from one file system to another, byte by byte, whatever they are. */
bool entry_keeps_bytes(const struct entry_origin *origin);

/* Gives the entry a verdict, unless its name cannot be used: that one stays. */
void entry_judge(struct manifest_entry *entry, enum outcome_state verdict,
		 enum outcome_reason reason);
