/*
 * Group commit: one thread writes slots as they come and syncs them together.
 *
 *   commit_put -> waiting --taken--> writing --written--> unsynced --synced--> durable
 *                    ^ full: commit_put sleeps                |  first failure: all are dropped
 *
 * Slots are written a millisecond after the first came, which spares a change of threads for each.
 * They are synced at once when the last sync is COMMIT_DELAY_MS ago, else when it will be: between
 * any two replies of a gateway the writer is idle, so that syncing when idle would be a sync for
 * every other slot.  The first failure is final: what was not durable by then never will be said to
 * be.
 *
 * Place      the queue -> [commit] -> outcomes; the callbacks go back to the queue.
 * Ownership  an item belongs to the commit from commit_put until `durable` or `dropped` has had it.
 * Threads    commit_put from any; the callbacks run in the commit's own thread, one at a time.
 */
#pragma once

#include "queue/outcomes.h"

enum {
	COMMIT_GATHER_MS = 1,   /* from the first item that waits until slots are written */
	COMMIT_GATHERED = 256,  /* items that are not waited with */
	COMMIT_DELAY_MS = 50,   /* between two syncs */
	COMMIT_WAITING = 1024,  /* items; more make commit_put sleep.  About 160 KiB */
	COMMIT_UNSYNCED = 4096, /* items; more are not written before a sync.  About 640 KiB */
};

struct task;
struct hold;

struct commit_item {
	struct outcome outcome;
	const struct task *task; /* the two are handed through */
	struct hold *hold;
};

struct commit_options {
	struct outcomes *outcomes; /* borrowed */
	/* `count` slots are written, not yet durable. */
	void (*written)(void *context, const struct commit_item *item, size_t count);
	/* The slot is durable.  In the order of commit_put. */
	void (*durable)(void *context, const struct commit_item *item);
	/* The slot will not become durable. */
	void (*dropped)(void *context, const struct commit_item *item);
	/* Once, on the first failure. */
	void (*failed)(void *context, const struct err *err);
	void *context;
};

struct commit;

/* Starts the thread.  Faults: NOMEM. */
MUST_USE enum fault commit_open(const struct commit_options *options, struct commit **commit,
				struct err *err);

/* Takes a copy of `item`.  Sleeps while COMMIT_WAITING are waiting.  Once failed, drops the item,
 * in the caller's thread, and repeats the fault. */
MUST_USE enum fault commit_put(struct commit *commit, const struct commit_item *item,
			       struct err *err);

/* Writes and syncs what is there, ends the thread, frees all, and returns the first failure. */
MUST_USE enum fault commit_close(struct commit *commit, struct err *err);
