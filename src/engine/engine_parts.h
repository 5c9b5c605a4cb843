/*
 * The inside of the engine, shared by its files: engine.c starts and ends the rooms, engine_up.c
 * has those of a target on the grid and engine_down.c those of a local one, engine_plan.c runs the
 * planner, engine_rehearsal.c tells what a plan would do, engine_route.c says who does a task,
 * engine_reuse.c what a backup knows of it and engine_rehearsal_known.c what it would reuse,
 * engine_gauge.c measures what the run waits for, engine_report.c begins and concludes the
 * report.  All of them call engine_state.c, which calls none of them: how a run stops, and what the
 * rooms tell while it runs.
 *
 * Place      src/engine/engine*.c only.
 */
#pragma once

#include "calls/patience.h"
#include "commit/committer.h"
#include "commit/intents.h"
#include "commit/keyring.h"
#include "download/download.h"
#include "engine/budget.h"
#include "engine/dispatch.h"
#include "engine/engine.h"
#include "engine/quota.h"
#include "job/begun.h"
#include "known/reuse.h"
#include "land/builder.h"
#include "land/local_writer.h"
#include "measure/width.h"
#include "place/gauge.h"
#include "plan/remote.h"
#include "plan/target_listing.h"
#include "queue/core/thread.h"
#include "queue/queue_file.h"
#include "read/readers.h"
#include "recheck/recheck.h"
#include "report/report.h"
#include "upload/transfer.h"

enum { ENGINE_WRITERS = 2 /* threads that wait for a local target's disk */ };

struct engine {
	/* What was asked for. */
	const struct connection_options *connection;
	const struct planning_options *planning;
	const struct transfer_options *transfer;
	struct output *output;
	const char *state_dir;
	struct setup *setup;
	struct migration *migration;
	const struct arrangement *arrangement;
	struct store *store;
	const struct engine_backup *backup; /* of a backup, or NULL */
	bool to_local;                      /* the target is */
	bool lanes_used;                    /* a gateway was asked */
	bool root_is_new;                   /* the directory at the target is made at the end */
	bool backup_ended;                  /* its last link is where it should be */

	atomic_bool stop;   /* somebody asked to stop, or the job is broken */
	atomic_bool enough; /* nothing more is begun: stopping, or the quota is used up */
	struct quota quota;
	struct budget budget;  /* of open files; all zeros where nothing but a plan is made */
	atomic_bool is_broken; /* `broken` was filled; it is read after all threads have ended */
	struct err broken;
	int watch;        /* of cancel_watch, or -1 */
	char *last_words; /* said when a second signal ends the process, or NULL */

	struct gauge *gauge;         /* what the run waits for */
	struct width width;          /* transfers at each gateway; the gauge's thread */
	bool adapts;                 /* their number is found out */
	atomic_uint_least64_t moved; /* bytes of files */
	struct verdict held;         /* the same, once it is over */
	struct report *report;
	struct policy *policy;
	struct queue *queue;
	struct heartbeat *heartbeat;
	struct lanes *lanes;
	struct flight *flight;
	struct gate *gate;
	struct source_tree_root *source_tree_root;
	size_t source_count; /* of them */
	struct readers *readers;
	struct transfers transfers;
	struct patience patience;
	struct keyring *keyring;
	struct intents *intents;
	struct committer *committer;
	struct dispatch *dispatch;
	struct recheck_counts again; /* what an earlier run did, looked at */
	uint64_t damaged;            /* slots that did not check */
	struct reuse *reuse;         /* of a backup, or NULL */
	struct reuse_asker *asker;   /* the dispatcher's */

	/* engine_down.c */
	int root_fd; /* of the target's directory, or -1 */
	struct arrivals *arrivals;
	struct workers *writers;   /* what waits for the disk of the target */
	struct workers *comparers; /* what compares files there, or NULL */
	struct downloads downloads;
	struct local_writer *local_writer;
	struct pace pace; /* where no gateway is asked; else the set-up has one */
	struct builder *builder;
	struct losses losses;
	int64_t tick_ns; /* of times there, with --update; else 0 */

	/* engine_plan.c */
	struct manifest_writer *writer; /* NULL: the plan is complete */
	struct manifest_resume resume;
	struct plan_progress progress;
	struct target_listing *target_listing;
	struct remote *remote;
	struct plan_target target;
	struct thread planner;
	bool planner_runs; /* and is to be joined */
};

/* Stops everything that is under way; what is in flight ends by itself.  Any thread. */
void engine_stop(struct engine *engine);

