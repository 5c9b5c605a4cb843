/*
 * A queue in memory for tests of the rooms that do the work: it leases tasks it was given, takes
 * their outcomes, and leases again at once what is given back, whatever the delay asked for.
 *
 * Threads    fake_add before anything is leased; the rest from any.
 */
#pragma once

#include "queue/core/thread.h"
#include "queue/lease.h"
#include "queue/outcomes.h"

enum { FAKE_TASKS = 100 };

struct fake_task {
	struct task task;
	enum segment_kind kind;
	bool leased, settled;
	struct outcome outcome; /* the last recorded */
	struct err reason;      /* why it failed; fault NONE if nobody said */
	unsigned leases;        /* how often it was leased */
	uint64_t delay_ms;      /* last asked for */
	uint64_t trouble;       /* as it was last given back */
	unsigned turn;          /* 1 for what was recorded first */
	unsigned char meta[80];
};

struct fake_queue {
	struct queue *queue;        /* to be used */
	struct lease_options lease; /* to be used: `broken` and `reason` note what they hear */
	struct fake_task task[FAKE_TASKS];
	size_t count;
	unsigned leases_max;     /* of one task; behind it no more is leased.  0: no limit */
	struct outcomes *chunks; /* where outcomes of chunks are kept; NULL: there are none */

	struct mutex lock;
	struct cond change;
	bool stopped;
	bool stale; /* every lease has ended: nothing is recorded or extended any more */
	unsigned records, extensions, turns;
	struct err broken; /* the first the job was told of */
};

void fake_queue_init(struct fake_queue *fake);
void fake_queue_fini(struct fake_queue *fake);

/* Adds a task; its id must be new. */
struct fake_task *fake_add(struct fake_queue *fake, const struct task *task,
			   enum segment_kind kind);

/* Returns the task of this id. */
struct fake_task *fake_find(struct fake_queue *fake, uint64_t id);

/* Leases all tasks of `kind` that are not settled, and returns their works.  Never sleeps. */
struct work *fake_works(struct fake_queue *fake, enum segment_kind kind, size_t *count);

/* Sleeps until no task is leased (each settled or given back). */
void fake_queue_wait(struct fake_queue *fake);
