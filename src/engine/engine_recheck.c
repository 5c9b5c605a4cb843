#include "engine/engine_parts.h"

enum fault engine_check_sides(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->migration;
	struct readers_options readers;
	if (engine_readers_options(engine, &readers, err))
		return err->fault;
	enum fault fault = sources_there(readers.tree.source, readers.tree.source_count, err);
	if (!fault && !migration->fresh)
		fault = roots_check_target(&migration->roots, err);
	if (fault == FAULT_GONE)
		err_wrap(err, "job %.16s goes on once it is back (resume), or anew (--new)",
			 migration->job.name);
	return fault;
}

/* A job that is made in this run has nothing that could have changed. */
enum fault engine_recheck(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->migration;
	struct readers_options readers;
	if (migration->fresh)
		return FAULT_NONE;
	if (engine_readers_options(engine, &readers, err))
		return err->fault;
	const struct recheck_options options = {
		.catalog = migration->catalog,
		.sources = readers.tree,
		.directory = migration->to_local ? migration->directory : NULL,
		.retry = engine->transfer->retry,
		.asked = migration->asked,
		.threads = engine->budget.lookers, /* who wait for a disk, or a server of files */
	};
	return recheck_run(&options, &engine->again, err);
}
