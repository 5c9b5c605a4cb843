/*
 * Lanes: threads that each own a store and run lane tasks on it, a bounded number at a time.
 *
 * A lane task is a transfer or a directory on its way through one or more store calls.  Nothing
 * waits inside a store: what has no free slot stays in the lane's inbox.  When a gateway is away
 * nothing new is started there, and it is probed; what its lanes have not started is
 * refused while there is another gateway, and waits otherwise.  While the grid is in trouble few of
 * those that need it are started (store/health.h).  What one thread asks by itself
 * waits in tries.h.  Since when a gateway is away, and for how long it is waited for, says away.h
 * for both.
 *
 * The room: lanes.c runs lane tasks for upload, download and commit; pool.c hands tasks of one
 * thread out to lanes and tries again what failed; wait.c makes a call and sleeps until it has
 * ended, tries.c does that again and again; away.c knows which gateways are away; patience.c waits
 * for uploads that are blocked.
 *
 * Place      src/upload, src/download and src/commit submit -> [lanes] -> store calls, whose `done`
 *            callbacks drive the lane task on.
 * Ownership  a lane task belongs to the lanes from lanes_submit until its own code has called
 *            lane_task_end, or `refuse` was called.
 * Threads    submit, wake and stop from any; start, poke, refuse and all store callbacks run in the
 *            lane task's lane.
 */
#pragma once

#include "calls/away.h"
#include "store/health.h"
#include "store/store.h"

enum lane_task_kind {
	LANE_TASK_TRANSFER,
	LANE_TASK_DIRECTORY,
	LANE_TASK_KINDS,
};

enum { LANES_MAX = 16 };

struct lane;

struct lane_task {
	enum lane_task_kind kind;
	bool in_place;  /* it writes to what is there, which no two gateways may do at once */
	unsigned works; /* enum health_work: what it cannot do without */
	void (*start)(struct lane_task *lane_task, struct store *store);
	/* Runs after lane_wake and lanes_stop: there may be something new for it.  May be NULL. */
	void (*poke)(struct lane_task *lane_task, struct store *store);
	/* Ends it unstarted: the lanes were stopped, or its gateway is away, or slow, and others
	 * are not. */
	void (*refuse)(struct lane_task *lane_task);
	struct lane *lane;      /* the one it was given to; set by lanes_submit */
	struct lane_task *next; /* of the lane */
	struct lane_task **back;
};

struct lanes_options {
	/* Opens the store of one lane, in the lane's own thread; of one lane after the other. */
	enum fault (*open)(void *context, struct store **store, struct err *err);
	/* Hears once that all gateways were away for as long as anybody waits; the lanes go on
	 * probing until they are stopped. */
	void (*gave_up)(void *context, const struct err *err);
	void *context;
	unsigned threads;                /* 1..LANES_MAX */
	unsigned slots[LANE_TASK_KINDS]; /* in flight, over all lanes; at least 1 each */
	struct away *away;               /* of the gateways; borrowed */
	struct health *health;           /* the one of its stores; borrowed; NULL: there is none */
};

struct lanes;

/* Starts the threads.  Faults: NOMEM, and those of `open`. */
MUST_USE enum fault lanes_new(const struct lanes_options *options, struct lanes **lanes,
			      struct err *err);

/* Gives the lane task to the least busy lane whose gateway is there, or to the least busy one,
 * which it returns, at once.  The lane task may have ended by then. */
struct lane *lanes_submit(struct lanes *lanes, struct lane_task *lane_task);

/* What became of lane tasks of a kind, as far as it can be told while lanes run. */
struct lanes_counts {
	unsigned busy;    /* under way */
	uint64_t ended;   /* that were started */
	uint64_t refused; /* of these: the gateway or a server said that it has too much to do, or
			     is in trouble */
};

/* Counts.  Any thread. */
struct lanes_counts lanes_look(const struct lanes *lanes, enum lane_task_kind kind);

/* Has at most so many of a kind in flight from now on, over all lanes; at least 1 each.  What is
 * under way goes on.  Any thread. */
void lanes_set_slots(struct lanes *lanes, enum lane_task_kind kind, unsigned slots);

/* Has the lane look at its lane tasks again.  Any thread. */
void lane_wake(struct lane *lane);

/* In the lane's thread: the lane task is over, with `err`, and its slot free.  UNAVAILABLE tells
 * that the gateway is away.  NULL: it went well. */
void lane_task_end(struct lane_task *lane_task, const struct err *err);

/* Refuses what was not started and everything submitted later; what is in flight ends by itself.
 * Any thread, idempotent. */
void lanes_stop(struct lanes *lanes);

/* Waits until everything has ended and joins the threads.  Others may still stop the lanes, until
 * lanes_free.  NULL is allowed. */
void lanes_join(struct lanes *lanes);

/* The same, if it was not done, and frees.  NULL is allowed. */
void lanes_free(struct lanes *lanes);
