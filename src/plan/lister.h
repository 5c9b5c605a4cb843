/*
 * One directory becomes one listing: read whole, sorted, judged, written, bound to the target.
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
 * them.  When the file system refuses, its errno is in `os_error` (else 0); E2BIG means more names
 * than the options allow.  Faults: FULL, IO (of the file for sorting), NOMEM, TOO_LARGE.
 */
MUST_USE enum fault lister_read(struct lister *lister, const struct walk_directory *directory,
				int *os_error, struct err *err);

/*
 * Writes the names read as the listing of `child`, which `directory` is, and stores its offset
 * there and in `parents` whether it holds directories to be walked.  Faults: those of the manifest,
 * of the target, of publish_tick, and of entry_find.
 */
MUST_USE enum fault lister_write(struct lister *lister, const struct walk_child *child,
				 struct walk_directory *directory, bool *parents, struct err *err);

/* Goes on with the listing that the kill cut in the middle, at `directory->listing`, and ends it.
 * Faults: the same. */
MUST_USE enum fault lister_go_on(struct lister *lister, struct walk_directory *directory,
				 struct err *err);

/* Binds the directories of the ended listing at `offset` of directory `id` that are at the target:
 * a kill may have come before. */
MUST_USE enum fault lister_bind(struct lister *lister, uint64_t id, uint64_t offset,
				struct err *err);
