/*
 * The inside of the engine, shared by its files: engine.c starts and ends the rooms, engine_plan.c
 * runs the planner, engine_report.c begins and concludes the report.
 *
 * Place      src/cli/engine*.c only.
 */
#pragma once

#include "cli/engine.h"
#include "commit/committer.h"
#include "commit/intents.h"
#include "commit/keyring.h"
#include "plan/existing.h"
#include "pool/dispatch.h"
#include "pool/transfer.h"
#include "queue/queue_file.h"
#include "queue/thread.h"
#include "read/readers.h"
#include "report/report.h"
#include "store/patience.h"

struct engine {
	const struct engine_request *request;
	atomic_bool stop;      /* somebody asked to stop, or the job is broken */
	atomic_bool is_broken; /* `broken` was filled; it is read after all threads have ended */
	struct err broken;
	int watch; /* of cancel_watch, or -1 */

	struct report *report;
	struct policy *policy;
	struct queue *queue;
	struct lanes *lanes;
	struct flight *flight;
	struct gate *gate;
	struct tree_source *tree_source;
	struct readers *readers;
	struct transfers transfers;
	struct patience patience;
	struct keyring *keyring;
	struct intents *intents;
	struct committer *committer;
	struct dispatch *dispatch;
	uint64_t damaged; /* slots that did not check */

	/* engine_plan.c */
	struct manifest_writer *writer; /* NULL: the plan is complete */
	struct manifest_resume resume;
	struct plan_progress progress;
	struct existing *existing;
	struct plan_target target;
	struct thread planner;
	bool planning; /* the thread is to be joined */
};

/* Stops everything that is under way; what is in flight ends by itself.  Any thread. */
void engine_stop(struct engine *engine);

/* Stops because of a fault; the first one counts (a lease_options.broken). */
void engine_broken(void *context, const struct err *err);

/* Opens the manifest for going on, or finds it complete, and checks that the outcomes fit it. */
MUST_USE enum fault engine_recover(struct engine *engine, struct err *err);

/* Starts the planner's thread, unless the plan is complete. */
MUST_USE enum fault engine_start_planner(struct engine *engine, struct err *err);

/* Waits for it, if it runs. */
void engine_join_planner(struct engine *engine);

MUST_USE enum fault engine_open_report(struct engine *engine, struct err *err);

/* Counts, sums up, and stores the exit status. */
MUST_USE enum fault engine_conclude(struct engine *engine, int *status, struct err *err);
