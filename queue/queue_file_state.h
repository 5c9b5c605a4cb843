/*
 * The inside of the file backend, shared by its files.
 *
 * Two lists of work stand behind the leases: the cursor, which reads the plan on and belongs
 * to whoever holds `reading`, and the ledger's ready directories, whose names are looked up by
 * whoever holds `naming`.  No file is read or written while `lock` is held.
 *
 * A hold is the memory of a leased segment (hold.h), and stays on the list `leased` until its
 * lessee gives it back, also when its tasks have gone into another hold, under a later epoch:
 *
 *     open task --queue_record--> ended --commit thread--> written --> durable (`settled` is told)
 *        |                          (each outcome on its way has a reference to the hold)
 *        +--queue_release--> waiting heap, until it is due
 *        +--lease ran out--> another hold; this one is `superseded`
 *
 * Place      queue_file.c and queue_file_*.c only.
 */
#pragma once

#include "queue/backend.h"
#include "queue/commit.h"
#include "queue/core/thread.h"
#include "queue/cursor.h"
#include "queue/hold.h"
#include "queue/ledger.h"
#include "queue/lookup.h"
#include "queue/queue_file.h"
#include "queue/waiting.h"

enum { SEGMENT_KINDS = 2 };

struct queue_file {
	struct queue queue;
	struct queue_file_options options;
	struct commit *commit;

	/* Of the holder of `reading`. */
	struct cursor *cursor;
	struct hold *found; /* the latest tasks settled by the queue itself */
	uint64_t listed;    /* the directory whose listing is being read */
	unsigned above;     /* its enum ledger_flags */
	bool inside;        /* of a listing */

	/* Of the holder of `naming`. */
	struct lookup *lookup;

	struct mutex lock;
	struct cond work; /* wakes leases: anything below changed in their favour */
	bool reading GUARDED, naming GUARDED;
	bool stopped GUARDED;
	bool complete GUARDED;                     /* nothing more will be published */
	bool ended GUARDED;                        /* the whole manifest has been read */
	bool at_edge GUARDED;                      /* all that was published has been read */
	struct listing_id durable GUARDED;         /* pages before it may be read */
	uint64_t numbers GUARDED;                  /* segments leased so far */
	uint64_t damaged GUARDED;                  /* slots */
	uint64_t unsettled[SEGMENT_KINDS] GUARDED; /* tasks leased, or about to be, and not settled
						    */
	struct waiting_heap waiting[SEGMENT_KINDS] GUARDED;
	struct ledger ledger GUARDED;
	struct hold *leased GUARDED; /* newest first */
	struct err broken GUARDED;   /* the first fault; NONE while all is well */
};

/* When a lease that begins or is extended now runs out. */
uint64_t queue_file_until_ms(const struct queue_file *file);

/* Makes `err` the queue's fault, if it is its first, and wakes everybody.  Returns its fault. */
enum fault queue_file_break(struct queue_file *file, const struct err *err);

/* Stores and returns the queue's fault. */
enum fault queue_file_broken(struct queue_file *file, struct err *err) REQUIRES(file->lock);

/*
 * Reads on until `hold`, empty and with room for SEGMENT_TASKS_MAX, is full, or has something and
 * no more can be read now, or the manifest ends, or the queue stops.  The caller holds `reading`.
 */
MUST_USE enum fault queue_file_read(struct queue_file *file, struct hold *hold, struct err *err);

/* Notes the root, tells `before` if it is settled.  Before anything is read. */
MUST_USE enum fault queue_file_root(struct queue_file *file, struct err *err);

/* See queue_lease. */
MUST_USE enum fault queue_file_lease(struct queue *queue, enum segment_kind kind,
				     struct segment **segment, struct err *err);

/* See queue_record, queue_release, queue_extend. */
MUST_USE enum fault queue_file_record(struct queue *queue, const struct segment *segment,
				      const struct outcome *outcome, size_t count, struct err *err);
MUST_USE enum fault queue_file_release(struct queue *queue, struct segment *segment,
				       const struct task_return *rest, size_t count,
				       struct err *err);
MUST_USE enum fault queue_file_extend(struct queue *queue, const struct segment *segment,
				      struct err *err);

/* Callbacks of the commit thread. */
void queue_file_written(void *context, const struct commit_item *item, size_t count);
void queue_file_durable(void *context, const struct commit_item *item);
void queue_file_dropped(void *context, const struct commit_item *item);
