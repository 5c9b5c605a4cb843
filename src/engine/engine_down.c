#include "engine/engine_parts.h"
#include "queue/core/workers.h"

enum {
	TASKS_INSIDE = 64, /* bodies between readers and the local writer */
};

static enum fault start_arrivals(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->migration;
	if (dirfd_open_root(migration->directory, engine->transfer->umask, &engine->root_fd, err) ||
	    engine_look_at_target(engine, err))
		return err->fault;
	struct arrivals_options arrivals = {
		.catalog = migration->catalog,
		.root = migration->directory,
		.policy = engine_policy(engine),
		.outcomes = migration->fresh ? NULL : migration->catalog->outcomes,
		.preserve = !engine->transfer->no_preserve,
		.sparse = engine->transfer->sparse,
		.made = (unsigned)migration->made.count,
		.mask = engine->transfer->umask,
		.most = engine->budget.arrivals,
		.losses = &engine->losses,
		.plainer = engine_plainer,
		.context = engine,
	};
	snprintf(arrivals.job, sizeof arrivals.job, "%.16s", migration->job.name);
	return arrivals_new(&arrivals, &engine->arrivals, err);
}

static enum fault start_downloads(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->migration;
	struct downloads *downloads = &engine->downloads;
	engine->writers = workers_new("writer", ENGINE_WRITERS);
	if (engine->transfer->checksum)
		engine->comparers = workers_new("comparer", engine->budget.comparers);
	if (!engine->writers || (engine->transfer->checksum && !engine->comparers))
		return err_set(err, FAULT_NOMEM, "cannot start threads for files at the target");
	downloads->lanes = engine->lanes;
	downloads->workers = engine->writers;
	downloads->comparers = engine->comparers;
	downloads->queue_max = engine->transfer->memory / ARRIVALS_MAX;
	downloads->arrivals = engine->arrivals;
	downloads->outcomes = migration->catalog->outcomes;
	downloads->sources = migration->catalog->sources;
	downloads->secret = engine->lanes ? engine->setup->params : NULL;
	downloads->cancel = &engine->stop;
	downloads->caps_only = engine->planning->caps_only;
	downloads->admits = engine_admits;
	downloads->moved = engine_moved;
	downloads->underway = engine_underway;
	downloads->context = engine;
	return target_tree_new(migration->catalog, engine->root_fd, engine->budget.target_dirs,
			       &downloads->target_tree, err);
}

/* The limit is one for all that moves: that of the gateway's stores where there are any. */
static struct pace *pace_of(struct engine *engine)
{
	if (engine->lanes)
		return engine->setup->pace;
	if (engine->connection->bwlimit == 0)
		return NULL;
	pace_init(&engine->pace, engine->connection->bwlimit);
	return &engine->pace;
}

/* Local files go from readers to the local_writer. */
static enum fault start_shelf(struct engine *engine, struct err *err)
{
	struct readers_options readers;
	const struct local_writer_options local_writer = {
		.catalog = engine->migration->catalog,
		.root = engine->root_fd,
		.opened = engine->budget.target_dirs,
		.arrivals = engine->arrivals,
		.admits = engine_admits,
		.moved = engine_moved,
		.underway = engine_underway,
		.context = engine,
		.pace = pace_of(engine),
		.cancel = &engine->stop,
	};
	if (engine_readers_options(engine, &readers, err))
		return err->fault;
	if (readers.tree.source_count == 0)
		return FAULT_NONE;
	engine->gate = gate_new(TASKS_INSIDE, engine->transfer->memory);
	if (!engine->gate)
		return err_set(err, FAULT_NOMEM, "no memory to start the job");
	if (local_writer_new(&local_writer, &engine->local_writer, err))
		return err->fault;
	readers.plain = true;
	readers.gate = engine->gate;
	readers.deliver = local_writer_deliver;
	readers.context = engine->local_writer;
	return readers_new(&readers, &engine->readers, err);
}

static enum fault start_builder(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->migration;
	const struct builder_options builder = {
		.lease = engine_lease_options(engine),
		.catalog = migration->catalog,
		.root = engine->root_fd,
		.opened = engine->budget.target_dirs,
		.path = migration->directory,
		.job = migration->job.name,
		.preserve = !engine->transfer->no_preserve,
		.mask = engine->transfer->umask,
		.losses = &engine->losses,
		.plainer = engine_plainer,
		.context = engine,
	};
	return builder_start(&builder, &engine->builder, err);
}

enum fault engine_start_down(struct engine *engine, struct err *err)
{
	if (start_arrivals(engine, err) || start_downloads(engine, err) || start_shelf(engine, err))
		return err->fault;
	return start_builder(engine, err);
}
