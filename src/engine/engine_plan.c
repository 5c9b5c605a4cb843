#include "base/cancel.h"
#include "base/limits.h"
#include "engine/engine_parts.h"
#include "files/attributes.h"
#include "measure/activity.h"
#include "report/out.h"
#include "report/say.h"
#include "report/status.h"
#include "report/summary.h"

enum { PLAN_LINE_MAX = 1024 };

enum fault engine_recover(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->migration;
	uint64_t end;
	if (catalog_file_recover(migration->catalog, &engine->resume, &engine->writer, err) ||
	    outcomes_end(migration->catalog->outcomes, &end, err))
		return migration_unusable(migration, err);
	if (engine->resume.cut > 0)
		say(engine->output, SAY_WARNING,
		    "the plan ended in a damaged block; %llu bytes cut, the walk goes on",
		    (unsigned long long)engine->resume.cut);
	if (engine->writer && end > manifest_writer_totals(engine->writer)->next_id && end > 1)
		return err_set(err, FAULT_CORRUPT,
			       "job %s: its plan has lost entries that were already carried out",
			       migration->job.name);
	return FAULT_NONE;
}

static void publish(void *context, struct listing_id durable, bool complete)
{
	struct engine *engine = context;
	const struct manifest_totals *totals = manifest_writer_totals(engine->writer);
	if (engine->keyring)
		keyring_want(engine->keyring, totals->directories);
	if (engine->queue) {
		queue_file_publish(engine->queue, durable, complete);
		(void)engine_admits(engine, 0); /* time passes also where nothing is sent yet */
	}
}

/* The sources stand in the engine since it began. */
static enum fault there(void *context, struct err *err)
{
	const struct engine *engine = context;
	return sources_there(engine->source_tree_root, engine->source_count, err);
}

/* A directory without a listing: its slot tells the queue what to settle it as. */
static enum fault engine_plan_settle(void *context, uint64_t id, enum outcome_state state,
				     enum outcome_reason reason, struct err *err)
{
	struct engine *engine = context;
	struct outcomes *outcomes = engine->migration->catalog->outcomes;
	if ((reason == REASON_VANISHED || reason == REASON_IO) && there(context, err))
		return err->fault;
	const struct outcome slot = {
		.id = id,
		.state = OUTCOME_PLANNED,
		.reason = (uint8_t)reason,
		.level = (uint8_t)state,
	};
	if (outcomes_write(outcomes, &slot, 1, err))
		return err->fault;
	return outcomes_sync(outcomes, err);
}

static bool is_settled(void *context, uint64_t id)
{
	struct engine *engine = context;
	struct outcome slot;
	struct err err;
	if (outcomes_read(engine->migration->catalog->outcomes, id, 1, &slot, &err))
		return false;
	return outcome_is_settled(&slot) || (slot.state == OUTCOME_PLANNED && slot.reason);
}

/* Stands for a source whose children are planned already: nobody looks at it. */
static const struct store_node unknown;

/* Says of what something is missing: then the status is not 0 (status_of of engine_report.c). */
static void tell_named(const struct engine *engine)
{
	const struct plan_named *cut = &engine->progress.cut, *hollow = &engine->progress.hollow;
	const uint64_t cuts = counter_read(&cut->count), hollows = counter_read(&hollow->count);
	if (cuts > 0)
		say(engine->output, SAY_WARNING,
		    "%llu entries have extended attributes that are not all kept (more than %d "
		    "bytes, or unreadable): %.*s is the first",
		    (unsigned long long)cuts, META_ATTRIBUTES_MAX, cut->first_size, cut->first);
	if (hollows > 0)
		say(engine->output, SAY_WARNING,
		    "%llu directories could not be read when they were backed up, and are empty: "
		    "%.*s is the first",
		    (unsigned long long)hollows, hollow->first_size, hollow->first);
}

