/*
 * One backup that a command works on: a gateway, its target, and the snapshots there.
 *
 * Place      options -> [visit] -> barge snapshots, barge forget.
 * Ownership  a struct visit owns everything, and stays where visit_begin filled it until visit_end.
 * Threads    the main thread.
 */
#pragma once

#include "archive/archive.h"
#include "place/session.h"

struct visit {
	struct session session;
	struct grid_path to;
	struct archive archive;
};

/* Connects, and lists the snapshots of `word`, which is ALIAS:TO.  Sleeps.  Faults: those of
 * session_open, grid_path_resolve and archive_open.  On failure `visit` is empty. */
MUST_USE enum fault visit_begin(const struct connection_options *connection, struct output *output,
				const char *word, struct visit *visit, struct err *err);

/* Wipes and frees.  All zeros are allowed. */
void visit_end(struct visit *visit);
