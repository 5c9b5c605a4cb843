#include "engine/engine.h"

#include "base/cancel.h"
#include "base/limits.h"
#include "engine/engine_parts.h"
#include "job/summary.h"
#include "queue/core/workers.h"
#include "report/status.h"

#include <assert.h>
#include <unistd.h>

enum {
	IN_FLIGHT = 8,    /* file requests a gateway at first, */
	DIRECT = 16,      /* and where storage servers are asked; */
	MOST = 64,        /* and at most, unless -j says how many */
	DIRECTORIES = 2,  /* directory requests beside them */
	LEASE_MS = 60000, /* a lessee that is silent for so long is taken for dead */
	THREADS = 1,      /* one curl thread feeds a gateway many times over */
};

static void stop_on_signal(void *context) { engine_stop(context); }

static enum fault open_next(void *context, struct store **store, struct err *err)
{
	struct engine *engine = context;
	return setup_open_next(engine->setup, store, err);
}

/* ---- starting ---- */

static enum fault start_queue(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->migration;
	struct listing_id durable = LISTING_END;
	if (engine->writer && manifest_sync(engine->writer, &durable, err))
		return err->fault;
	/* Directories of the last listing may not be bound to those at the target yet; the planner
	 * does that first. */
	if (engine->writer && engine->resume.listing.value && migration->made.count == 0)
		durable = engine->resume.listing;
	const struct queue_file_options options = {
		.catalog = migration->catalog,
		.durable = durable,
		.complete = !engine->writer,
		.settled = report_settled,
		.context = engine->report,
		.lease_ms = LEASE_MS,
	};
	enum fault fault = queue_file_open(&options, &engine->queue, err);
	return fault ? fault : heartbeat_start(&engine->heartbeat, err);
}

/* A copy between local places asks no gateway. */
static bool needs_gateway(const struct engine *engine)
{
	return engine->migration->remote || !engine->to_local;
}

static unsigned lane_threads(const struct engine *engine)
{
	unsigned gateways = engine->setup->gateways;
	assert(gateways > 0);
	unsigned threads =
		engine->transfer->threads ? (unsigned)engine->transfer->threads : THREADS;
	threads = threads < LANES_MAX ? threads : LANES_MAX;
	/* As many for each, so that each has as many slots. */
	return threads > gateways ? threads - threads % gateways : gateways;
}

/* Divides what this process may open. */
static enum fault divide(struct engine *engine, struct err *err)
{
	const struct transfer_options *transfer = engine->transfer;
	const struct migration *migration = engine->migration;
	bool grid = needs_gateway(engine), local = false;
	for (size_t i = 0; i < migration->path.count; i++)
		local = local || migration->path.text[i];
	struct budget_wish wish = {
		.readers = local || !engine->to_local ? (unsigned)transfer->readers : 0,
		.comparers =
			engine->to_local && transfer->checksum ? (unsigned)transfer->readers : 0,
		.replicas = migration->remote && !engine->to_local,
		.to_local = engine->to_local,
	};
	if (grid) {
		unsigned gateways = engine->setup->gateways;
		assert(gateways > 0);
		unsigned pinned = (unsigned)transfer->in_flight;
		wish.transfers = (pinned ? pinned : MOST) * gateways;
		wish.modest_transfers = (pinned ? pinned : IN_FLIGHT) * gateways;
		wish.directories = DIRECTORIES * gateways;
		wish.gateways = gateways;
		wish.stores = lane_threads(engine);
		wish.direct = engine->setup->servers.count > 0;
	}
	if (budget_divide(&wish, limits_left(), &engine->budget, err))
		return err->fault;
	if (grid)
		engine->setup->spare = !engine->budget.direct;
	return FAULT_NONE;
}

static enum fault start_lanes(struct engine *engine, struct err *err)
{
	unsigned threads = lane_threads(engine), gateways = engine->setup->gateways;
	unsigned most = engine->budget.transfers - engine->budget.transfers % gateways;
	threads = threads < most ? threads : most;
	engine->adapts = engine->transfer->in_flight == 0;
	const bool direct = engine->to_local ? engine->budget.direct : engine->setup->encodes;
	width_begin(&engine->width, direct ? DIRECT : IN_FLIGHT, threads / gateways,
		    most / gateways);
	const struct lanes_options lanes = {
		.open = open_next,
		.gave_up = engine_gave_up,
		.context = engine,
		.threads = threads,
		.slots = { [LANE_TASK_TRANSFER] = engine->adapts ? engine->width.now * gateways
								 : engine->budget.transfers,
			   [LANE_TASK_DIRECTORY] = engine->budget.directories },
		.away = engine->setup->away,
		.health = engine->setup->health,
	};
	engine->lanes_used = true;
	return lanes_new(&lanes, &engine->lanes, err);
}

static enum fault start_dispatch(struct engine *engine, struct err *err)
{
	const struct dispatch_options options = {
		.lease = engine_lease_options(engine),
		.file = engine_route,
		.below = engine_route_below,
		.context = engine,
	};
	return dispatch_start(&options, &engine->dispatch, err);
}

/* Whether what is left is all in flight, so that nothing else can tell of the grid (a
 * health_alone). */
static bool is_alone(void *context)
{
	const struct engine *engine = context;
	return report_files_left(engine->report) <= engine->budget.transfers;
}

/* ---- the whole run ---- */

/* Has a plan that merges directories made before the directory it is copied to: what collides is
 * found by then, and leaves nothing.  On a grid nothing is made before that anyway.  Stores whether
 * the planner has run. */
