#include "engine/engine_parts.h"

/* Tells what is under way (a gauge_options.look). */
static void engine_look(void *context, struct gauge_look *look)
{
	struct engine *engine = context;
	*look = (struct gauge_look){
		.limited = engine->pace.rate > 0 && pace_holds(&engine->pace, clock_ms()),
	};
	if (!engine->lanes)
		return;
	look->transfers = lanes_busy(engine->lanes, LANE_TASK_TRANSFER);
	look->directories = lanes_busy(engine->lanes, LANE_TASK_DIRECTORY);
	look->slots = engine->budget.transfers;
}

enum fault engine_make_gauge(struct engine *engine, struct err *err)
{
	const struct gauge_options options = {
		.setup = engine->to_local && !engine->migration->remote ? NULL : engine->setup,
		.output = engine->output,
		.hands = engine->budget.readers ? engine->budget.readers : ENGINE_WRITERS,
		.look = engine_look,
		.context = engine,
	};
	return gauge_new(&options, &engine->gauge, err);
}

enum fault engine_start_gauge(struct engine *engine, struct err *err)
{
	return gauge_start(engine->gauge, err);
}

void engine_end_gauge(struct engine *engine)
{
	gauge_end(engine->gauge, &engine->held);
	engine->gauge = NULL;
}
