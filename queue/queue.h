/*
 * The durable job queue: tasks of a manifest are leased in segments and their outcomes recorded.
 *
 * The queue reads the manifest behind the planner, skips what the outcomes call settled, settles
 * entries that carry a verdict by itself, and hands out the rest: files (and chunks) in transfer
 * segments, and each directory whose children are all settled in a segment of directories.  The
 * root, task 0, is the last.  A task is settled by recording an outcome that is done, skipped or
 * failed, or goes back to be leased again later by releasing it.
 *
 *                 queue_lease                queue_release
 *     to be done ------------> leased, ------------------> over; what is neither recorded nor
 *         ^                    epoch N                     failed is to be done again,
 *         |                    |  ^  |                     in another segment
 *         |                    +--+  |
 *         |        queue_record,     | not extended for queue_lease_ms
 *         |        queue_extend      v
 *         |                      run out: still its lessee's, who may record, extend, release,
 *         |                          |
 *         |                          | until queue_lease gives what is left of it to another
 *         |                          v
 *         +------------------- leased, epoch N + 1; of the former lessee, whose epoch is stale,
 *                              nothing is recorded any more (FAULT_CHANGED)
 *
 * Inside: queue.c hands each call to the backend.  The file backend, in the way of a task:
 *   queue_file_lease.c   finds the next segment: given back (waiting.c), read from the manifest
 *                        (queue_file_read.c, cursor.c) or ready directories (ledger.c, named by
 *                        lookup.c); hold.c is its memory
 *   lease.c              lets works of one segment end one by one, in any thread, and gathers their
 *                        outcomes; heartbeat.c sends those off in time and keeps the lease alive
 *   queue_file_record.c  checks outcomes and gives them to commit.c, which writes slots and syncs
 *                        them together; counts down the directories of what is durable
 * Beside the queue stands catalog.h, through which all others see the plan and the outcomes.  The
 * formats are in queue/file, threads and retrying in queue/core.
 *
 * Place      manifest -> [queue] -> src/engine, which hands transfers to src/read, src/upload and
 *            src/download, and src/commit or src/land for directories; outcomes come back.
 * Ownership  a segment belongs to its lessee until queue_release; its tasks stay readable until the
 *            last of them is durable too.
 * Threads    all functions may run concurrently, except queue_close.
 * Backends   queue_file.h.  Each must pass tests/unit/queue_contract.h, as does a second one, in
 *            memory, of the tests.
 */
#pragma once

#include "queue/core/fault.h"
#include "queue/entry.h"
#include "queue/outcome.h"

enum { SEGMENT_TASKS_MAX = 1000 };

enum segment_kind {
	SEGMENT_TRANSFERS,
	SEGMENT_DIRECTORIES,
};

enum task_flags {
	TASK_BELOW_DONE = 1u << 0, /* its directory is done, its own slot lost: settle from the
				      directory's listing */
};

/* One unit of work.  Pointers borrow from its segment. */
struct task {
	uint64_t id;
	uint64_t directory;        /* id of the directory it stands in (of itself for the root) */
	struct listing_id listing; /* the one it stands in; for a directory task: its own */
	uint64_t bytes;
	uint64_t chunk_size;
	uint8_t kind;      /* enum manifest_kind */
	uint8_t flags;     /* enum task_flags */
	uint8_t attempts;  /* tries so far, by all lessees */
	uint64_t trouble;  /* err.trouble of its first failure that had one in this process, or 0 */
	uint64_t existing; /* nonzero when its slot says OUTCOME_PLANNED: a directory to merge into,
			      or a file at the target */
	const char *name;  /* empty for the root */
	size_t name_size;
	const unsigned char *meta;
	size_t meta_size;
	struct segment *segment; /* the one it was leased in */
};

/* Number and epoch together name one lease. */
struct segment {
	uint64_t number;
	uint64_t epoch; /* 1, and one more each time its lease ran out and it was leased anew */
	enum segment_kind kind;
	struct task *task;
	size_t count;
};

/* A task given back: to be leased again not before `retry_at_ms` (clock_ms), with `attempts` and
 * `trouble` so far. */
struct task_return {
	uint64_t id;
	uint64_t retry_at_ms;
	uint64_t trouble;
	uint8_t attempts;
};

struct queue;

/*
 * Leases the next segment of `kind`, never empty.  Sleeps until there is one.  Stores NULL when
 * there will be none any more: all settled (for transfers: all leased and none given back), or the
 * queue stopped. Faults: CORRUPT (the manifest), IO, FULL, NOMEM; a fault of the queue itself is
 * final and every call repeats it.
 */
MUST_USE enum fault queue_lease(struct queue *queue, enum segment_kind kind,
				struct segment **segment, struct err *err);

/*
 * Records outcomes of tasks of the segment.  Slots are written soon after and made durable in
 * groups; `settled` of the backend's options hears of each task once it is.  An outcome may also be
 * OUTCOME_PLANNED, or that of a chunk of a task: both are kept and settle nothing.  Sleeps when the
 * writer is behind.  Faults: CHANGED (stale epoch; nothing recorded), USAGE (not a task of the
 * segment, or settled already; nothing recorded), and those of queue_lease.
 */
MUST_USE enum fault queue_record(struct queue *queue, const struct segment *segment,
				 const struct outcome *outcome, size_t count, struct err *err);

/*
 * Ends the lease.  Tasks neither recorded nor in `rest` go back as they were.  The segment is the
 * queue's again, also where its epoch is stale, though tasks whose outcomes are not durable yet
 * stay readable for the `settled` call.  Faults: CHANGED (stale epoch; nothing goes back), USAGE
 * (`rest` has a task of another segment; nothing done), and those of queue_lease.
 */
MUST_USE enum fault queue_release(struct queue *queue, struct segment *segment,
				  const struct task_return *rest, size_t count, struct err *err);

/* Returns how long a lease lasts that is not extended; 0: for ever. */
uint32_t queue_lease_ms(const struct queue *queue);

/* Says that the lessee is alive: the lease lasts queue_lease_ms from now.  Faults: CHANGED (stale
 * epoch), and those of queue_lease. */
MUST_USE enum fault queue_extend(struct queue *queue, const struct segment *segment,
				 struct err *err);

/* Makes every sleeping and later lease return NULL; records and releases still work.  Any thread,
 * idempotent. */
void queue_stop(struct queue *queue);

/* Writes and syncs what is recorded, ends the queue's thread and frees it.  NULL is allowed. */
MUST_USE enum fault queue_close(struct queue *queue, struct err *err);
