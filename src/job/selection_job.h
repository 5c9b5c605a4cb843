/*
 * The selection of a command line, kept with its job.
 *
 * Place      options/selection.h -> [selection_job] -> migration -> planner.
 * Ownership  every struct select given is the caller's.
 * Threads    one.
 *
 * A job's manifest keeps the text of its selection (JOB_SELECT); a list is known there by its hash,
 * and lies beside the other files of the job until that is removed.
 */
#pragma once

#include "job/job.h"
#include "select/select.h"

/* Appends the text of `select`, which may be NULL, for the manifest. */
MUST_USE enum fault selection_text(const struct select *select, struct bytes *out, struct err *err);

/* Writes the list of `select`, which may be NULL, into the job's directory, durably.  Nothing
 * without a list.  Faults: FULL, IO, NOMEM. */
MUST_USE enum fault selection_save(const struct select *select, const struct job *job,
				   struct err *err);

/*
 * Makes the selection that the plan has, with its list, unless the plan is complete, which asks
 * no more.  Faults: CORRUPT (text or list are not what was written), IO, NOMEM.
 */
MUST_USE enum fault selection_load(struct catalog *catalog, const struct job *job,
				   struct select **select, struct err *err);
