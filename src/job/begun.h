/*
 * What a job was begun with that its plan does not say: how the grid is reached, and what shapes
 * the files at a local target.  So `barge resume` alone goes on with it, and `barge verify` finds
 * where it stored.
 *
 * Place      engine -> [begun] -> a file of the job -> [begun] -> every command that takes a job.
 * Ownership  a struct begun owns what it read until begun_fini.
 * Threads    one.
 *
 * Paths are kept absolute.  There are no secrets in it: of caps only the path of their file.
 */
#pragma once

#include "job/job.h"
#include "options/options.h"

/*
 * Keeps them for the job, in place of what was kept; nothing is written where nothing has changed.
 * Faults: FULL, IO, NOMEM.
 */
MUST_USE enum fault begun_keep(const struct job *job, const struct connection_options *connection,
			       const struct transfer_options *transfer, struct err *err);

enum { BEGUN_OPTIONS = 7 };

struct begun {
	struct text_list kept;       /* "option=value" */
	char **value[BEGUN_OPTIONS]; /* of each, those in `kept`; NULL: it was typed */
	struct options options;
};

/*
 * Reads what is kept.  `begun->options` are those `typed`, and what was kept where an option was
 * not typed; they borrow from both.  A job of which nothing is kept is none of the worse.  Faults:
 * INSECURE, IO, NOMEM; `begun` is for begun_fini in any case.
 */
MUST_USE enum fault begun_recall(const struct job *job, const struct options *typed,
				 struct begun *begun, struct err *err);

/* Frees.  All zeros are allowed. */
void begun_fini(struct begun *begun);
