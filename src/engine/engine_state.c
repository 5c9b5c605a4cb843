#include "engine/engine_parts.h"

void engine_init(struct engine *engine, const struct engine_request *request)
{
	*engine = (struct engine){
		.connection = request->connection,
		.planning = request->planning,
		.transfer = request->transfer,
		.output = request->output,
		.state_dir = request->state_dir,
		.setup = request->setup,
		.migration = request->migration,
		.arrangement = request->arrangement,
		.store = request->store,
		.backup = request->backup,
		.to_local = request->migration->to_local,
		.watch = -1,
		.root_fd = -1,
	};
}

/* ---- how a run stops ---- */

/* Nothing is begun any more; what is in flight ends by itself. */
static void begin_no_more(struct engine *engine)
{
	atomic_store(&engine->enough, true);
	if (engine->queue)
		queue_stop(engine->queue);
	if (engine->lanes)
		lanes_stop(engine->lanes);
	if (engine->arrivals)
		arrivals_stop(engine->arrivals);
}

void engine_stop(struct engine *engine)
{
	atomic_store(&engine->stop, true);
	begin_no_more(engine);
}

bool engine_admits(void *context, uint64_t bytes)
{
	struct engine *engine = context;
	if (quota_admits(&engine->quota, bytes, clock_ms()))
		return true;
	if (!atomic_load(&engine->enough))
		begin_no_more(engine);
	return false;
}

void engine_broken(void *context, const struct err *err)
{
	struct engine *engine = context;
	if (!atomic_exchange(&engine->is_broken, true)) {
		engine->broken = *err;
		if (err->side == ERR_TARGET && engine->to_local)
			err_wrap(&engine->broken, "'%.100s' cannot be written",
				 engine->migration->directory);
	}
	engine_stop(engine);
}

/* ---- what the rooms tell ---- */

static void engine_reason(void *context, const struct task *task, const struct outcome *outcome,
			  const struct err *err)
{
	struct engine *engine = context;
	(void)outcome;
	report_detail(engine->report, task->id, err);
}

void engine_plainer(void *context, const struct task *task)
{
	struct engine *engine = context;
	report_remark(engine->report, task,
		      "the target could not keep all of its extended attributes and access lists");
}

void engine_moved(void *context, uint64_t bytes)
{
	struct engine *engine = context;
	report_moved(engine->report, bytes);
	(void)counter_add(&engine->moved, bytes);
}

void engine_underway(void *context, int64_t bytes)
{
	struct engine *engine = context;
	report_underway(engine->report, bytes);
}

void engine_gave_up(void *context, const struct err *err)
{
	struct err final = *err;
	final.fault = FAULT_UNAVAILABLE;
	err_wrap(&final, "gave up waiting for the gateway");
	engine_broken(context, &final);
}

struct lease_options engine_lease_options(struct engine *engine)
{
	return (struct lease_options){
		.queue = engine->queue,
		.heartbeat = engine->heartbeat,
		.broken = engine_broken,
		.reason = engine_reason,
		.context = engine,
	};
}
