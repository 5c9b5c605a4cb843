#include "cli/command.h"
#include "cli/command_fetch.h"
#include "cli/engine.h"
#include "report/say.h"

#include <time.h>

static bool is_local(const struct places *places)
{
	for (size_t i = 0; i < places->count; i++)
		if (!places->source[i].local)
			return false;
	return true;
}

static enum fault check_direction(const struct places *places, struct err *err)
{
	if (places->target.local)
		return err_set(err, FAULT_USAGE,
			       "both source and target are local: use cp, or name a target on the "
			       "grid as alias:path");
	if (!is_local(places))
		return err_set(
			err, FAULT_USAGE,
			"copying from grid to grid is not supported yet; sources must be local");
	return FAULT_NONE;
}

static void say_age(const struct migration *migration)
{
	long long seconds = (long long)time(NULL) - (long long)migration->created;
	say(SAY_INFO, "continuing job %.16s, planned %lld %s ago (--new starts afresh)",
	    migration->job.name, seconds < 120 ? seconds : seconds / 60,
	    seconds < 120 ? "seconds" : "minutes");
}

/* Finds the job of this command line, or makes a new one. */
static enum fault open_job(const struct options *options, const struct places *places,
			   const struct store_wait *wait, struct migration *migration,
			   struct err *err)
{
	bool found = false;
	if (!options->new_job && migration_find(options, places, migration, &found, err))
		return err->fault;
	if (found) {
		say_age(migration);
		return FAULT_NONE;
	}
	struct target target;
	if (target_resolve(places, wait, &target, err))
		return err->fault;
	enum fault fault = migration_new(options, places, &target, NULL, migration, err);
	target_fini(&target);
	return fault;
}

static enum fault upload(const struct options *options, const struct places *places, int *status,
			 struct err *err)
{
	struct setup setup;
	struct store_wait wait;
	struct migration migration = { .job.lock_fd = -1 };
	if (setup_load(options, &setup, err))
		return err->fault;
	enum fault fault = setup_connect(&setup, &wait, err);
	if (!fault) {
		fault = open_job(options, places, &wait, &migration, err);
		const struct engine_request request = {
			.options = options,
			.setup = &setup,
			.migration = &migration,
			.store = wait.store,
		};
		if (!fault)
			fault = engine_run(&request, status, err);
		store_close(wait.store);
	}
	migration_fini(&migration);
	setup_fini(&setup);
	return fault;
}

enum fault command_cp(const struct options *options, int *status, struct err *err)
{
	struct places places;
	if (places_resolve(options, &places, err))
		return err->fault;
	enum fault fault;
	if (places.target.local && !is_local(&places))
		fault = command_fetch(options, &places, status, err);
	else if (!(fault = check_direction(&places, err)))
		fault = upload(options, &places, status, err);
	places_fini(&places);
	return fault;
}
