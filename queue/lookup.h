/*
 * Finds a directory's name and meta again in the plan, when it is its turn.
 *
 * Place      private to the file backend.
 * Threads    belongs to one thread at a time.
 */
#pragma once

#include "queue/catalog.h"
#include "queue/queue.h"

struct lookup;

/* Makes one with readers of its own.  Faults: those of catalog_reader_new. */
MUST_USE enum fault lookup_open(struct catalog *catalog, struct lookup **lookup, struct err *err);
void lookup_close(struct lookup *lookup);

/*
 * Fills `task` for the directory `id` whose own listing is `listing`, all but `attempts`,
 * `existing` and `segment`; its pointers borrow until the next call.  Cheap when the ids asked for
 * grow: the scan of the listing above goes on where it stood.  Faults: CORRUPT, IO, NOMEM.
 */
MUST_USE enum fault lookup_directory(struct lookup *lookup, uint64_t id, struct listing_id listing,
				     struct task *task, struct err *err);
