/*
 * The selection of a command line: its rules, limits and list made into a struct select, and kept
 * with a job.
 *
 * Place      options -> [selection] -> migration -> planner.
 * Ownership  every struct select given is the caller's.
 * Threads    one.
 *
 * A job's manifest keeps the text of its selection (JOB_SELECT); a list is known there by its hash,
 * and lies beside the other files of the job until that is removed.
 */
#pragma once

#include "job/job.h"
#include "place/arrange.h"
#include "select/select.h"

/*
 * Makes what the options come to.  Reads the files they name, and standard input for "-".  Faults:
 * USAGE (a rule, date or path that makes no sense; a file that cannot be read; too much of it),
 * NOMEM.
 */
MUST_USE enum fault selection_make(const struct options *options, struct select **select,
				   struct err *err);

/* Fails with USAGE where the selection of `options` does not go with the sources. */
MUST_USE enum fault selection_check(const struct options *options,
				    const struct arrangement *arrangement, struct err *err);

/* Appends the text of `select`, which may be NULL, for the manifest. */
MUST_USE enum fault selection_text(const struct select *select, struct bytes *out, struct err *err);

/* Writes the list of `select`, which may be NULL, into the job's directory, durably.  Nothing
 * without a list.  Faults: FULL, IO, NOMEM. */
MUST_USE enum fault selection_save(const struct select *select, const struct job *job,
				   struct err *err);

/*
 * Makes the selection that the manifest has, with its list, unless the plan is complete, which asks
 * no more.  Faults: CORRUPT (text or list are not what was written), IO, NOMEM.
 */
MUST_USE enum fault selection_load(struct manifest_reader *reader, const struct job *job,
				   struct select **select, struct err *err);
