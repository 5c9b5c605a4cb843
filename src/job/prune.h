/*
 * Jobs that nobody will ask for again.
 *
 * Place      the beginning of a new job, `barge jobs prune` -> [prune] -> job.
 * Threads    any; a job that somebody holds is left alone.
 */
#pragma once

#include "job/job.h"

/* How long a finished job is kept unless somebody says otherwise: 30 days. */
enum { JOB_KEEP_SECONDS = 30 * 24 * 60 * 60 };

/*
 * Removes the jobs that ended with status 0 (all done, or left out by an option) at least `seconds`
 * ago, and stores how many.  Only jobs made before that are opened at all.  What failed, or can go
 * on, stays.  Faults: IO, INSECURE, NOMEM.
 */
MUST_USE enum fault job_prune(const char *state, uint64_t seconds, uint64_t *removed,
			      struct err *err);
