#include "cli/engine.h"

#include "cli/cancel.h"
#include "cli/engine_parts.h"
#include "cli/status.h"

#include <assert.h>

enum {
	IN_FLIGHT = 4,   /* file requests a gateway; more gain little there and 16 lose: DESIGN 7 */
	DIRECTORIES = 2, /* directory requests beside them */
	THREADS = 1,     /* one curl thread feeds a gateway many times over */
	ASSEMBLED = 4,   /* directories built ahead of their requests */
	KEY_THREADS = 2,
	TASKS_INSIDE = 256, /* bodies in the pipeline */
};

void engine_stop(struct engine *engine)
{
	atomic_store(&engine->stop, true);
	if (engine->queue)
		queue_stop(engine->queue);
	if (engine->lanes)
		lanes_stop(engine->lanes);
}

void engine_broken(void *context, const struct err *err)
{
	struct engine *engine = context;
	if (!atomic_exchange(&engine->is_broken, true))
		engine->broken = *err;
	engine_stop(engine);
}

static void stop_on_signal(void *context) { engine_stop(context); }

/* ---- what the rooms tell ---- */

static void reason(void *context, const struct task *task, const struct outcome *outcome,
		   const struct err *err)
{
	struct engine *engine = context;
	(void)outcome;
	report_detail(engine->report, task->id, err);
}

static void moved(void *context, uint64_t bytes)
{
	struct engine *engine = context;
	report_moved(engine->report, bytes);
}

static void gave_up(void *context, const struct err *err)
{
	struct err final = *err;
	final.fault = FAULT_UNAVAILABLE;
	err_wrap(&final, "gave up waiting for the gateway");
	engine_broken(context, &final);
}

static void tell(void *context, const char *text)
{
	(void)context;
	say(SAY_WARNING, "%s", text);
}

/* Counts from the files, because the callbacks lag behind the slots by a sync. */
static bool withhold(void *context)
{
	struct engine *engine = context;
	struct recount counts;
	struct err err;
	const struct migration *migration = engine->request->migration;
	const struct recount_options options = {
		.manifest = migration->manifest,
		.outcomes = migration->outcomes,
		.asked = migration->asked,
	};
	if (recount_job(&options, &counts, &err))
		return true;
	return counts.all.failed > 0 || counts.all.skipped > counts.skipped_asked;
}

static enum fault open_store(void *context, struct store **store, struct err *err)
{
	struct engine *engine = context;
	return setup_open_store(engine->request->setup, store, err);
}

/* ---- starting ---- */

static enum fault no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory to start the job");
}

static struct lease_options lease_options(struct engine *engine)
{
	return (struct lease_options){
		.queue = engine->queue,
		.broken = engine_broken,
		.reason = reason,
		.context = engine,
	};
}

static enum fault start_queue(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->request->migration;
	uint64_t durable = UINT64_MAX;
	if (engine->writer && manifest_sync(engine->writer, &durable, err))
		return err->fault;
	/* Directories of the last listing may not be bound to those at the target yet; the planner
	 * does that first. */
	if (engine->writer && engine->resume.listing && migration->made.count == 0)
		durable = engine->resume.listing;
	const struct queue_file_options options = {
		.manifest = migration->manifest,
		.outcomes = migration->outcomes,
		.durable = durable,
		.complete = !engine->writer,
		.settled = report_settled,
		.before = report_before,
		.context = engine->report,
	};
	return queue_file_open(&options, &engine->queue, err);
}

static enum fault start_lanes(struct engine *engine, struct err *err)
{
	const struct options *options = engine->request->options;
	unsigned transfers = options->in_flight ? (unsigned)options->in_flight : IN_FLIGHT;
	unsigned threads = options->threads ? (unsigned)options->threads : THREADS;
	const struct lanes_options lanes = {
		.open = open_store,
		.gave_up = gave_up,
		.away = setup_tell_away,
		.context = engine,
		.threads = threads < LANES_MAX ? threads : LANES_MAX,
		.slots = { [ERRAND_TRANSFER] = transfers, [ERRAND_DIRECTORY] = DIRECTORIES },
		.away_ms = options->gateway_wait_ms,
	};
	return lanes_new(&lanes, &engine->lanes, err);
}

