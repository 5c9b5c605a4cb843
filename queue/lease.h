/*
 * A leased segment whose tasks end one by one, in any thread: outcomes go to the queue at once, and
 * with the last task the segment goes back.
 *
 * Place      between queue_lease and the rooms that do the work.
 * Ownership  a lease frees itself when its last work has ended; a struct work belongs to whoever is
 *            to end it.
 * Threads    works of one lease may end concurrently.
 */
#pragma once

#include "queue/queue.h"

struct lease;

struct work {
	const struct task *task;
	struct lease *lease;
};

struct lease_options {
	struct queue *queue;
	/* Hears of a fault of the queue itself, which is final for the job. */
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
 * it failed, or NULL. Sleeps while the queue's writer is behind.
 */
void work_settle(struct work *work, struct outcome *outcome, const struct err *err);

/* Keeps an outcome of one of the task's chunks, whose id is filled in.  The work goes on. */
void work_note(struct work *work, const struct outcome *outcome);

/* Ends a work as failed or skipped for `reason`.  `attempts` counts this try. */
void work_fail(struct work *work, uint8_t reason, unsigned attempts, const struct err *err);

/* Ends a work by giving the task back, to be leased again in `delay_ms` with `attempts` made. */
void work_again(struct work *work, uint32_t delay_ms, unsigned attempts);
