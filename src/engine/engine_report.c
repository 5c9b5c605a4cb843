#include "base/cancel.h"
#include "engine/engine_parts.h"
#include "job/summary.h"
#include "land/sweep.h"
#include "recheck/appeared.h"
#include "report/say.h"
#include "report/status.h"

enum {
	COMMAND_MAX = 1 << 20, /* bytes of a command line shown */
};

enum fault engine_open_report(struct engine *engine, struct err *err)
{
	const struct migration *migration = engine->migration;
	const struct report_options report = {
		.output = engine->output,
		.catalog = migration->catalog,
		.errors = migration->job.errors,
		.job = migration->job.name,
		.target = engine->to_local ? migration->directory : NULL,
		.plan = &engine->progress,
	};
	return report_open(&report, &engine->report, err);
}

/* The command that goes on with the job, as this one was told where things are. */
static char *go_on(const struct engine *engine, const char *verb)
{
	struct bytes text;
	size_t size;
	bytes_init(&text, COMMAND_MAX);
	enum fault fault = bytes_printf(&text, "barge %s %.16s", verb, engine->migration->job.name);
	if (!fault && engine->connection->node_directory)
		fault = bytes_printf(&text, " -d %s", engine->connection->node_directory);
	for (size_t i = 0; i < engine->connection->gateway.count && !fault; i++)
		fault = bytes_printf(&text, " -u %s", engine->connection->gateway.text[i]);
	if (!fault && engine->state_dir)
		fault = bytes_printf(&text, " --state-dir %s", engine->state_dir);
	if (!fault)
		return (char *)bytes_take(&text, &size);
	bytes_fini(&text);
	return NULL;
}

static void say_last_words(void *context)
{
	struct engine *engine = context;
	say_last(engine->output, engine->last_words);
}

void engine_keep_last_words(struct engine *engine)
{
	char *command = go_on(engine, "resume");
	if (command && asprintf(&engine->last_words, "ended at once; go on with: %s", command) < 0)
		engine->last_words = NULL;
	free(command);
	if (engine->last_words)
		cancel_last(say_last_words, engine);
}

void engine_drop_last_words(struct engine *engine)
{
	cancel_last(NULL, NULL);
	free(engine->last_words);
	engine->last_words = NULL;
}

static int status_of(const struct engine *engine, const struct recount *counts)
{
	if (atomic_load(&engine->is_broken))
		return status_of_fault(engine->broken.fault);
	if (counts->root_settled) {
		const int status = recount_status(counts);
		const bool cut = counter_read(&engine->progress.cut.count) > 0 ||
				 counter_read(&engine->progress.hollow.count) > 0 ||
				 atomic_load(&engine->losses.attributes) > 0 ||
				 (engine->reuse && reuse_counts(engine->reuse).unmended > 0);
		return status == STATUS_DONE && cut ? STATUS_PARTLY : status;
	}
	return STATUS_INTERRUPTED;
}

/* What the bytes at a local target were proven by. */
static const char *describe_proofs(const struct engine *engine)
{
	bool direct = atomic_load(&engine->downloads.direct) > 0;
	if (engine->planning->caps_only)
		return "nothing: caps were written, no data was read";
	if (!engine->lanes_used)
		return "copied as read";
	if (atomic_load(&engine->downloads.reread) == 0)
		return direct ? "hash tree of the cap, by storage servers; key, where a gateway "
				"was "
				"asked"
			      : "key: the bytes of what is done make the key in its cap";
	if (direct)
		return "hash tree of the cap, by storage servers; key, or read twice, where a "
		       "gateway was asked";
	if (engine->setup->params)
		return "key, or read twice where the file was stored with another secret";
	return "read twice: the gateway's secret is not known";
}

/* Removes what earlier runs left of files that were settled otherwise. */
static void sweep_target(const struct engine *engine)
{
	const struct migration *migration = engine->migration;
	const struct sweep_options options = {
		.catalog = migration->catalog,
		.directory = migration->directory,
		.job = migration->job.name,
		.removes = true,
	};
	uint64_t count;
	struct err err;
	if (sweep(&options, &count, &err))
		say(engine->output, SAY_WARNING, "temporary files may be left: %s", err.text);
}

