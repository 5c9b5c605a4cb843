/*
 * What the remote waits for: told with --debug while it works, and kept for `git annex info`.
 *
 *   began, ended of each request -> how many are under way -> place/gauge: a verdict
 *   ended: it is worth telling, and twice as long as what was told -> DEBUG "held back by: ..."
 *   the end of the session -> GITDIR/annex/barge-ID, one line -> INFO of a later one
 *
 * A session that git-annex ends can say nothing more: nobody reads any more.  So the last words are
 * kept.  Time in which no request is under way is git-annex's own.
 *
 * Place      annex.h's hooks, remote.c -> [remote_measure] -> place/gauge.
 * Ownership  a struct remote_measure owns its gauge until remote_measure_end.
 * Threads    any, at once, until remote_measure_end.
 */
#pragma once

#include "annex/annex.h"
#include "place/gauge.h"
#include "queue/core/thread.h"

struct remote_measure {
	struct mutex lock;
	struct gauge *gauge GUARDED; /* NULL: nothing has asked the grid yet, or no memory */
	unsigned under_way GUARDED;  /* requests */
	uint64_t begun_us GUARDED;   /* of http_clock_us: of the first request; 0: there was none */
	uint64_t since_us GUARDED;   /* of which some are under way */
	uint64_t busy_us GUARDED;    /* in which some were, before that */
	uint64_t told_us GUARDED;    /* how much of the verdict was told */
};

void remote_measure_init(struct remote_measure *measure);

/* Measures whatever goes through stores of the setup that are opened from now on, once.  Where that
 * cannot be, nothing is told. */
void remote_measure_start(struct remote_measure *measure, struct setup *setup,
			  struct output *output);

/* A request begins, and ends; `job` is told what holds it back where that is worth it. */
void remote_measure_began(struct remote_measure *measure);
void remote_measure_ended(struct remote_measure *measure, struct annex_job *job);

/* Ends it.  What was worth telling goes into the file `path`, in one line, which is replaced; NULL:
 * nowhere.  A file that cannot be written is left. */
void remote_measure_end(struct remote_measure *measure, const char *path);

/* Appends how time was spent, and what a user of git-annex can do about it: `busy_us` of `all_us`
 * had requests, of which the verdict, which has seen something, tells. */
MUST_USE enum fault remote_measure_words(const struct verdict *verdict, uint64_t busy_us,
					 uint64_t all_us, struct bytes *text);
