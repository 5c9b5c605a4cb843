/*
 * Names that came into directories after those were planned: a job does not see them.
 *
 *   entries of the plan: a directory whose times are not those planned -> noted
 *   its listing -> hashes of its names -> what the directory holds now and the listing does not
 *
 * Place      src/engine, at the end of a job -> [appeared] -> the summary.
 * Ownership  what the options name is borrowed.
 * Threads    one.
 */
#pragma once

#include "files/source_tree.h"
#include "select/select.h"

struct appeared_options {
	struct catalog *catalog;
	struct source_tree_options sources;
	const struct select *select; /* NULL: everything is taken */
};

/*
 * Stores how many names of local sources are not in the plan and would be taken now.  None where
 * the plan took only what a list has; what cannot be looked at is passed over.  Faults: CORRUPT
 * (the plan), IO, NOMEM.
 */
MUST_USE enum fault appeared_count(const struct appeared_options *options, uint64_t *count,
				   struct err *err);
