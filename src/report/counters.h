/*
 * What is counted while a job runs: plain numbers, for the progress line.
 *
 * Place      the planner and the feeders of the report add, progress reads.
 * Threads    atomics that are counters only: relaxed, no order between them.
 */
#pragma once

#include "queue/core/base.h"

#include <stdatomic.h>

/* Entries that something is worth telling of. */
struct plan_named {
	atomic_uint_least64_t count;
	char first[256]; /* the first one's name; the planner's own */
	int first_size;
};

/* How far the planner is: entries written, files and directories among them, bytes of the files to
 * be sent; earlier runs included. */
struct plan_progress {
	atomic_uint_least64_t entries, files, directories;
	atomic_uint_least64_t bytes;
	atomic_uint_least64_t untimed; /* local entries whose time is beyond what we can tell */
	struct plan_named cut;         /* with extended attributes that were not all taken */
	struct plan_named hollow;      /* empty directories of a backup that could not read them */
};

struct counters {
	atomic_uint_least64_t files, directories, others; /* done in this run */
	atomic_uint_least64_t bytes;                      /* of files done in this run */
	atomic_uint_least64_t skipped, failed;            /* in this run */
	atomic_uint_least64_t lost_bytes;                 /* of files among these */
	atomic_uint_least64_t moved;                      /* bytes on the wire */
	atomic_uint_least64_t underway; /* bytes that are there of files not yet done; 2^64 is 0 */
	atomic_uint_least64_t before_files, before_directories, before_others, before_bytes,
		before_lost,
		before_lost_bytes; /* settled by earlier runs; lost: skipped or failed */
	atomic_uint_least64_t lost_directories; /* of skipped, failed and before_lost */
	atomic_uint_least64_t planned_files, planned_directories, planned_others, planned_bytes;
	atomic_uint guessed;       /* percent, where somebody guesses before that; 0: nobody does */
	atomic_bool plan_complete; /* release/acquire: the planned_* are final */
	atomic_bool linked;
	const struct plan_progress *plan; /* NULL: unknown until the plan is complete */
	uint64_t start_ms;
};

/* Adds `more`; a sum stops at the largest number.  Returns what was counted before. */
static inline uint64_t counter_add(atomic_uint_least64_t *counter, uint64_t more)
{
	uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(counter, &before, add_saturated(before, more),
						      memory_order_relaxed, memory_order_relaxed))
		;
	return before;
}

/* Adds `by` to a counter that goes up and down. */
static inline void counter_shift(atomic_uint_least64_t *counter, int64_t by)
{
	atomic_fetch_add_explicit(counter, (uint64_t)by, memory_order_relaxed);
}

static inline uint64_t counter_read(const atomic_uint_least64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}