static enum fault start_readers(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->request->migration;
	const struct options *options = engine->request->options;
	engine->flight = flight_new(FLIGHT_CAPACITY);
	engine->gate = gate_new(TASKS_INSIDE, options->memory);
	engine->tree_source = calloc(migration->path.count, sizeof *engine->tree_source);
	if (!engine->flight || !engine->gate || !engine->tree_source)
		return no_memory(err);
	for (size_t i = 0; i < migration->path.count; i++)
		engine->tree_source[i] =
			(struct tree_source){ migration->path.text[i], migration->name.text[i] };
	engine->transfers = (struct transfers){
		.lanes = engine->lanes,
		.flight = engine->flight,
		.policy = engine->policy,
		.patience = &engine->patience,
		.moved = moved,
		.broken = engine_broken,
		.context = engine,
	};
	const struct readers_options readers = {
		.tree = {
			.manifest = migration->manifest,
			.made_count = migration->made.count,
			.source = engine->tree_source,
			.source_count = migration->path.count,
			.follow = options->symlinks == PLAN_SYMLINKS_FOLLOW,
			.compare_ids = migration->fresh,
		},
		.threads = (unsigned)options->readers,
		.gate = engine->gate,
		.flight = engine->flight,
		.policy = engine->policy,
		.cancel = &engine->stop,
		.deliver = transfer_deliver,
		.context = &engine->transfers,
	};
	return readers_new(&readers, &engine->readers, err);
}

static enum fault start_committer(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->request->migration;
	const struct options *options = engine->request->options;
	if (!options->immutable) {
		if (intents_open(migration->job.keys, migration->job.id, migration->outcomes,
				 &engine->intents, err) ||
		    keyring_new(KEY_THREADS, &engine->keyring, err))
			return err->fault;
	}
	const struct committer_options committer = {
		.lease = lease_options(engine),
		.manifest = migration->manifest,
		.outcomes = migration->outcomes,
		.lanes = engine->lanes,
		.policy = engine->policy,
		.patience = &engine->patience,
		.keyring = engine->keyring,
		.intents = engine->intents,
		.root = migration->root,
		.immutable = options->immutable,
		.withhold = options->all_or_nothing ? withhold : NULL,
		.cancel = &engine->stop,
		.in_flight = ASSEMBLED,
		.tell = tell,
		.context = engine,
	};
	return committer_start(&committer, &engine->committer, err);
}

static void to_readers(void *context, struct work *work)
{
	struct engine *engine = context;
	readers_push(engine->readers, work);
}

static void to_committer(void *context, struct work *work)
{
	struct engine *engine = context;
	committer_below(engine->committer, work);
}

static enum fault start_dispatch(struct engine *engine, struct err *err)
{
	const struct dispatch_options options = {
		.lease = lease_options(engine),
		.file = to_readers,
		.below = to_committer,
		.context = engine,
	};
	return dispatch_start(&options, &engine->dispatch, err);
}

/* ---- the whole run ---- */

/* The run before this one may have been killed with uploads in flight. */
static void be_patient(struct engine *engine)
{
	engine->patience.tell = tell;
	engine->patience.context = engine;
	if (!engine->request->migration->fresh)
		patience_begin(&engine->patience);
}

static enum fault start(struct engine *engine, struct err *err)
{
	be_patient(engine);
	if (engine_recover(engine, err) || engine_open_report(engine, err) ||
	    policy_new(engine->request->options->verify, engine->request->setup->params,
		       &engine->policy, err) ||
	    start_queue(engine, err) || start_lanes(engine, err) || start_readers(engine, err) ||
	    start_committer(engine, err))
		return err->fault;
	engine->watch = cancel_watch(stop_on_signal, engine);
	if (engine_start_planner(engine, err))
		return err->fault;
	if (engine->request->options->plan_first)
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
	if (engine->committer)
		committer_join(engine->committer);
	if (engine->watch >= 0)
		cancel_unwatch(engine->watch);
	lanes_free(engine->lanes);
	engine->lanes = NULL;
	struct queue *queue = engine->queue;
	if (queue)
		engine->damaged = queue_file_damaged(queue);
	engine->queue = NULL;
	if (queue_close(queue, &err))
		engine_broken(engine, &err);
}

static void release(struct engine *engine)
{
	committer_free(engine->committer);
	keyring_free(engine->keyring);
	intents_close(engine->intents);
	flight_free(engine->flight);
	gate_free(engine->gate);
	policy_free(engine->policy);
	report_close(engine->report);
	manifest_writer_close(engine->writer);
	existing_free(engine->existing);
	free(engine->tree_source);
}

enum fault engine_run(const struct engine_request *request, int *status, struct err *err)
{
	struct engine engine = { .request = request, .watch = -1 };
	enum fault fault = start(&engine, err);
	if (fault)
		engine_stop(&engine);
	wind_up(&engine);
	if (!fault)
		fault = engine_conclude(&engine, status, err);
	release(&engine);
	return fault;
}
