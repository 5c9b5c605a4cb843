/*
 * A crew: tasks in lanes for one thread that hands them out and takes them back ended.
 *
 * What fails for a while is tried again by queue/core/retry; what meets a gateway that is away
 * waits for it, or goes to another.  CORRUPT counts as RETRY here: a wrong reply may be an accident
 * of that reply.
 *
 * Place      src/fetch, src/audit: submit -> [crew] -> a lane runs `start` and the callbacks of its
 * store call -> crew_end -> take.
 * Ownership  a task is the caller's; the crew holds it from crew_submit until crew_take returned
 *            it.
 * Threads    submit, take and free belong to one thread; crew_stop to any; `start`, the store's
 *            callbacks and crew_end run in the task's lane.
 */
#pragma once

#include "calls/lanes.h"

struct crew;

struct crew_task {
	struct errand errand; /* first: the lanes know it by this */
	/* Starts a call, storing it in `call`, or ends the task.  Runs once an attempt. */
	void (*start)(struct crew_task *task);
	/* Undoes an attempt that is cut short by crew_stop.  May be NULL. */
	void (*abandon)(struct crew_task *task);
	struct store *store;     /* of its lane, during an attempt */
	struct store_call *call; /* the one in flight, or NULL */
	struct err err;          /* how it ended */
	unsigned attempts;       /* that failed */

	struct crew *crew;
	struct crew_task *next;
	struct crew_task **back; /* not NULL: it is under way */
	uint64_t due_ms;
};

struct crew_options {
	enum fault (*open)(void *context, struct store **store, struct err *err);
	/* Hears in a lane that the gateway of a store went away (true) or is back.  May be NULL. */
	void (*away)(void *context, const struct store *store, bool away);
	void *context;
	unsigned in_flight; /* 1..LANES_MAX */
	uint64_t away_ms;   /* how long to wait for a gateway that is away */
};

/* Starts the lanes.  Faults: NOMEM, and those of `open`. */
MUST_USE enum fault crew_new(const struct crew_options *options, struct crew **crew,
			     struct err *err);

/* Returns whether a further task would start at once. */
bool crew_has_room(const struct crew *crew);

/* Hands a task out, of which `start`, `abandon` and what they need are set. */
void crew_submit(struct crew *crew, struct crew_task *task);

/*
 * Takes back a task that is over, `err` saying how.  Sleeps until there is one; NULL when none is
 * under way.  After crew_stop tasks end as FAULT_CANCELLED, and as FAULT_UNAVAILABLE when the
 * gateway stayed away.
 */
struct crew_task *crew_take(struct crew *crew);

/* In the task's lane: the attempt is over; `err` NULL means well.  The task is not to be touched
 * any more. */
void crew_end(struct crew_task *task, const struct err *err);

/* Ends what is under way as FAULT_CANCELLED.  Any thread, idempotent. */
void crew_stop(struct crew *crew);

/* Returns why the crew was stopped: NONE, CANCELLED or UNAVAILABLE, filling `err`. */
enum fault crew_stopped(struct crew *crew, struct err *err);

/* Joins the lanes and frees; nothing may be under way.  NULL is allowed. */
void crew_free(struct crew *crew);
