/*
 * A pool: lanes that try again, for one thread that hands tasks out and takes them back ended.
 *
 *   pool_submit -> in a lane -> pool_end -> well, or for good: pool_take returns it
 *        ^                         |
 *        +---- later, when due <---+ FATE_AGAIN, FATE_AWAY (queue/retry.h)
 *
 * Place      src/audit: submit -> [pool] -> a lane runs `start` and the callbacks of its store call
 *            -> pool_end -> take.
 * Ownership  a task is the caller's; the pool holds it from pool_submit until pool_take returned
 *            it.
 * Threads    submit, take and free belong to one thread; pool_stop to any; `start`, the store's
 *            callbacks and pool_end run in the task's lane.
 */
#pragma once

#include "calls/lanes.h"
#include "queue/retry.h"

struct pool;

struct pool_task {
	struct lane_task lane_task; /* first: the lanes know it by this */
	/* Starts a call, or ends the task.  Runs once an attempt. */
	void (*start)(struct pool_task *task);
	/* Cancels the call in flight, of an attempt that pool_stop cuts short. */
	void (*abandon)(struct pool_task *task);
	struct store *store; /* of its lane, during an attempt */
	struct err err;      /* how it ended */
	struct retry_state state;

	struct pool *pool;
	struct pool_task *next;
	struct pool_task **back; /* not NULL: it is under way */
	uint64_t due_ms;
};

struct pool_options {
	enum fault (*open)(void *context, struct store **store, struct err *err);
	void *context;
	unsigned in_flight;    /* 1..LANES_MAX */
	struct away *away;     /* as lanes_options */
	struct health *health; /* the same; what is submitted reads */
};

/* Starts the lanes.  Faults: NOMEM, and those of `open`. */
MUST_USE enum fault pool_new(const struct pool_options *options, struct pool **pool,
			     struct err *err);

/* Returns whether a further task would start at once. */
bool pool_has_room(const struct pool *pool);

/* Hands a task out, of which `start`, `abandon` and what they need are set. */
void pool_submit(struct pool *pool, struct pool_task *task);

/*
 * Takes back a task that is over, `err` saying how.  Sleeps until there is one; NULL when none is
 * under way.  After pool_stop tasks end as FAULT_CANCELLED, and as FAULT_UNAVAILABLE when the
 * gateway stayed away.
 */
struct pool_task *pool_take(struct pool *pool);

/* In the task's lane: the attempt is over; `err` NULL means well.  The task is not to be touched
 * any more. */
void pool_end(struct pool_task *task, const struct err *err);

/* Ends what is under way as FAULT_CANCELLED.  Any thread, idempotent. */
void pool_stop(struct pool *pool);

/* Returns why the pool was stopped: NONE, CANCELLED or UNAVAILABLE, filling `err`. */
enum fault pool_stopped(struct pool *pool, struct err *err);

/* Joins the lanes and frees; nothing may be under way.  NULL is allowed. */
void pool_free(struct pool *pool);
