/*
 * The temporary files that a job has left at its local target.
 *
 *   listings of the plan -> each directory, opened below the target's -> names that are the job's
 *
 * A run that is killed leaves those of the files under way, and the next one goes on with them.  So
 * they are looked for only by who ends the job for good, and by who lists what lies around.
 *
 * Place      the engine at the end of a job, `barge jobs` -> [sweep].
 * Ownership  what the options name is borrowed.
 * Threads    one.
 */
#pragma once

#include "queue/catalog.h"

struct sweep_options {
	struct catalog *catalog;
	const char *directory; /* the local target */
	const char *job; /* hex digits of its id, as many as arrivals have in theirs, or more */
	bool removes;    /* them, instead of only finding them */
	/* Hears of each: its path below the target.  May be NULL. */
	void (*found)(void *context, const char *path);
	void *context;
};

/* Stores how many there were.  What cannot be looked at or removed is passed over.  Faults:
 * NOT_FOUND (the target), CORRUPT (the plan), IO, NOMEM. */
MUST_USE enum fault sweep(const struct sweep_options *options, uint64_t *count, struct err *err);