/* Whether a transfer of so many bytes may begin (an `admits` of the rooms).  When not, the run is
 * being ended: what is under way comes to its own end, the rest is left.  Any thread. */
bool engine_admits(void *context, uint64_t bytes);

/* Stops because of a fault; the first one counts (a lease_options.broken). */
void engine_broken(void *context, const struct err *err);

/* Tells of an entry that lost extended attributes at the target (arrivals_options.plainer). */
void engine_plainer(void *context, const struct task *task);

/* Adds bytes to the rate shown. */
void engine_moved(void *context, uint64_t bytes);

/* Adds bytes that are there of files on their way, or takes them away. */
void engine_underway(void *context, int64_t bytes);

/* Stops because the gateway stayed away (a lanes_options.gave_up). */
void engine_gave_up(void *context, const struct err *err);

/* Measures what the run waits for: made before stores are opened, started once the rooms are there,
 * ended after them. */
MUST_USE enum fault engine_make_gauge(struct engine *engine, struct err *err);
MUST_USE enum fault engine_start_gauge(struct engine *engine, struct err *err);
void engine_end_gauge(struct engine *engine);

struct lease_options engine_lease_options(struct engine *engine);

/* Starts what sends and assembles, or what fetches and builds. */
MUST_USE enum fault engine_start_up(struct engine *engine, struct err *err);
MUST_USE enum fault engine_start_down(struct engine *engine, struct err *err);

/* Fills what readers need whatever becomes of what they read, and the replicas of a target on a
 * grid.  What was filled before is void; release engine->source_tree_root. */
MUST_USE enum fault engine_readers_options(struct engine *engine, struct readers_options *readers,
					   struct err *err);

/* Finds out what --update has to know of the target's directory, if that is there. */
MUST_USE enum fault engine_look_at_target(struct engine *engine, struct err *err);

/* What the options say of files that are at the target. */
struct decide_policy engine_policy(const struct engine *engine);

/* Decides about an entry for a grid, by their slots comparing caps where both sides are immutable
 * files there; else a DECIDE_COMPARE is left to whoever has the bytes. */
struct decision engine_decide(const struct decide_policy *policy,
			      const struct decide_source *source, struct decide_there *there,
			      const struct outcome *source_slot, const struct outcome *slot);

/* engine_check of what the engine was asked for. */
MUST_USE enum fault engine_check_request(const struct engine *engine, struct err *err);

/* Makes engine->reuse for a backup; for others nothing. */
MUST_USE enum fault engine_start_reuse(struct engine *engine, const struct engine_backup *backup,
				       struct err *err);

/* Settles, in a job that is only rehearsed, what a backup would reuse. */
MUST_USE enum fault engine_foresee(struct engine *engine, struct err *err);

/* Hands a file of a backup to who does it, or settles it by what is known. */
void engine_route_reused(struct engine *engine, struct work *work);

/* Hands a work to who does it (dispatch_options.file and .below). */
void engine_route(void *context, struct work *work);
void engine_route_below(void *context, struct work *work);

/* Fills in a new engine: what `request` says, nothing begun. */
void engine_init(struct engine *engine, const struct engine_request *request);

/* Opens the manifest for going on, or finds it complete, and checks that the outcomes fit it. */
MUST_USE enum fault engine_recover(struct engine *engine, struct err *err);

/* Makes sure that sources and target are there, and those that were planned with.  Faults: GONE. */
MUST_USE enum fault engine_check_sides(struct engine *engine, struct err *err);

/* Looks again at what an earlier run did, and takes up what is not so any more. */
MUST_USE enum fault engine_recheck(struct engine *engine, struct err *err);

/* Starts the planner's thread, unless the plan is complete. */
MUST_USE enum fault engine_start_planner(struct engine *engine, struct err *err);

/* Only plans, and tells nobody. */
MUST_USE enum fault engine_plan_only(const struct engine_request *request,
				     struct manifest_totals *totals, struct err *err);

/* Waits for it, if it runs. */
void engine_join_planner(struct engine *engine);

MUST_USE enum fault engine_open_report(struct engine *engine, struct err *err);

/* Has it said how to go on when a second signal ends the process at once, and not any more. */
void engine_keep_last_words(struct engine *engine);
void engine_drop_last_words(struct engine *engine);

/* Counts, sums up, and stores the exit status. */
MUST_USE enum fault engine_conclude(struct engine *engine, int *status, struct err *err);
