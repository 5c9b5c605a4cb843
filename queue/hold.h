/*
 * The memory of one segment: its tasks with their names, counted references, and who is settled.
 *
 * Place      private to the file backend.  One reference belongs to the lessee, one to each outcome
 *            on its way to the disk.
 * Threads    building belongs to one thread; references are counted by any; the rest is guarded by
 *            the queue's lock.
 */
#pragma once

#include "queue/queue.h"

#include <stdatomic.h>

struct hold_page;

struct hold {
	struct segment segment;
	size_t capacity;        /* tasks there is room for */
	bool *ended;            /* a task each: recorded as settled */
	size_t open;            /* tasks that are not */
	uint64_t until_ms;      /* when the lease runs out; UINT64_MAX: never */
	bool superseded;        /* it ran out and was leased anew: its lessee is refused */
	struct hold *newer;     /* in the queue's list of leased segments */
	struct hold_page *page; /* names and metas, the page being filled first */
	atomic_uint references;
};

/* Makes an empty hold for `capacity` tasks with one reference.  Returns NULL when out of memory. */
struct hold *hold_new(enum segment_kind kind, size_t capacity);

/* Adds a copy of `task`, name and meta included.  Returns it, or NULL when out of memory. */
struct task *hold_add(struct hold *hold, const struct task *task);

/* Sorts the tasks by id.  Nothing may be added later, and task pointers of before are void. */
void hold_seal(struct hold *hold);

/* Returns the sealed hold's task that `id`, its own or that of one of its chunks, belongs to, or
 * NULL. */
struct task *hold_find(const struct hold *hold, uint64_t id);

void hold_ref(struct hold *hold);

/* Gives a reference back; the last one frees the hold.  NULL is allowed. */
void hold_unref(struct hold *hold);
