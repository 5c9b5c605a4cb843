/*
 * How much is in each of several snapshots, and how much of that is new.
 *
 * Place      archive.h -> [census] -> barge snapshots -l.
 * Ownership  borrows the remote.
 * Threads    the owner of the store.
 *
 * What a directory holds is remembered by its cap, so one that several snapshots share is listed
 * once.  New is what no snapshot counted before has: it was stored for this one.
 */
#pragma once

#include "plan/remote.h"

struct census_sum {
	uint64_t files, directories; /* symlinks count as files */
	uint64_t bytes, new_bytes;   /* of files */
	uint64_t unread;             /* directories that could not be listed */
};

struct census;

/* Hears of a directory that could not be listed; `path` is below the snapshot, hostile. */
typedef void census_unread(void *context, const char *path, const struct err *err);

/* NULL: out of memory. */
struct census *census_new(struct remote *remote, census_unread *unread, void *context);

/* Wipes and frees.  NULL is allowed. */
void census_free(struct census *census);

/* Counts what is below the directory `cap`, which itself is not counted.  Sleeps.  Faults:
 * CANCELLED, UNAVAILABLE, NOMEM. */
MUST_USE enum fault census_count(struct census *census, const struct cap *cap,
				 struct census_sum *sum, struct err *err);
