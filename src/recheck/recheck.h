/*
 * What an earlier run did, looked at again before the job goes on: a slot that says done is a claim
 * about a source, and at a local target about what was written.
 *
 *   pages of the plan -> (threads) each entry: look.c looks, decide() says whether it is done again
 *     -> its slot is planned again -> reopen.c: so are the directories above it -> the queue opens
 *
 * An entry taken up again is planned (OUTCOME_OWN) with what the job has at the target, so that the
 * run replaces that and nothing else.  A directory on a grid that was done and is mutable is merged
 * into by its cap, after its children that are linked there were marked as such; an immutable one
 * is made anew.  Slots become durable from the entries upwards: what a kill leaves is a planned
 * entry in a directory that is done, by which the next look finds it again.
 *
 * Place      src/engine, when a job goes on and before its queue opens -> [recheck] -> slots.
 * Ownership  what the options name is borrowed.
 * Threads    starts its own and waits for them; nobody else may write slots meanwhile.
 */
#pragma once

#include "files/source_tree.h"

struct recheck_options {
	struct catalog *catalog;            /* with outcomes */
	struct source_tree_options sources; /* those that are local, maybe none */
	const char *directory;              /* of a local target; NULL: it is on a grid */
	bool retry;                         /* what failed or was skipped is taken up as well, */
	unsigned asked;   /* unless an option said to skip it: enum recount_asked */
	unsigned threads; /* 1..64 */
};

struct recheck_counts {
	uint64_t looked;          /* entries done earlier whose source was looked at, */
	uint64_t unseen;          /* could not be, */
	uint64_t source_changed;  /* or is not what was copied: taken up again */
	uint64_t written_gone;    /* taken up again: the target has it no more */
	uint64_t written_changed; /* taken up again: somebody changed it at the target */
	uint64_t retried;         /* failed or skipped earlier: taken up again */
};

/* Looks at everything.  Faults: CANCELLED (somebody asked to stop), CORRUPT, FULL, IO, NOMEM. */
MUST_USE enum fault recheck_run(const struct recheck_options *options,
				struct recheck_counts *counts, struct err *err);
