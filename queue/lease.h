/*
 * A leased segment whose tasks end one by one, in any thread: outcomes go to the queue in batches,
 * and with the last task the segment goes back.
 *
 * An outcome is recorded at the latest LEASE_GATHER_MS after it came, or with LEASE_BATCH others of
 * its segment, or with the last task of the segment; in the order in which they came.  A kill loses
 * those not recorded yet, like all that is in flight.
 *
 * The lease is extended at a third of its time.  When the queue says that it took the segment back
 * (FAULT_CHANGED), its works go on to their ends and nothing of them is recorded any more: another
 * lessee does them again.
 *
 * Place      between queue_lease and the rooms that do the work.
 * Ownership  a lease frees itself when its last work has ended; a struct work belongs to whoever is
 *            to end it.
 * Threads    works of one lease may end concurrently.
 */
#pragma once

#include "queue/heartbeat.h"
#include "queue/queue.h"

enum {
	LEASE_BATCH = 64,    /* outcomes of one queue_record, about 9 KiB a lease */
	LEASE_GATHER_MS = 2, /* far below the 50 ms in which outcomes become durable together */
};

struct lease;
struct retry_state;
struct split;

struct work {
	const struct task *task;
	struct lease *lease;
	struct split *split; /* the work is a part of its task (queue/split.h); else NULL */
};

struct lease_options {
	struct queue *queue;
	/* Borrowed; outlives the leases.  NULL: nothing is gathered and nothing extended. */
	struct heartbeat *heartbeat;
	/* Hears of a fault of the queue itself, which is final for the job; also in the heartbeat's
	 * thread, so it must not end a work. */
	void (*broken)(void *context, const struct err *err);
	/* Hears why a task failed or was skipped, before it is recorded.  May be NULL. */
	void (*reason)(void *context, const struct task *task, const struct outcome *outcome,
		       const struct err *err);
	void *context;
};

/* Takes over `segment` and makes a work of each of its tasks.  Returns NULL when out of memory. */
struct lease *lease_new(const struct lease_options *options, struct segment *segment);

/* Returns the works, as many as the segment has tasks, in its order. */
struct work *lease_works(struct lease *lease);

/* Takes one work, which is now its own to end. */
typedef void lease_take(void *context, struct work *work);

/*
 * Leases segments of `kind` and hands their works to `take`, in order, until there are no more.
 * Sleeps meanwhile.  A fault, which `broken` hears of, ends it too.
 */
void lease_each(const struct lease_options *options, enum segment_kind kind, lease_take *take,
		void *context);

/*
 * Ends a work with an outcome for the task: id is filled in, and OUTCOME_EXISTED.  `err` says why
 * it failed, or NULL.  Sleeps while the queue's writer is behind.
 */
void work_settle(struct work *work, struct outcome *outcome, const struct err *err);

/* Keeps an outcome of one of the task's chunks, whose id is filled in.  The work goes on.  Sleeps
 * like work_settle. */
void work_note(struct work *work, const struct outcome *outcome);

/* Ends a work as failed or skipped for `reason`.  `attempts` counts this try. */
void work_fail(struct work *work, uint8_t reason, unsigned attempts, const struct err *err);

/* Returns whether work_retry would fail the task, for which `err` is then the reason. */
bool work_is_over(const struct work *work, const struct err *err);

/*
 * Ends a work whose try has failed with `err`, as queue/retry.h says: gives the task back, or fails
 * it for `reason` (REASON_NONE: the one that follows from `err`).  A fault that ends the job is
 * told to `broken`.
 */
void work_retry(struct work *work, uint8_t reason, const struct err *err);

/* Ends a work by giving the task back, to be leased again in `delay_ms` with `attempts` made. */
void work_again(struct work *work, uint32_t delay_ms, unsigned attempts);

/* The same with all that is remembered of the tries. */
void work_return(struct work *work, const struct retry_state *state, uint32_t delay_ms);