/* Says what of the sources will not be as it is there. */
static void tell_lost(struct engine *engine)
{
	uint64_t unread = engine->remote ? remote_unread(engine->remote) : 0;
	if (unread > 0)
		say(engine->output, SAY_WARNING,
		    "%llu entries of the sources have more than 64 KiB of metadata, which is not "
		    "read: they come without their modes and times",
		    (unsigned long long)unread);
	uint64_t lies = engine->remote ? remote_lies(engine->remote) : 0;
	if (lies > 0)
		say(engine->output, SAY_WARNING,
		    "%llu directories of the sources say that they are files in chunks, and are "
		    "not: they come as directories",
		    (unsigned long long)lies);
	uint64_t untimed = counter_read(&engine->progress.untimed) +
			   (engine->remote ? remote_untimed(engine->remote) : 0);
	if (untimed > 0)
		say(engine->output, SAY_WARNING,
		    "%llu entries of the sources have a time that is none, or before 1678 or after "
		    "2261: they come without it",
		    (unsigned long long)untimed);
}

static enum fault plan(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->migration;
	const struct arrangement *arrangement = engine->arrangement;
	struct plan_source *source = calloc(migration->path.count, sizeof *source);
	if (!source)
		return err_set(err, FAULT_NOMEM, "no memory for the planner");
	for (size_t i = 0; i < migration->path.count; i++) {
		bool remote = !migration->path.text[i];
		source[i] = (struct plan_source){
			.path = migration->path.text[i],
			.name = migration->name.text[i],
			.node = remote && arrangement ? &arrangement->source[i].node
				: remote              ? &unknown
						      : NULL,
		};
	}
	const struct plan_request request = {
		.catalog = migration->catalog,
		.directory = migration->job.directory,
		.writer = engine->writer,
		.resume = engine->resume.listing.value ? &engine->resume : NULL,
		.source = source,
		.source_count = migration->path.count,
		.made = (const char *const *)migration->made.text,
		.made_count = migration->made.count,
		.options = {
			.symlinks = engine->planning->symlinks,
			.specials = engine->planning->specials,
			.max_dir_entries = engine->planning->max_dir_entries,
			.range_size = migration->to_local ? engine->planning->range_size : 0,
			.chunk_size = migration->to_local ? 0 : engine->planning->chunk_size,
			.caps_only = engine->planning->caps_only,
			.attributes =
				(engine->planning->acls ? (unsigned)ATTRIBUTES_ACCESS : 0) |
				(engine->planning->xattrs ? (unsigned)ATTRIBUTES_OTHERS : 0),
			.distinct = migration_is_backup(migration),
			.to_local = migration->to_local,
		},
		.select = migration->select,
		.target = engine->target_listing ? &engine->target : NULL,
		.open_max = engine->budget.walk_dirs,
		.remote = engine->remote,
		.publish = publish,
		.settle = engine_plan_settle,
		.there = there,
		.is_settled = is_settled,
		.context = engine,
		.cancel = &engine->enough,
		.progress = &engine->progress,
	};
	enum fault fault = plan_run(&request, err);
	free(source);
	tell_named(engine);
	if (!fault)
		tell_lost(engine);
	return fault;
}

static void engine_plan_run(void *context)
{
	struct engine *engine = context;
	struct err err;
	activity_begin(ACTIVITY_SCANNING);
	enum fault fault = plan(engine, &err);
	activity_end(ACTIVITY_SCANNING);
	if (!fault)
		report_planned(engine->report, manifest_writer_totals(engine->writer));
	else if (err.fault != FAULT_CANCELLED)
		engine_broken(engine, &err);
}

static bool is_stopped(void *context)
{
	struct engine *engine = context;
	return atomic_load(&engine->enough);
}

static struct ask ask_of(struct engine *engine)
{
	return (struct ask){
		.wait = { .store = engine->store, .stop = is_stopped, .context = engine },
		.tries = setup_tries(engine->setup, NULL),
	};
}

/* Gives the planner what it needs to look at grids.  Only a target that is there, with nothing made
 * in between, can hold what the plan merges into. */
