/*
 * The backend of the queue for one process: a catalog, one commit thread.
 *
 * Group commit: the commit thread writes slots as they come, counts down their directories, and
 * calls fdatasync when no more are waiting or 50 ms after the first unsynced one; then it calls
 * `settled` for each.
 *
 * Memory     20 bytes a directory (id, listing offset, counter); tasks only while leased, not yet
 *            durable, or waiting for a retry.
 */
#pragma once

#include "queue/queue.h"

/*
 * Hears of an outcome that is durable, in the commit thread, in the order of recording.  `task` and
 * `outcome` borrow until it returns. Also called for entries with a verdict.  Must not call into
 * the queue.
 */
typedef void queue_settled(void *context, const struct task *task, const struct outcome *outcome);

/* Hears, while the queue is opened and reads on, of what earlier runs settled: for counters only.
 * `kind` as in the manifest. */
typedef void queue_before(void *context, const struct manifest_entry *entry,
			  const struct outcome *outcome);

struct queue_file_options {
	struct catalog *catalog;   /* with outcomes; borrowed, outlives the queue */
	struct listing_id durable; /* pages before it may be read now; LISTING_END: all */
	bool complete;             /* no more will be published */
	queue_settled *settled;    /* may be NULL */
	queue_before *before;      /* may be NULL */
	void *context;             /* of both */
	/*
	 * How long a lease lasts that nobody extends, and by which clock.  Without a clock no lease
	 * runs out: one process holds the job, so a lessee whose heartbeat is late (a machine that
	 * slept, a process that was stopped) is slow and not dead, and nobody could go on in its
	 * place.  A clock is for tests, which play the processes that share a database.
	 */
	uint32_t lease_ms;
	uint64_t (*clock_ms)(void);
};

/* Opens the queue.  Faults: CORRUPT, IO, NOMEM. */
MUST_USE enum fault queue_file_open(const struct queue_file_options *options, struct queue **queue,
				    struct err *err);

/* Tells that the pages before `durable` are, and whether the plan is complete.  Any
 * thread. */
void queue_file_publish(struct queue *queue, struct listing_id durable, bool complete);

/* Returns how many slots did not check so far. */
uint64_t queue_file_damaged(struct queue *queue);
