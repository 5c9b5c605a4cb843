/*
 * Writing a plan: listings, each begun, filled and ended, depth first.
 *
 * A directory's listing comes before those of its sub-directories, which come in entry order.
 *
 * Place      src/plan -> [writer] -> the plan's file; catalog_file.h gives writers.
 * Threads    a writer belongs to one thread; what it has made durable may be read by others.
 */
#pragma once

#include "queue/core/fault.h"
#include "queue/entry.h"

struct manifest_writer;

/* Where the writer of a recovered manifest goes on. */
struct manifest_resume {
	struct manifest_totals totals; /* of what is there */
	bool complete;                 /* the plan is finished; no writer is given */
	uint64_t cut;                  /* bytes dropped behind the last good page */
	bool inside; /* the last listing is cut in the middle: go on with it after `last_name` */
	struct listing_id listing;         /* the last one; 0 when there is none yet */
	char last_name[MANIFEST_NAME_MAX]; /* last durable name of that listing */
	size_t last_name_size;
};

/*
 * Begins the listing of directory `id` whose own name is `name` and whose entry stands in the
 * listing `parent_listing` of directory `parent_id` (all 0 and empty for the root, which comes
 * first).  Stores the listing.  Faults: USAGE (a parent that comes later, a name that
 * cannot be one), FULL, IO.
 */
MUST_USE enum fault manifest_begin(struct manifest_writer *writer, uint64_t id, uint64_t parent_id,
				   struct listing_id parent_listing, const char *name,
				   size_t name_size, struct listing_id *listing, struct err *err);

/*
 * Adds an entry to the listing begun, and stores its id in `entry->id`.  Faults: USAGE (a name with
 * NUL or '/', a size where only files have one, a verdict that is none; nothing is added),
 * TOO_LARGE (ids in all; nothing is added), FULL, IO.
 *
 * The first FULL or IO of a writer is final: every later call repeats it.
 */
MUST_USE enum fault manifest_add(struct manifest_writer *writer, struct manifest_entry *entry,
				 struct err *err);

/* Ends the listing begun.  After a recovery inside a listing, manifest_add and this go on without
 * manifest_begin. */
MUST_USE enum fault manifest_end(struct manifest_writer *writer, struct err *err);

/*
 * Makes everything added so far durable and stores the page before which all of it is: the one
 * being filled is written as it is, and the listing goes on in another.  Sleeps for a sync, unless
 * nothing is new.
 */
MUST_USE enum fault manifest_sync(struct manifest_writer *writer, struct listing_id *durable,
				  struct err *err);

/* Writes and syncs the trailer, then the header's mark that the plan is complete.  No listing is
 * begun. */
MUST_USE enum fault manifest_finish(struct manifest_writer *writer, struct err *err);

const struct manifest_totals *manifest_writer_totals(const struct manifest_writer *writer);

/* Closes the file.  NULL is allowed. */
void manifest_writer_close(struct manifest_writer *writer);
