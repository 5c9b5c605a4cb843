#include "cli/command.h"
#include "commit/intents.h"
#include "engine/engine.h"
#include "job/dry_run.h"
#include "place/fresh.h"
#include "report/say.h"
#include "report/status.h"

#include <time.h>

/* What the steps of a copy share. */
struct copy {
	const struct options *options;
	struct output *output;
	struct migration_request wanted;
	struct setup setup;
	struct store_wait wait;
};

static void say_age(struct output *output, const struct migration *migration)
{
	long long seconds = (long long)time(NULL) - (long long)migration->created;
	say(output, SAY_INFO, "continuing job %.16s, planned %lld %s ago (--new starts afresh)",
	    migration->job.name, seconds < 120 ? seconds : seconds / 60,
	    seconds < 120 ? "seconds" : "minutes");
}

/* Refuses options that the target has no use for. */
static enum fault check_target(const struct options *options, const struct arrangement *arrangement,
			       struct err *err)
{
	if (arrangement->local && (options->planning.immutable || options->transfer.all_or_nothing))
		return err_set(err, FAULT_USAGE, "%s is about a target on the grid",
			       options->planning.immutable ? "--immutable" : "--all-or-nothing");
	return FAULT_NONE;
}

/* Refuses options that cannot be followed, before anything is made. */
static enum fault check_options(const struct copy *copy, const struct arrangement *arrangement,
				struct err *err)
{
	struct engine_sides sides = { .to_local = arrangement->local };
	for (size_t i = 0; i < arrangement->count; i++)
		sides.remote |= !arrangement->source[i].place->local;
	if (sides.remote || !sides.to_local)
		sides.params = copy->setup.params;
	return engine_check(&copy->options->transfer, &sides, err);
}

/* Keeps the key with the job, as that of the directory everything goes into. */
static enum fault keep_key(const struct migration *migration, const struct mutable_key *key,
			   struct err *err)
{
	struct intents *intents;
	enum fault fault = intents_open(migration->job.keys, migration->job.id,
					migration->catalog->outcomes, &intents, err);
	if (fault)
		return fault;
	fault = intents_add(intents, 0, key, err);
	intents_close(intents);
	return fault;
}

/* Makes the job of --cap-out without a gateway: first the job has the key, then FILE its cap. */
static enum fault open_keyed_job(const struct copy *copy, struct migration *migration,
				 struct arrangement *arrangement, struct err *err)
{
	struct fresh fresh;
	enum fault fault = fresh_begin(&fresh, &copy->wanted.places->target, err);
	if (fault)
		return fault;
	arrangement->root = fresh.key.cap;
	fault = migration_new(&copy->wanted, arrangement, NULL, migration, err);
	if (!fault) {
		fault = keep_key(migration, &fresh.key, err);
		if (!fault)
			fault = fresh_publish(&fresh, err);
		if (fault)
			migration_drop(migration);
	}
	fresh_fini(&fresh);
	return fault;
}

/* Finds the job of this command line, or makes a new one. */
static enum fault open_job(struct copy *copy, struct migration *migration,
			   struct arrangement *arrangement, struct err *err)
{
	bool found = false;
	if (!copy->options->new_job && migration_find(&copy->wanted, migration, &found, err))
		return err->fault;
	if (found) {
		say_age(copy->output, migration);
		return FAULT_NONE;
	}
	const struct tries tries = setup_tries(&copy->setup, &copy->wait);
	if (arrange(copy->wanted.planning, copy->wanted.places, &tries, arrangement, err))
		return err->fault;
	if (check_target(copy->options, arrangement, err) || check_options(copy, arrangement, err))
		return err->fault;
	const struct place *target = &copy->wanted.places->target;
	if (target->fresh && copy->setup.without_gateway && copy->setup.encodes)
		return open_keyed_job(copy, migration, arrangement, err);
	if (target->fresh && fresh_make(&tries, target, &arrangement->root, err))
		return err->fault;
	return migration_new(&copy->wanted, arrangement, NULL, migration, err);
}

/* Plans in a place of its own what a new job would do; one that could go on is left alone. */
static enum fault rehearse(struct copy *copy, int *status, struct err *err)
{
	struct migration migration = { .job.lock_fd = -1 };
	struct arrangement arrangement = { 0 };
	struct dry_run dry_run;
	if (copy->wanted.places->target.fresh)
		return err_set(err, FAULT_USAGE, "--dry-run makes no directory for --cap-out");
	const struct tries tries = setup_tries(&copy->setup, &copy->wait);
	if (dry_run_init(&dry_run, copy->output, err))
		return err->fault;
	struct migration_request wanted = copy->wanted;
	wanted.state_dir = dry_run.directory;
	enum fault fault = arrange(wanted.planning, wanted.places, &tries, &arrangement, err);
	if (!fault)
		fault = check_target(copy->options, &arrangement, err);
	if (!fault)
		fault = migration_new(&wanted, &arrangement, NULL, &migration, err);
	struct engine_request request = command_engine(copy->options, copy->output);
	request.setup = &copy->setup;
	request.migration = &migration;
	request.arrangement = &arrangement;
	request.store = copy->wait.store;
	if (!fault)
		fault = engine_rehearse(&request, status, err);
	migration_fini(&migration);
	arrangement_fini(&arrangement);
	dry_run_fini(&dry_run);
	return fault;
}

/* Carries the copy out, with a job that is new or goes on. */
static enum fault command_cp_run(struct copy *copy, int *status, struct err *err)
{
	if (copy->options->dry_run)
		return rehearse(copy, status, err);
	struct migration migration = { .job.lock_fd = -1 };
	struct arrangement arrangement = { 0 };
	enum fault fault = open_job(copy, &migration, &arrangement, err);
	struct engine_request request = command_engine(copy->options, copy->output);
	request.setup = &copy->setup;
	request.migration = &migration;
	request.arrangement = arrangement.count > 0 ? &arrangement : NULL;
	request.store = copy->wait.store;
	bool fresh = !fault && migration.fresh;
	if (!fault)
		fault = engine_run(&request, status, err);
	if (fresh && (fault ? status_of_fault(fault) : *status) == STATUS_USAGE)
		migration_drop(&migration);
	migration_fini(&migration);
	arrangement_fini(&arrangement);
	return fault;
}

/* With a place on the grid: all gateways are needed for a copy, one for a rehearsal. */
static enum fault run_with_grid(struct copy *copy, int *status, struct err *err)
{
	if (setup_load(&copy->options->connection, copy->output, &copy->setup, err))
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

enum fault command_cp(const struct options *options, struct output *output, int *status,
		      struct err *err)
{
	struct places places;
	if (places_resolve(&options->connection, &options->words, options->cap_out, &places, err))
		return err->fault;
	struct copy copy = {
		.options = options,
		.output = output,
		.wanted = command_wanted(options, &places),
	};
	enum fault fault = places_on_grid(&places) ? run_with_grid(&copy, status, err)
						   : command_cp_run(&copy, status, err);
	places_fini(&places);
	return fault;
}
