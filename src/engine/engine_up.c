#include "engine/engine_parts.h"
#include "queue/core/thread.h"
#include "report/say.h"

enum {
	ASSEMBLED = 4, /* directories built ahead of their requests */
	SLABS = 4,     /* in memory at once: those of two files */
	KEY_THREADS = 2,
	TASKS_INSIDE = 256, /* bodies in the pipeline */
};

static enum fault no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory to start the job");
}

static void tell(void *context, const char *text)
{
	struct engine *engine = context;
	say(engine->output, SAY_WARNING, "%s", text);
}

/* Counts from the files, because the callbacks lag behind the slots by a sync. */
static bool withhold(void *context)
{
	struct engine *engine = context;
	struct recount counts;
	struct err err;
	const struct migration *migration = engine->migration;
	if (recount_job(migration->catalog, migration->asked, &counts, &err))
		return true;
	return counts.all.failed > 0 || counts.all.skipped > counts.all.asked;
}

static enum fault open_first(void *context, struct store **store, struct err *err)
{
	struct engine *engine = context;
	return setup_open_first(engine->setup, store, err);
}

/* Fills what reads files of a grid that are copied. */
static struct replica_options replica_options(struct engine *engine)
{
	const struct migration *migration = engine->migration;
	return (struct replica_options){
		.sources = migration->catalog->sources,
		.open = open_first,
		.gave_up = engine_gave_up,
		.context = engine,
		.away = engine->setup->away,
		.secret = engine->setup->params,
		.directory = migration->job.directory,
	};
}

static struct anchor anchor_of_source(const struct migration *migration, size_t number)
{
	const struct anchor *source = migration->roots.source;
	return source ? source[number] : (struct anchor){ .kind = ANCHOR_UNKNOWN };
}

enum fault engine_readers_options(struct engine *engine, struct readers_options *readers,
				  struct err *err)
{
	const struct migration *migration = engine->migration;
	size_t count = 0;
	free(engine->source_tree_root);
	engine->source_tree_root = calloc(migration->path.count, sizeof *engine->source_tree_root);
	if (!engine->source_tree_root)
		return no_memory(err);
	for (size_t i = 0; i < migration->path.count; i++)
		if (migration->path.text[i])
			engine->source_tree_root[count++] = (struct source_tree_root){
				.path = migration->path.text[i],
				.name = migration->name.text[i],
				.number = i,
				.anchor = anchor_of_source(migration, i),
			};
	engine->source_count = count;
	qsort(engine->source_tree_root, count, sizeof *engine->source_tree_root,
	      source_tree_root_compare);
	*readers = (struct readers_options){
		.tree = {
			.catalog = migration->catalog,
			.made_count = migration->made.count,
			.source = engine->source_tree_root,
			.source_count = count,
			.opened = engine->budget.source_dirs,
			.follow = engine->planning->symlinks == PLAN_SYMLINKS_FOLLOW,
		},
		.threads = engine->budget.readers,
		.cancel = &engine->stop,
		.enough = &engine->enough,
	};
	if (!migration->to_local)
		readers->replica = replica_options(engine);
	return FAULT_NONE;
}

/* Hears of a file all of whose chunks are stored (a readers_options.whole). */
static void whole(void *context, struct split *split)
{
	struct engine *engine = context;
	committer_chunks(engine->committer, split);
}

static void deliver(void *context, struct body *body)
{
	struct engine *engine = context;
	transfer_deliver(&engine->transfers, body);
}

static enum fault start_readers(struct engine *engine, struct err *err)
{
	engine->flight = flight_new(FLIGHT_CAPACITY);
	engine->gate = gate_new(TASKS_INSIDE, engine->transfer->memory);
	if (!engine->flight || !engine->gate)
		return no_memory(err);
	engine->transfers = (struct transfers){
		.lanes = engine->lanes,
		.flight = engine->flight,
		.policy = engine->policy,
		.patience = &engine->patience,
		.admits = engine_admits,
		.moved = engine_moved,
		.underway = engine_underway,
		.broken = engine_broken,
		.context = engine,
	};
	struct readers_options readers;
	if (engine_readers_options(engine, &readers, err))
		return err->fault;
	readers.existing = engine->migration->catalog->outcomes;
	readers.decide = engine_policy(engine);
	readers.gate = engine->gate;
	readers.flight = engine->flight;
	readers.policy = engine->policy;
	readers.encodes = engine->setup->encodes;
	readers.slab_max = min_u64(SLAB_MAX, engine->transfer->memory / SLABS);
	readers.deliver = deliver;
	readers.whole = whole;
	readers.underway = engine_underway;
	readers.context = engine;
	return readers_new(&readers, &engine->readers, err);
}

/* Opens the keys of new directories.  An immutable job has one if its root is made at the end. */
static enum fault open_keys(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->migration;
	const bool immutable = engine->planning->immutable;
	if (immutable && access(migration->job.keys, F_OK) != 0)
		return FAULT_NONE;
	enum fault fault = intents_open(migration->job.keys, migration->job.id,
					migration->catalog->outcomes, &engine->intents, err);
	if (!fault && !immutable)
		fault = keyring_new(KEY_THREADS, &engine->keyring, err);
	engine->root_is_new = !fault && intents_find(engine->intents, 0);
	return fault;
}

static enum fault start_committer(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->migration;
	if (open_keys(engine, err))
		return err->fault;
	const struct committer_options committer = {
		.lease = engine_lease_options(engine),
		.catalog = migration->catalog,
		.lanes = engine->lanes,
		.policy = engine->policy,
		.patience = &engine->patience,
		.keyring = engine->keyring,
		.intents = engine->intents,
		.root = migration->root,
		.immutable = engine->planning->immutable,
		.encodes = engine->setup->encodes,
		.reuse = engine->reuse,
		.tags = engine->planning->tags,
		.withhold = engine->transfer->all_or_nothing ? withhold : NULL,
		.cancel = &engine->enough,
		.in_flight = ASSEMBLED * engine->setup->gateways,
		.tell = tell,
		.context = engine,
	};
	return committer_start(&committer, &engine->committer, err);
}

static void put_off(void *context, uint32_t delay_ms, uint64_t left_ms)
{
	struct engine *engine = context;
	waits_upload(&engine->output->waits, clock_ms(), delay_ms, left_ms);
}

/* The run before this one may have been killed with uploads in flight. */
static void be_patient(struct engine *engine)
{
	engine->patience.tell = tell;
	engine->patience.put_off = put_off;
	engine->patience.context = engine;
	if (!engine->migration->fresh)
		patience_begin(&engine->patience);
}

enum fault engine_start_up(struct engine *engine, struct err *err)
{
	be_patient(engine);
	if (engine_start_reuse(engine, engine->backup, err) || start_readers(engine, err))
		return err->fault;
	return start_committer(engine, err);
}
