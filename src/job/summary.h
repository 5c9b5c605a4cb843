/*
 * What a job came to when it was last at an end, in a few numbers, so that a list of jobs need not
 * count each of them anew.
 *
 * Place      the end of a run -> [summary] -> STATE/jobs/ID/summary -> `barge jobs`.
 * Ownership  plain data.
 * Threads    whoever holds the job's lock writes and forgets; anyone may read.
 *
 * The file is a JSON object (docs/formats.md).  It is there only while nothing has been done to the
 * job since: going on forgets it first.  Losing it costs a count, and so does one
 * of a version that wrote fewer numbers.
 */
#pragma once

#include "job/job.h"
#include "report/recount.h"

struct job_summary {
	uint64_t planned, done, skipped, failed, left; /* entries */
	uint64_t skipped_asked;                        /* of those skipped, as recount_kind.asked */
	uint64_t files_planned, files_done, files_asked;
	uint64_t bytes_planned, bytes_done;
	int status;     /* the exit status of the run; -1: it never came to an end */
	uint64_t ended; /* seconds since 1970; 0: it never came to an end */
};

/* Returns what was counted, as of a job that never came to an end. */
struct job_summary job_summary_of(const struct recount *counts);

/*
 * Counts it from the job's files instead; of a finished job `status` is that of what was counted,
 * and `ended` when its outcomes were written last.  Returns false where they do not open.  Sleeps
 * for as long as reading takes.
 */
bool job_summary_count(const struct job *job, struct job_summary *summary);

/* Returns the enum recount_asked of a plan: what its command line left out on purpose. */
unsigned job_asked(const struct catalog *catalog);

/* Writes it, in the place of an older one, and has the index look at the job anew.  Faults: IO,
 * FULL, NOMEM. */
MUST_USE enum fault job_summary_write(const struct job *job, const struct job_summary *summary,
				      struct err *err);

/* Returns whether there is one that makes sense, and stores it. */
bool job_summary_read(const struct job *job, struct job_summary *summary);

/* Removes it, if it is there, and what the index knows: from now on neither would be true. */
MUST_USE enum fault job_summary_forget(const struct job *job, struct err *err);
