/*
 * What is still to be settled below each directory, in 20 bytes a directory.
 *
 * A directory is added when its entry is read and counts its unsettled children, and one more until
 * the whole of its listing has been read.  At zero it is ready, unless it is settled or handed out
 * otherwise.  Ids only grow, so finding one is a binary search.
 *
 * Place      private to the file backend.
 * Threads    guarded by the queue's lock.
 */
#pragma once

#include "queue/core/base.h"

enum ledger_flags {
	LEDGER_DONE = 1u << 0,   /* an earlier run made it */
	LEDGER_FAILED = 1u << 1, /* an earlier run, or its own directory's failure, settled it so */
	LEDGER_HANDED = 1u << 2, /* leased as a transfer: never ready */
	LEDGER_SETTLED = 1u << 3, /* in this run */
	LEDGER_LISTED = 1u << 4,  /* its listing was read to the end */
};

struct ledger_page;

struct ledger {
	struct ledger_page **page;
	uint32_t count;    /* directories */
	uint32_t ready;    /* directories that are and were not taken */
	uint64_t open;     /* directories that are to be leased and are not settled */
	uint64_t unlisted; /* open ones whose listing has not been read to its end */
	uint32_t first_ready, last_ready;
};

struct ledger_directory {
	uint64_t id;
	uint64_t listing; /* value of its listing_id */
};

/* Adds directory `id`, above all before it.  Returns false when out of memory. */
MUST_USE bool ledger_add(struct ledger *ledger, uint64_t id, unsigned flags);

/*
 * Notes that the listing of `id` is `listing`, not 0 and below 2^59, and stores its flags.
 * Returns false when `id` was never added or has a listing already.
 */
MUST_USE bool ledger_listing(struct ledger *ledger, uint64_t id, uint64_t listing, unsigned *flags);

/* Notes that the last block of the listing has been read.  Returns whether it is ready now. */
bool ledger_listed(struct ledger *ledger, uint64_t id);

/* Counts one more unsettled child of directory `id`, and one less.  The latter returns whether the
 * directory is ready now. */
void ledger_child(struct ledger *ledger, uint64_t id);
bool ledger_child_settled(struct ledger *ledger, uint64_t id);

/* Notes that `id` itself is settled; one never added is left alone. */
void ledger_settle(struct ledger *ledger, uint64_t id);

/* Returns whether `id` is to be leased and its listing has not been read to its end. */
bool ledger_is_unlisted(const struct ledger *ledger, uint64_t id);

/* Notes that `id`, which is unlisted, will have no listing and fails. */
void ledger_condemn(struct ledger *ledger, uint64_t id);

/* Takes up to `max` ready directories, in the order they became so.  Returns how many. */
size_t ledger_take(struct ledger *ledger, struct ledger_directory *directory, size_t max);

void ledger_fini(struct ledger *ledger);
