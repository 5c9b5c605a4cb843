#include "cli/command.h"
#include "engine/engine.h"
#include "job/dry_run.h"
#include "place/fresh.h"
#include "report/say.h"

#include <time.h>

/* What the steps of a copy share. */
struct copy {
	const struct options *options;
	const struct places *places;
	struct setup setup;
	struct store_wait wait;
};

static void say_age(const struct migration *migration)
{
	long long seconds = (long long)time(NULL) - (long long)migration->created;
	say(SAY_INFO, "continuing job %.16s, planned %lld %s ago (--new starts afresh)",
	    migration->job.name, seconds < 120 ? seconds : seconds / 60,
	    seconds < 120 ? "seconds" : "minutes");
}

/* Finds the job of this command line, or makes a new one. */
static enum fault open_job(const struct copy *copy, struct migration *migration,
			   struct arrangement *arrangement, struct err *err)
{
	bool found = false;
	if (!copy->options->new_job &&
	    migration_find(copy->options, copy->places, migration, &found, err))
		return err->fault;
	if (found) {
		say_age(migration);
		return FAULT_NONE;
	}
	const struct store_wait *wait = copy->wait.store ? &copy->wait : NULL;
	if (arrange(copy->options, copy->places, wait, arrangement, err))
		return err->fault;
	if (arrangement->local && (copy->options->immutable || copy->options->all_or_nothing))
		return err_set(err, FAULT_USAGE, "%s is about a target on the grid",
			       copy->options->immutable ? "--immutable" : "--all-or-nothing");
	if (selection_check(copy->options, arrangement, err))
		return err->fault;
	if (copy->places->target.fresh &&
	    fresh_make(&copy->wait, &copy->places->target, &arrangement->root, err))
		return err->fault;
	return migration_new(copy->options, copy->places, arrangement, NULL, migration, err);
}

/* Plans in a place of its own what a new job would do; one that could go on is left alone. */
static enum fault rehearse(const struct copy *copy, int *status, struct err *err)
{
	struct migration migration = { .job.lock_fd = -1 };
	struct arrangement arrangement = { 0 };
	struct dry_run dry_run;
	if (copy->places->target.fresh)
		return err_set(err, FAULT_USAGE, "--dry-run makes no directory for --cap-out");
	const struct store_wait *wait = copy->wait.store ? &copy->wait : NULL;
	if (dry_run_init(&dry_run, copy->options, err))
		return err->fault;
	const struct options *options = &dry_run.options;
	enum fault fault = arrange(options, copy->places, wait, &arrangement, err);
	if (!fault)
		fault = selection_check(options, &arrangement, err);
	if (!fault)
		fault = migration_new(options, copy->places, &arrangement, NULL, &migration, err);
	const struct engine_request request = {
		.options = options,
		.migration = &migration,
		.arrangement = &arrangement,
		.store = copy->wait.store,
	};
	if (!fault)
		fault = engine_rehearse(&request, status, err);
	migration_fini(&migration);
	arrangement_fini(&arrangement);
	dry_run_fini(&dry_run);
	return fault;
}

static enum fault command_cp_run(struct copy *copy, int *status, struct err *err)
{
	if (copy->options->dry_run)
		return rehearse(copy, status, err);
	struct migration migration = { .job.lock_fd = -1 };
	struct arrangement arrangement = { 0 };
	enum fault fault = open_job(copy, &migration, &arrangement, err);
	const struct engine_request request = {
		.options = copy->options,
		.setup = &copy->setup,
		.migration = &migration,
		.arrangement = arrangement.count > 0 ? &arrangement : NULL,
		.store = copy->wait.store,
	};
	if (!fault)
		fault = engine_run(&request, status, err);
	migration_fini(&migration);
	arrangement_fini(&arrangement);
	return fault;
}

static enum fault run_with_grid(struct copy *copy, int *status, struct err *err)
{
	if (setup_load(&copy->options->connection, &copy->setup, err))
		return err->fault;
	enum fault fault = copy->options->dry_run
				   ? setup_connect(&copy->setup, &copy->wait, err)
				   : setup_connect_all(&copy->setup, &copy->wait, err);
	if (!fault) {
		fault = command_cp_run(copy, status, err);
		store_close(copy->wait.store);
	}
	setup_fini(&copy->setup);
	return fault;
}

enum fault command_cp(const struct options *options, int *status, struct err *err)
{
	struct places places;
	if (places_resolve(&options->connection, &options->words, options->cap_out, &places, err))
		return err->fault;
	struct copy copy = { .options = options, .places = &places };
	enum fault fault = places_on_grid(&places) ? run_with_grid(&copy, status, err)
						   : command_cp_run(&copy, status, err);
	places_fini(&places);
	return fault;
}