/* Counts names that a new plan would have.  What cannot be looked at is not told. */
static uint64_t appeared(struct engine *engine)
{
	const struct migration *migration = engine->migration;
	struct readers_options readers;
	uint64_t count = 0;
	struct err err;
	if (engine_readers_options(engine, &readers, &err))
		return 0;
	const struct appeared_options options = {
		.catalog = migration->catalog,
		.sources = readers.tree,
		.select = migration->select,
	};
	return appeared_count(&options, &count, &err) ? 0 : count;
}

/* What a backup has come to. */
static struct report_backup backup_of(const struct engine *engine)
{
	const struct reuse_counts counts =
		engine->reuse ? reuse_counts(engine->reuse) : (struct reuse_counts){ 0 };
	return (struct report_backup){
		.stamp = engine->backup ? engine->backup->stamp : NULL,
		.ended = engine->backup_ended,
		.checked_files = counts.checked_files,
		.checked_directories = counts.checked_directories,
		.unmended = counts.unmended,
	};
}

/* So that a list of jobs need not count this one anew. */
static enum fault keep_summary(struct engine *engine, const struct recount *counts, int status,
			       struct err *err)
{
	struct job_summary summary = job_summary_of(counts);
	summary.status = status;
	summary.ended = (uint64_t)time(NULL);
	return job_summary_write(&engine->migration->job, &summary, err);
}

enum fault engine_conclude(struct engine *engine, int *status, struct err *err)
{
	struct recount counts;
	bool broken = atomic_load(&engine->is_broken);
	bool to_local = engine->to_local;
	bool ended = !broken && !cancel_asked() && !quota_reached(&engine->quota);
	if (broken)
		say_err(engine->output, &engine->broken);
	/* A new job that cannot be carried out is not kept, and there is nothing else to tell. */
	if (broken && engine->migration->fresh &&
	    status_of_fault(engine->broken.fault) == STATUS_USAGE) {
		*status = STATUS_USAGE;
		return FAULT_NONE;
	}
	char limit[QUOTA_TEXT_SIZE];
	char *command = go_on(engine, "resume"), *retry = go_on(engine, "resume --retry");
	char *held = verdict_told(&engine->held);
	char *held_json = verdict_told_json(&engine->held);
	const struct report_end end = {
		.fault = broken ? engine->broken.fault : FAULT_NONE,
		.cancelled = !broken && (cancel_asked() || quota_reached(&engine->quota)),
		.limit = quota_text(&engine->quota, limit),
		.level = to_local ? describe_proofs(engine) : policy_describe(engine->policy),
		.go_on = command,
		.retry = engine->backup ? NULL : retry, /* a snapshot does not change */
		.backup = backup_of(engine),
		.as_read = to_local && !engine->lanes_used && !engine->planning->caps_only,
		.asked = engine->migration->asked,
		.damaged = engine->damaged,
		.unreferenced = to_local ? 0 : committer_unreferenced(engine->committer),
		.reread = atomic_load(&engine->downloads.reread),
		.direct = atomic_load(&engine->downloads.direct),
		.lost = { .modes = atomic_load(&engine->losses.modes),
			  .owners = atomic_load(&engine->losses.owners),
			  .times = atomic_load(&engine->losses.times),
			  .syncs = atomic_load(&engine->losses.syncs),
			  .links = atomic_load(&engine->losses.links),
			  .attributes = atomic_load(&engine->losses.attributes) },
		.fetched = to_local,
		.source_changed = engine->again.source_changed,
		.written_gone = engine->again.written_gone,
		.written_changed = engine->again.written_changed,
		.retried = engine->again.retried,
		.unseen = engine->again.unseen,
		.appeared = ended ? appeared(engine) : 0,
		.held = held,
		.held_json = held_json,
	};
	enum fault fault = report_finish(engine->report, &end, &counts, err);
	free(command);
	free(retry);
	free(held);
	free(held_json);
	if (fault && broken) { /* what broke the job is the better reason */
		*status = status_of_fault(engine->broken.fault);
		return FAULT_NONE;
	}
	if (fault)
		return fault;
	if (to_local && counts.root_settled && counts.retriable > 0)
		sweep_target(engine);
	*status = status_of(engine, &counts);
	return keep_summary(engine, &counts, *status, err);
}
