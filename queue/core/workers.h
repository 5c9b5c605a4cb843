/*
 * Worker threads for tasks that have something to do now and then: what waits for a disk or
 * computes for long, so that no thread has to do it that others wait for.
 *
 *   workers_wake:  idle -> queued -> (a thread takes it) running -> idle
 *                                       woken meanwhile: running -> queued
 *
 * So a task that was woken runs at least once from its beginning, and never in two threads.
 *
 * Place      lanes, dispatcher, readers: wake -> [workers] -> run.
 * Ownership  a task is its owner's, who sets `run` and leaves the rest zero.  It is not to be freed
 *            while it may be queued or running, except by its own `run`.
 * Threads    workers_wake may be called by any thread; it never waits for a task.
 */
#pragma once

#include "queue/core/base.h"

enum { WORKERS_MAX = 64 };

struct workers;

struct worker_task {
	/* Does what there is to do.  False: the task is gone and must not be touched any more. */
	bool (*run)(struct worker_task *task);
	/* of the workers */
	struct worker_task *next;
	unsigned char state;
};

/* Starts `threads` threads, 1..WORKERS_MAX, called `name` (at most 15 characters).  NULL: no
 * memory. */
struct workers *workers_new(const char *name, unsigned threads);

/* Has the task run soon. */
void workers_wake(struct workers *workers, struct worker_task *task);

/* Runs what is queued, ends the threads and frees.  NULL is allowed. */
void workers_free(struct workers *workers);
