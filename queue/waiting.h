/*
 * Tasks given back, each waiting for its time: a heap that never allocates once a task is in it.
 *
 * Place      private to the file backend, one for each kind of segment.
 * Ownership  a copy of a task belongs to the heap from waiting_put until waiting_take.
 * Threads    guarded by the queue's lock, but for waiting_new and waiting_free.
 */
#pragma once

#include "queue/queue.h"

struct waiting_task {
	struct task task; /* name and meta point into `bytes` */
	uint64_t due_ms;  /* clock_ms */
	struct waiting_task *child, *sibling;
	unsigned char bytes[];
};

/* The root of a heap; NULL when empty. */
struct waiting_heap {
	struct waiting_task *first;
};

/* Copies `task`.  Returns NULL when out of memory. */
struct waiting_task *waiting_new(const struct task *task, uint64_t due_ms);

/* Frees one that is in no heap. */
void waiting_free(struct waiting_task *waiting);

void waiting_put(struct waiting_heap *heap, struct waiting_task *waiting);

/* Returns the one due first, by number where times are equal, if it is due by `now_ms`; else NULL.
 */
struct waiting_task *waiting_take(struct waiting_heap *heap, uint64_t now_ms);
