#include "engine/engine_parts.h"
#include "net/http.h"

/* Bytes that a transfer counts for, beside those it moves: what it costs by itself. */
enum { FILE_WORK = 64 << 10 };

/* Looks at what the lanes have done, and has them do more or less at once.  Returns how many
 * transfers may be under way. */
static unsigned adapt(struct engine *engine, const struct lanes_counts *counts)
{
	const unsigned gateways = engine->setup->gateways;
	if (!engine->adapts)
		return engine->budget.transfers;
	const struct width_look look = {
		.us = http_clock_us(),
		.ended = counts->ended / gateways,
		.refused = counts->refused / gateways,
		.work = counts->ended * FILE_WORK + counter_read(&engine->moved),
		.busy = counts->busy / gateways,
	};
	const unsigned before = engine->width.now;
	const unsigned now = width_look_at(&engine->width, &look);
	if (now != before)
		lanes_set_slots(engine->lanes, LANE_TASK_TRANSFER, now * gateways);
	return now * gateways;
}

/* Tells what is under way (a gauge_options.look). */
static void engine_look(void *context, struct gauge_look *look)
{
	struct engine *engine = context;
	*look = (struct gauge_look){
		.limited = engine->pace.rate > 0 && pace_holds(&engine->pace, clock_ms()),
	};
	if (!engine->lanes)
		return;
	const struct lanes_counts transfers = lanes_look(engine->lanes, LANE_TASK_TRANSFER);
	look->transfers = transfers.busy;
	look->directories = lanes_look(engine->lanes, LANE_TASK_DIRECTORY).busy;
	look->slots = adapt(engine, &transfers);
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
