/*
 * What a job that is not running has left at its local target.
 *
 * Place      `barge jobs` -> [leftovers] -> land/sweep.h.
 * Threads    one.
 */
#pragma once

#include "job/job.h"

struct leftovers {
	bool removes;
	/* As in land/sweep.h. */
	void (*found)(void *context, const char *path);
	void *context;
};

/* Stores how many temporary files there were: none for a target on a grid, or a job without
 * outcomes.  Faults: NOT_FOUND (the target), CORRUPT, IO, NOMEM. */
MUST_USE enum fault leftovers_look(const struct job *job, const struct leftovers *leftovers,
				   uint64_t *count, struct err *err);