static enum fault open_grids(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->migration;
	if (migration->remote) {
		const struct ask ask = ask_of(engine);
		engine->remote = remote_new(&ask, REMOTE_SOURCE);
		if (!engine->remote)
			return err_set(err, FAULT_NOMEM, "no memory for the planner");
	}
	if (migration->to_local || migration->made.count > 0 || engine->root_is_new ||
	    !engine->store)
		return FAULT_NONE;
	const struct target_listing_options options = {
		.root = &migration->root,
		.outcomes = migration->catalog->outcomes,
		.ask = ask_of(engine),
	};
	return target_listing_new(&options, &engine->target_listing, &engine->target, err);
}

enum fault engine_start_planner(struct engine *engine, struct err *err)
{
	if (!engine->writer) {
		report_planned(engine->report, &engine->resume.totals);
		if (engine->keyring)
			keyring_want(engine->keyring, engine->resume.totals.directories);
		return FAULT_NONE;
	}
	if (open_grids(engine, err))
		return err->fault;
	if (!thread_start(&engine->planner, "planner", engine_plan_run, engine))
		return err_set(err, FAULT_NOMEM, "cannot start the planner thread");
	engine->planner_runs = true;
	return FAULT_NONE;
}

void engine_join_planner(struct engine *engine)
{
	if (engine->planner_runs)
		thread_join(&engine->planner);
	engine->planner_runs = false;
}

static void stop_on_signal(void *context) { engine_stop(context); }

enum fault engine_plan_only(const struct engine_request *request, struct manifest_totals *totals,
			    struct err *err)
{
	struct engine engine;
	engine_init(&engine, request);
	const struct budget_wish none = { .readers = 0 }; /* nothing but the planner runs */
	enum fault fault = budget_divide(&none, limits_left(), &engine.budget, err);
	if (!fault)
		fault = engine_recover(&engine, err);
	if (!fault)
		fault = engine_check_sides(&engine, err);
	if (!fault && engine.writer)
		fault = open_grids(&engine, err);
	engine.watch = cancel_watch(stop_on_signal, &engine);
	if (!fault && engine.writer)
		fault = plan(&engine, err);
	cancel_unwatch(engine.watch);
	if (!fault)
		*totals = engine.writer ? *manifest_writer_totals(engine.writer)
					: engine.resume.totals;
	manifest_writer_close(engine.writer);
	target_listing_free(engine.target_listing);
	remote_free(engine.remote);
	free(engine.source_tree_root);
	return fault;
}

/* The plan's totals as the one line that programs get. */
static enum fault put_totals(const struct engine_request *request,
			     const struct manifest_totals *totals, struct err *err)
{
	const struct summary_number number[] = {
		{ "files", totals->files },       { "directories", totals->directories },
		{ "symlinks", totals->symlinks }, { "others", totals->others },
		{ "bytes", totals->bytes },       { "skipped", totals->skipped },
		{ "failed", totals->failed },
	};
	struct bytes line;
	bytes_init(&line, PLAN_LINE_MAX);
	enum fault fault = summary_begin(&line, request->migration->job.name);
	if (!fault)
		fault = summary_numbers(&line, number, ARRAY_COUNT(number));
	if (!fault)
		fault = bytes_append_text(&line, "}\n");
	if (!fault)
		out_put(request->output, line.data, line.size);
	bytes_fini(&line);
	return bytes_err(fault, err, "the summary");
}

enum fault engine_plan(const struct engine_request *request, int *status, struct err *err)
{
	struct manifest_totals totals;
	if (begun_keep(&request->migration->job, request->connection, request->transfer, err) ||
	    engine_plan_only(request, &totals, err))
		return err->fault;
	say(request->output, SAY_INFO,
	    "planned %llu files (%llu bytes), %llu directories; %llu skipped, %llu failed already",
	    (unsigned long long)totals.files, (unsigned long long)totals.bytes,
	    (unsigned long long)totals.directories, (unsigned long long)totals.skipped,
	    (unsigned long long)totals.failed);
	say(request->output, SAY_INFO, "job %s", request->migration->job.name);
	*status = STATUS_DONE;
	return request->output->options.json ? put_totals(request, &totals, err) : FAULT_NONE;
}