static enum fault plan_merging(struct engine *engine, bool *planned, struct err *err)
{
	const struct text_list *name = &engine->migration->name;
	*planned = false;
	if (!engine->to_local || !engine->writer ||
	    !plan_may_merge((const char *const *)name->text, name->count))
		return FAULT_NONE;
	engine->watch = cancel_watch(stop_on_signal, engine);
	if (engine_start_planner(engine, err))
		return err->fault;
	engine_join_planner(engine);
	*planned = true;
	if (!atomic_load(&engine->is_broken))
		return FAULT_NONE;
	*err = engine->broken;
	return err->fault;
}

static enum fault engine_start(struct engine *engine, struct err *err)
{
	const struct chk_params *params = needs_gateway(engine) ? engine->setup->params : NULL;
	bool to_local = engine->to_local, planned;
	if (job_summary_forget(&engine->migration->job, err) || engine_check_request(engine, err) ||
	    divide(engine, err) || engine_recover(engine, err) || engine_check_sides(engine, err) ||
	    engine_recheck(engine, err) || engine_open_report(engine, err) ||
	    (!engine->migration->fresh && report_before(engine->report, err)) ||
	    policy_new(to_local ? 0 : engine->transfer->verify, params, &engine->policy, err) ||
	    start_queue(engine, err) || engine_make_gauge(engine, err))
		return err->fault;
	if (needs_gateway(engine))
		policy_expect(engine->policy, engine->setup->gateways);
	if (needs_gateway(engine))
		setup_tell_ways(engine->setup, !to_local);
	if (needs_gateway(engine) && start_lanes(engine, err))
		return err->fault;
	if (needs_gateway(engine))
		health_watch_rest(engine->setup->health, is_alone, engine);
	if (plan_merging(engine, &planned, err) ||
	    (to_local ? engine_start_down(engine, err) : engine_start_up(engine, err)))
		return err->fault;
	if (engine->watch < 0)
		engine->watch = cancel_watch(stop_on_signal, engine);
	if (engine_start_gauge(engine, err) || (!planned && engine_start_planner(engine, err)))
		return err->fault;
	if (engine->transfer->plan_first)
		engine_join_planner(engine);
	return start_dispatch(engine, err);
}

/* One way down, for success, fault and signal: nothing is freed while a thread may still use it. */
static void wind_up(struct engine *engine)
{
	struct err err;
	dispatch_join(engine->dispatch);
	engine_join_planner(engine);
	readers_free(engine->readers);
	local_writer_free(engine->local_writer);
	builder_join(engine->builder);
	if (engine->committer)
		committer_join(engine->committer);
	if (engine->watch >= 0)
		cancel_unwatch(engine->watch);
	/* What the lanes have brought arrives after their end, and a full disk then stops all. */
	workers_free(engine->comparers); /* hands lanes what is not there */
	engine->comparers = NULL;
	lanes_join(engine->lanes);
	if (engine->lanes)
		health_watch_rest(engine->setup->health, NULL, NULL);
	workers_free(engine->writers);
	engine->writers = NULL;
	arrivals_free(engine->arrivals);
	engine->arrivals = NULL;
	engine_end_gauge(engine); /* it looks at the lanes */
	lanes_free(engine->lanes);
	engine->lanes = NULL;
	heartbeat_stop(engine->heartbeat);
	struct queue *queue = engine->queue;
	if (queue)
		engine->damaged = queue_file_damaged(queue);
	engine->queue = NULL;
	if (queue_close(queue, &err))
		engine_broken(engine, &err);
}

/* Frees what wind_up has left: no thread is there any more. */
static void release(struct engine *engine)
{
	reuse_asker_free(engine->asker);
	reuse_free(engine->reuse);
	committer_free(engine->committer);
	keyring_free(engine->keyring);
	intents_close(engine->intents);
	flight_free(engine->flight);
	gate_free(engine->gate);
	policy_free(engine->policy);
	report_close(engine->report);
	manifest_writer_close(engine->writer);
	target_listing_free(engine->target_listing);
	remote_free(engine->remote);
	tree_free(engine->downloads.target_tree);
	if (engine->root_fd >= 0)
		close(engine->root_fd);
	free(engine->source_tree_root);
}

/* Has a backup move its last link, once the snapshot has its own. */
static void end_backup(struct engine *engine)
{
	const struct engine_backup *backup = engine->backup;
	struct outcome root;
	struct err err;
	if (!backup || atomic_load(&engine->is_broken))
		return;
	enum fault fault = outcomes_read(engine->migration->catalog->outcomes, 0, 1, &root, &err);
	if (!fault && root.state != OUTCOME_DONE)
		return;
	if (!fault)
		fault = backup->linked(backup->context, &err);
	engine->backup_ended = !fault;
	if (fault)
		engine_broken(engine, &err);
}

enum fault engine_run(const struct engine_request *request, int *status, struct err *err)
{
	struct engine engine;
	engine_init(&engine, request);
	quota_init(&engine.quota, request->transfer->max_transfer,
		   request->transfer->max_duration_ms, clock_ms());
	engine_keep_last_words(&engine);
	enum fault fault =
		begun_keep(&request->migration->job, request->connection, request->transfer, err);
	if (!fault)
		fault = engine_start(&engine, err);
	if (fault)
		engine_stop(&engine);
	wind_up(&engine);
	if (!fault)
		end_backup(&engine);
	engine_drop_last_words(&engine);
	if (!fault)
		fault = engine_conclude(&engine, status, err);
	release(&engine);
	return fault;
}
