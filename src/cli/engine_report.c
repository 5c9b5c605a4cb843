#include "cli/cancel.h"
#include "cli/engine_parts.h"
#include "cli/status.h"

enum fault engine_open_report(struct engine *engine, struct err *err)
{
	const struct options *options = engine->request->options;
	const struct migration *migration = engine->request->migration;
	const struct report_options report = {
		.progress = (enum report_progress)options->progress,
		.json = options->json,
		.quiet = options->quiet,
		.manifest = migration->manifest,
		.errors = migration->job.errors,
		.job = migration->job.name,
		.plan = &engine->progress,
	};
	return report_open(&report, &engine->report, err);
}

/* The command that goes on with the job, as this one was told where things are. */
static char *go_on(const struct engine *engine)
{
	const struct options *options = engine->request->options;
	char *text;
	int length = asprintf(&text, "barge resume %.16s%s%s%s%s%s%s",
			      engine->request->migration->job.name,
			      options->node_directory ? " -d " : "",
			      options->node_directory ? options->node_directory : "",
			      options->gateway.count ? " -u " : "",
			      options->gateway.count ? options->gateway.text[0] : "",
			      options->state_dir ? " --state-dir " : "",
			      options->state_dir ? options->state_dir : "");
	return length < 0 ? NULL : text;
}

static int status_of(const struct engine *engine, const struct recount *counts)
{
	if (atomic_load(&engine->is_broken))
		return status_of_fault(engine->broken.fault);
	if (counts->root_settled)
		return recount_status(counts);
	return STATUS_INTERRUPTED;
}

enum fault engine_conclude(struct engine *engine, int *status, struct err *err)
{
	struct recount counts;
	bool broken = atomic_load(&engine->is_broken);
	char *command = go_on(engine);
	if (broken)
		say_err(&engine->broken);
	const struct report_end end = {
		.outcomes = engine->request->migration->outcomes,
		.fault = broken ? engine->broken.fault : FAULT_NONE,
		.cancelled = !broken && cancel_asked(),
		.level = policy_describe(engine->policy),
		.go_on = command,
		.asked = engine->request->migration->asked,
		.damaged = engine->damaged,
		.unreferenced = committer_unreferenced(engine->committer),
	};
	enum fault fault = report_finish(engine->report, &end, &counts, err);
	free(command);
	if (fault && broken) { /* what broke the job is the better reason */
		*status = status_of_fault(engine->broken.fault);
		return FAULT_NONE;
	}
	if (!fault)
		*status = status_of(engine, &counts);
	return fault;
}
