/*
 * Slots of what was settled, planned again.
 *
 * Place      inside src/recheck.
 * Threads    reopen_slot is pure; reopen_above belongs to one thread.
 */
#pragma once

#include "queue/catalog.h"

/* Where an entry stands. */
struct reopen_place {
	bool to_local;
	bool linked;        /* on a grid: what it came to is linked in its directory */
	int64_t written_ns; /* at a local target: when what the job put there was changed last; 0:
			       it
			       has put nothing there */
};

/* Returns the slot by which a settled entry, no directory, is done again. */
struct outcome reopen_slot(const struct outcome *slot, const struct reopen_place *place);

/* A directory in which an entry was taken up again, or which is taken up itself. */
struct reopen_directory {
	uint64_t id;
	struct listing_id listing;
};

/*
 * Takes up the directories and all above them, whose entries have durable slots by now: children
 * that are linked in a directory on a grid are marked, then the directories are planned.  Durable
 * on return.  Faults: CORRUPT (the plan), FULL, IO, NOMEM.
 */
MUST_USE enum fault reopen_above(struct catalog *catalog, bool to_local,
				 const struct reopen_directory *directory, size_t count,
				 struct err *err);
