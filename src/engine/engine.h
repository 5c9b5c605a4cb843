/*
 * The engine: planner, queue, readers, lanes and committer wired together for one migration.
 *
 * Inside, in the order of a run:
 *   engine.c         starts the rooms: the report (engine_report.c), the queue, the lanes
 *   engine_up.c      then readers, transfers and committer for a target on a grid, or
 *   engine_down.c    readers, downloads, arrivals and builder for a local one
 *   engine_plan.c    then the planner, in a thread of its own
 *   dispatch.c       then the dispatcher, which leases transfers; engine_route.c says who does one
 *                    (engine_reuse.c where a backup may know it), quota.c whether it may begin
 *   engine.c         waits for the end and winds up in one order, whatever the end was
 * engine_rehearsal.c tells what a plan would do instead (barge cp --dry-run).
 *
 * Place      command_cp, command_plan, command_run, command_resume -> [engine] -> all rooms below.
 * Threads    engine_run belongs to the main thread and sleeps until the job has ended or stopped;
 *            everything else has threads of its own.
 */
#pragma once

#include "job/migration.h"
#include "known/age.h"
#include "options/transfer.h"
#include "place/setup.h"
#include "report/output.h"

struct knowledge;

/* What makes a job a backup: what earlier ones stored, and its end. */
struct engine_backup {
	struct knowledge *known;
	struct known_age age;
	bool looks_again;  /* everything is read */
	bool renews;       /* the leases of all that is reused */
	const char *stamp; /* the snapshot's name */
	/* Called when the snapshot is linked, before the end is told.  A fault stops the job,
	 * resumable.  Sleeps. */
	enum fault (*linked)(void *context, struct err *err);
	void *context; /* of linked */
};

struct engine_request {
	const struct connection_options *connection;
	const struct planning_options *planning;
	const struct transfer_options *transfer;
	struct output *output;
	const char *state_dir; /* as given, or NULL */
	struct setup *setup;
	struct migration *migration;
	const struct arrangement *arrangement; /* with the sources' caps; NULL: the plan has them */
	struct store *store; /* for the planner's look at grids; NULL: there is none to look at */
	const struct engine_backup *backup; /* of a backup; else NULL */
};

/* What a copy is between, as far as options depend on it. */
struct engine_sides {
	bool remote;                     /* a source is on a grid */
	bool to_local;                   /* the target is not */
	const struct chk_params *params; /* of the gateway, or NULL */
};

/* FAULT_USAGE, with the remedy, for options that cannot be followed there: before a job is made. */
MUST_USE enum fault engine_check(const struct transfer_options *transfer,
				 const struct engine_sides *sides, struct err *err);

/*
 * Carries the migration out, or on, and reports.  Stores the exit status.  Faults: those that kept
 * it from starting; what happens later is in the status and has been printed.
 */
MUST_USE enum fault engine_run(const struct engine_request *request, int *status, struct err *err);

/*
 * Only plans, and prints on stdout what would be done with each entry, looking at a local target as
 * the run would.  Makes nothing there.  Stores the exit status.
 */
MUST_USE enum fault engine_rehearse(const struct engine_request *request, int *status,
				    struct err *err);

/* Only plans: finishes the manifest and reports its totals. */
MUST_USE enum fault engine_plan(const struct engine_request *request, int *status, struct err *err);
