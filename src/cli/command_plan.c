#include "cli/command.h"
#include "engine/engine.h"
#include "queue/core/file_io.h"
#include "report/say.h"
#include "report/status.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Gives the finished plan its name, durably. */
static enum fault publish(const char *partial, const char *output, struct err *err)
{
	if (file_rename_new(AT_FDCWD, partial, output) != 0)
		return err_os(err, errno == EEXIST ? FAULT_USAGE : FAULT_IO, errno,
			      "cannot name the plan '%s'", output);
	return file_sync_parent(output, err) ? err_wrap(err, "'%.100s'", output) : FAULT_NONE;
}

/* Writes the plan under a temporary name beside its own, or into a new job. */
static enum fault make_plan(const struct options *options, struct output *output,
			    const struct places *places, struct setup *setup,
			    const struct store_wait *wait, int *status, struct err *err)
{
	struct arrangement arrangement;
	struct migration migration = { .job.lock_fd = -1 };
	const struct migration_request wanted = command_wanted(options, places);
	char *partial = NULL;
	const struct tries tries = wait ? setup_tries(setup, wait) : (struct tries){ 0 };
	if (arrange(&options->planning, places, &tries, &arrangement, err))
		return err->fault;
	enum fault fault = FAULT_NONE;
	if (options->plan_file && access(options->plan_file, F_OK) == 0)
		fault = err_set(err, FAULT_USAGE, "'%s' exists already; plans are not overwritten",
				options->plan_file);
	if (!fault && options->plan_file &&
	    asprintf(&partial, "%s.partial", options->plan_file) < 0)
		fault = err_set(err, FAULT_NOMEM, "no memory for a path");
	if (!fault)
		fault = migration_new(&wanted, &arrangement, partial, &migration, err);
	struct engine_request request = command_engine(options, output);
	request.setup = setup;
	request.migration = &migration;
	request.arrangement = &arrangement;
	request.store = wait ? wait->store : NULL;
	if (!fault)
		fault = engine_plan(&request, status, err);
	if (!fault && partial)
		fault = publish(partial, options->plan_file, err);
	if (!fault && options->plan_file)
		say(output, SAY_INFO, "carry it out with: barge run %s", options->plan_file);
	else if (!fault)
		say(output, SAY_INFO, "carry it out with: barge resume %.16s", migration.job.name);
	if (fault && partial && migration.fresh && status_of_fault(fault) == STATUS_USAGE)
		(void)unlink(partial);
	free(partial);
	if (fault && migration.fresh && status_of_fault(fault) == STATUS_USAGE)
		migration_drop(&migration);
	migration_fini(&migration);
	arrangement_fini(&arrangement);
	return fault;
}

enum fault command_plan(const struct options *options, struct output *output, int *status,
			struct err *err)
{
	struct places places;
	struct setup setup;
	struct store_wait wait;
	if (places_resolve(&options->connection, &options->words, options->cap_out, &places, err))
		return err->fault;
	enum fault fault = FAULT_NONE;
	if (!places_on_grid(&places))
		fault = make_plan(options, output, &places, NULL, NULL, status, err);
	else if (!setup_load(&options->connection, output, &setup, err)) {
		fault = setup_connect(&setup, &wait, err);
		if (!fault) {
			fault = make_plan(options, output, &places, &setup, &wait, status, err);
			store_close(wait.store);
		}
		setup_fini(&setup);
	} else {
		fault = err->fault;
	}
	places_fini(&places);
	return fault;
}
