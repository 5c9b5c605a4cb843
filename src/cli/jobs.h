/*
 * What the parts of `barge jobs` share: the table, the description of one job.
 *
 * Place      inside cli/command_jobs.c, jobs_list.c, jobs_show.c only.
 */
#pragma once

#include "job/job.h"
#include "job/summary.h"
#include "report/fields.h"

/* Returns the word for what a job is in: "running", "unfinished", "finished"... */
const char *jobs_state(enum job_state state, bool locked);

/*
 * Stores what the job came to: as it was kept, or counted anew.  Returns false where that would
 * take long, and for a job whose files do not open.
 */
bool jobs_sum(const struct job *job, struct job_summary *summary);

/* Writes the line (fields) that describes the job. */
MUST_USE enum fault jobs_describe(struct fields *fields, const struct job *job, struct err *err);

/* jobs_list.c: all jobs, as a table or as JSON lines. */
MUST_USE enum fault jobs_list(struct fields *fields, const char *state, struct err *err);

/* jobs_show.c: one job, its counts, and what failed or was skipped. */
MUST_USE enum fault jobs_show(struct fields *fields, const struct job *job, struct err *err);
