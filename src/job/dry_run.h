/*
 * A place for a job that is only planned, looked at, and gone again (barge cp --dry-run).
 *
 * Place      command_cp -> [dry_run] -> migration, engine_rehearse.
 * Ownership  a struct dry_run owns a directory in $TMPDIR until dry_run_fini removes it.  The caps
 *            of sources are in there meanwhile: it is readable by its owner only, as any state is.
 * Threads    one.
 */
#pragma once

#include "queue/core/fault.h"
#include "report/output.h"

struct dry_run {
	struct output *output;
	char *directory; /* to be the job's --state-dir */
};

/* Makes the directory.  Faults: IO, NOMEM. */
MUST_USE enum fault dry_run_init(struct dry_run *dry_run, struct output *output, struct err *err);

/* Removes what is in the directory, whose jobs nobody has open any more, and the directory. */
void dry_run_fini(struct dry_run *dry_run);
