/*
 * What a command waits for while it runs: each second gets one name, and the end says which and how
 * often.
 *
 *   requests that end --http_watch--> | phases, waits of servers
 *   threads (measure/activity)  ----> | looked at 20 times a second   -> a moment a second
 *   lanes, --bwlimit, CPU       ----> |                                  -> measure/verdict
 *
 * While nothing is asked for (idle) time counts for nothing, and the thread looks once a second.
 *
 * Place      engine, barge key, git-annex's remote: gauge_new before stores are opened, gauge_start
 *            once what is looked at is there -> [gauge] -> a verdict for the summary.
 * Ownership  borrows setup and output until gauge_end.
 * Threads    one of its own.  new, start and end belong to one thread; gauge_so_far to any.
 */
#pragma once

#include "measure/verdict.h"
#include "place/setup.h"

struct gauge;

/* What whoever runs the command knows at a moment. */
struct gauge_look {
	unsigned transfers, directories; /* under way */
	unsigned slots;                  /* transfers that may be; 0: none */
	unsigned hands;                  /* threads for local files; 0: as the options say */
	bool limited;                    /* --bwlimit holds back what is no request */
	bool idle;                       /* nobody wants anything */
};

struct gauge_options {
	struct setup *setup; /* NULL: no grid is asked */
	struct output *output;
	unsigned hands; /* threads that read and write local files */
	/* Tells, in the gauge's thread.  NULL: one request after the other. */
	void (*look)(void *context, struct gauge_look *look);
	void *context;
};

/* Makes one, which hears of the requests of all stores opened from now on.  FAULT_NOMEM. */
MUST_USE enum fault gauge_new(const struct gauge_options *options, struct gauge **gauge,
			      struct err *err);

/* Begins to look.  FAULT_NOMEM: there are no more threads. */
MUST_USE enum fault gauge_start(struct gauge *gauge, struct err *err);

/* Stores what it has seen until the last moment that ended. */
void gauge_so_far(struct gauge *gauge, struct verdict *verdict);

/* Ends it and stores what it has seen.  No store that was opened meanwhile is polled any more.
 * NULL is allowed: nothing was seen. */
void gauge_end(struct gauge *gauge, struct verdict *verdict);
