/*
 * Whether what a job has done is still below its target, when the job is about to end.
 *
 * A directory that somebody moved away, removed or replaced takes what was put into it along.  So
 * each directory that is done is looked for by its path, and of each page of a listing one other
 * entry that is done: enough to see that a directory is another, at the price of a stat for a page.
 *
 * Place      plan and outcomes of the catalog, and the target as it is now -> [presence] -> the
 *            builder, before it settles the root.
 * Threads    one.
 */
#pragma once

#include "queue/catalog.h"

/*
 * Returns FAULT_NONE when all is there below the directory at the path `root`; EXISTS, with the
 * first path and how many, when something is not.  Further faults: CORRUPT, IO, NOMEM.
 */
MUST_USE enum fault presence_check(struct catalog *catalog, const char *root, struct err *err);
