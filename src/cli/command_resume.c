#include "cli/command.h"
#include "engine/engine.h"
#include "job/begun.h"
#include "report/say.h"
#include "report/status.h"

/*
 * A plan's options come from its properties; only how it is carried out may differ.  The target
 * must be the one planned for: an alias is resolved again.  A cap typed then is not kept in the
 * manifest; the outcomes hold it.
 */
static enum fault take_planning(const struct migration *migration,
				struct planning_options *planning, struct err *err)
{
	size_t size;
	const char *text = catalog_property(migration->catalog, JOB_OPTIONS, &size);
	return planning_read(planning, text, size, err);
}

static bool is_cap(const char *typed) { return strncmp(typed, "URI:", 4) == 0; }

/* Finds the target of a plan again.  One that was typed as an alias must still be what it was; one
 * that was a cap is only known once the job is bound to it. */
static enum fault bind_target(const struct options *options, struct migration *migration,
			      const struct tries *tries, struct err *err)
{
	struct place place;
	struct cap root = { 0 };
	if (migration->to_local ||
	    strncmp(migration->target_hash, PLACE_FRESH, strlen(PLACE_FRESH)) == 0)
		return FAULT_NONE;
	if (is_cap(migration->target)) {
		if (migration->catalog->outcomes)
			return FAULT_NONE;
		return err_set(err, FAULT_USAGE,
			       "the plan's target was a cap, which plans do not keep: plan again "
			       "with an alias or --cap-file");
	}
	if (places_target(&options->connection, migration->target, &place, err))
		return err->fault;
	enum fault fault = migration_check_target(migration, &place, err);
	if (!fault && !migration->catalog->outcomes) {
		fault = arrange_find_root(&place, migration->depth, tries, &root, err);
		if (!fault)
			fault = migration_bind(migration, &root, err);
	}
	cap_wipe(&root);
	place_fini(&place);
	return fault;
}

/* Carries the copy on with what was typed or is kept of it. */
static enum fault carry_copy(const struct options *options, struct output *output,
			     struct migration *migration, int *status, struct err *err)
{
	struct planning_options planning = options->planning;
	struct setup setup;
	struct store_wait wait;
	if (take_planning(migration, &planning, err))
		return err->fault;
	struct engine_request request = command_engine(options, output);
	request.planning = &planning;
	request.migration = migration;
	if (migration->to_local && !migration->remote)
		return engine_run(&request, status, err);
	if (setup_load(&options->connection, output, &setup, err))
		return err->fault;
	enum fault fault = setup_connect_all(&setup, &wait, err);
	if (!fault) {
		const struct tries tries = setup_tries(&setup, &wait);
		fault = bind_target(options, migration, &tries, err);
		request.setup = &setup;
		request.store = wait.store;
		if (!fault)
			fault = engine_run(&request, status, err);
		store_close(wait.store);
	}
	setup_fini(&setup);
	return fault;
}

/* Carries `migration`, opened and locked, on to its end, as it was begun but for what is typed. */
static enum fault carry_on(const struct options *typed, struct output *output,
			   struct migration *migration, int *status, struct err *err)
{
	struct begun begun;
	enum fault fault = begun_recall(&migration->job, typed, &begun, err);
	if (!fault)
		fault = migration_is_backup(migration)
				? command_backup_resume(&begun.options, output, migration, status,
							err)
				: carry_copy(&begun.options, output, migration, status, err);
	begun_fini(&begun);
	return fault;
}

/* Finds the newest job, which may have ended; none leaves `name` empty. */
static enum fault find_newest(const struct options *options, char name[JOB_NAME_SIZE],
			      struct err *err)
{
	struct job_list list = { 0 };
	char *state = NULL;
	enum fault fault = job_state_dir(options->state_dir, &state, err);
	if (!fault)
		fault = job_list_read(state, &list, err);
	if (!fault && list.count > 0)
		memcpy(name, list.name[0], JOB_NAME_SIZE);
	job_list_fini(&list);
	free(state);
	return fault;
}

enum fault command_resume(const struct options *options, struct output *output, int *status,
			  struct err *err)
{
	struct migration migration;
	if (options->words.count > 1)
		return err_set(err, FAULT_USAGE, "resume takes one job, or none for the newest");
	const char *name = options->words.count ? options->words.text[0] : NULL;
	char newest[JOB_NAME_SIZE] = "";
	if (!name && options->transfer.retry && find_newest(options, newest, err))
		return err->fault;
	if (migration_open(options->state_dir, *newest ? newest : name, &migration, err))
		return err->fault;
	if (catalog_file_repaired(migration.catalog))
		say(output, SAY_WARNING,
		    "one copy of the outcomes' header was damaged; it was repaired");
	enum fault fault = carry_on(options, output, &migration, status, err);
	migration_fini(&migration);
	return fault;
}

enum fault command_run(const struct options *options, struct output *output, int *status,
		       struct err *err)
{
	struct migration migration;
	if (options->words.count != 1)
		return err_set(err, FAULT_USAGE, "run takes one plan file: barge run FILE");
	if (migration_open_plan(options->state_dir, options->words.text[0], &migration, err))
		return err->fault;
	bool fresh = !migration.catalog->outcomes;
	enum fault fault = carry_on(options, output, &migration, status, err);
	if (fresh && fault && status_of_fault(fault) == STATUS_USAGE)
		migration_drop(&migration);
	migration_fini(&migration);
	return fault;
}
