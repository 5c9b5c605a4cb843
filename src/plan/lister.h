/*
 * One directory becomes one listing: read whole, sorted, judged, written, bound to the target.
 *
 *   lister_read    names of the kernel, of a grid's listing, of the list of files, or of sources
 *                  -> sorted; which of them are equal in NFC (clashes.h)
 *   lister_write   manifest_begin -> for each name: found and judged (entry.h), asked of the
 *                  selection (chooser.h), compared with the target, written -> manifest_end
 *                  -> what the target has of it is bound (plan.h)
 *   lister_go_on   after a kill inside a listing: names behind the last one kept, in order; then
 *                  names before it that are new, which are skipped(appeared)
 *
 * Place      walk.h gives the directory -> lister -> manifest.
 * Ownership  a struct lister is reused for all directories of a walk.
 * Threads    one owner at a time.
 */
#pragma once

#include "plan/publish.h"
#include "plan/walk.h"

struct lister;

/* Makes one.  All is borrowed.  NULL: out of memory. */
struct lister *lister_new(const struct plan_request *request, struct walk *walk,
			  struct publisher *publisher);

/* Frees it.  NULL is allowed. */
void lister_free(struct lister *lister);

/*
 * Reads the names of `directory`, which is the one below the topmost frame of the walk, and sorts
 * them.  `refused` is REASON_NONE, or why there can be no listing: the file system's no, the
 * gateway's, or more names than the options allow.  Faults: FULL, IO (of the file for sorting),
 * NOMEM, TOO_LARGE.
 */
MUST_USE enum fault lister_read(struct lister *lister, const struct walk_directory *directory,
				enum outcome_reason *refused, struct err *err);

/*
 * Writes the names read as the listing of `child`, which `directory` is, and stores its id
 * there and in `parents` whether it holds directories to be walked.  Faults: those of the manifest,
 * of the target, of publish_tick, and of entry_find.
 */
MUST_USE enum fault lister_write(struct lister *lister, const struct walk_child *child,
				 struct walk_directory *directory, bool *parents, struct err *err);

/* Goes on with the listing that the kill cut in the middle, at `directory->listing`, and ends it.
 * Faults: the same. */
MUST_USE enum fault lister_go_on(struct lister *lister, struct walk_directory *directory,
				 struct err *err);

/* Binds the directories of the ended `listing` of directory `id` that are at the target:
 * a kill may have come before. */
MUST_USE enum fault lister_bind(struct lister *lister, uint64_t id, struct listing_id listing,
				struct err *err);
