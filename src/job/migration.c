#include "job/migration_header.h"

#include "base/secret.h"
#include "job/prune.h"
#include "job/retype.h"
#include "plan/plan.h"

#include <errno.h>
#include <unistd.h>

enum { RETYPED_MAX = 160 /* bytes of a command: it is a part of an error's text */ };

#define LOCAL "file:" /* begins what a job with a local target is bound to */

static enum fault migration_no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory for a job");
}

/* ---- the catalog ---- */

enum fault migration_bind(struct migration *migration, const struct cap *root, struct err *err)
{
	char text[CAP_TEXT_SIZE];
	size_t size = cap_print(root, text);
	enum fault fault = catalog_file_bind(migration->catalog, text, size, err);
	secret_wipe(text, sizeof text);
	migration->root = *root;
	return fault;
}

/* Appends what the outcomes of a new job are bound to. */
static enum fault describe_target(const struct arrangement *arrangement, struct bytes *binding,
				  struct err *err)
{
	char text[CAP_TEXT_SIZE];
	if (!arrangement->local) {
		size_t size = cap_print(&arrangement->root, text);
		enum fault fault = bytes_append(binding, text, size);
		secret_wipe(text, sizeof text);
		return bytes_err(fault, err, "the job's target");
	}
	enum fault fault = bytes_printf(binding, LOCAL "%s", arrangement->directory);
	if (fault == FAULT_TOO_LARGE || binding->size > CATALOG_BINDING_MAX)
		return err_set(err, FAULT_USAGE, "the target's path is longer than %d bytes",
			       CATALOG_BINDING_MAX);
	return bytes_err(fault, err, "the job's target");
}

const char *migration_local(const struct catalog *catalog, size_t *size)
{
	size_t scheme = strlen(LOCAL);
	const char *text = catalog_file_binding(catalog, size);
	if (!text || *size <= scheme || memcmp(text, LOCAL, scheme) != 0)
		return NULL;
	*size -= scheme;
	return text + scheme;
}

/* Takes in what the outcomes are bound to. */
static enum fault take_binding(struct migration *migration, const char *text, size_t size,
			       struct err *err)
{
	size_t length;
	const char *directory = migration_local(migration->catalog, &length);
	migration->to_local = directory;
	if (directory) {
		migration->directory = strndup(directory, length);
		return migration->directory ? FAULT_NONE : migration_no_memory(err);
	}
	if (cap_parse(text, size, &migration->root, err))
		return err_set(err, FAULT_CORRUPT, "job %s: its outcomes are bound to no directory",
			       migration->job.name);
	return FAULT_NONE;
}

/* Takes in the outcomes, if there are any. */
static enum fault take_outcomes(struct migration *migration, struct err *err)
{
	size_t size = 0;
	const char *text = catalog_file_binding(migration->catalog, &size);
	if (!text)
		return FAULT_NONE;
	if (migration->remote && !migration->catalog->sources)
		return err_set(err, FAULT_NOT_FOUND, "job %s: the caps of its sources are gone",
			       migration->job.name);
	return take_binding(migration, text, size, err);
}

/* The manifest of `barge run PLAN` lies elsewhere, and that command makes none. */
static bool is_plan_file(const struct job *job)
{
	size_t size = strlen(job->directory);
	return strncmp(job->manifest, job->directory, size) != 0 || job->manifest[size] != '/';
}

enum fault migration_unusable(const struct migration *migration, struct err *err)
{
	char why[sizeof err->text];
	if (err->fault != FAULT_CORRUPT)
		return err_wrap(err, "job %s", migration->job.name);
	snprintf(why, sizeof why, "%.140s", err->text);
	return err_set(err, FAULT_CORRUPT, "job %s: %s; %s", migration->job.name, why,
		       is_plan_file(&migration->job) ? "write the plan anew with barge plan"
						     : "the same command with --new begins anew");
}

/* Opens the files of the job, and takes in what they say. */
static enum fault open_catalog(struct migration *migration, struct err *err)
{
	const struct catalog_files files = job_files(&migration->job);
	if (catalog_file_open(&files, migration->job.id, &migration->catalog, err))
		return migration_unusable(migration, err);
	enum fault fault = migration_load(migration, err);
	return fault ? fault : take_outcomes(migration, err);
}

/* ---- jobs ---- */

/* Whether an entry is settled.  What cannot be read may be. */
static bool is_touched(const struct migration *migration)
{
	enum { SLOTS = 64 };
	struct outcomes *outcomes = migration->catalog ? migration->catalog->outcomes : NULL;
	struct outcome slot[SLOTS];
	struct err err;
	uint64_t end = 0;
	bool touched = outcomes && outcomes_end(outcomes, &end, &err);
	for (uint64_t id = 0; id < end && !touched; id += SLOTS) {
		touched = outcomes_read(outcomes, id, SLOTS, slot, &err);
		for (size_t i = 0; i < SLOTS && !touched; i++)
			touched = outcome_is_settled(&slot[i]);
	}
	secret_wipe(slot, sizeof slot);
	return touched;
}

/*
 * Whether the listings that name the sources are whole.  Before that a plan of sources on a grid
 * cannot go on: only the command line has their caps.
 */
static bool has_sources(const struct migration *migration)
{
	struct catalog_reader *reader;
	struct catalog_page page = { 0 };
	struct err err;
	if (catalog_reader_new(migration->catalog, &reader, &err))
		return false;
	bool good = true;
	for (size_t listings = 0; good && listings <= migration->made.count;) {
		good = !catalog_next(reader, &page, &err) && !page.is_end;
		listings += good && page.last;
	}
	catalog_reader_free(reader);
	return good;
}

/* Whether the plan is one that is made in one go, and was not. */
static bool is_half_merged(const struct migration *migration)
{
	const char *const *name = (const char *const *)migration->name.text;
	return !catalog_is_complete(migration->catalog) &&
	       plan_may_merge(name, migration->name.count) && !is_touched(migration);
}

/* Begins a plan that was cut anew, under the same id and from what its header says, where that says
 * all: caps of sources on a grid it has not.  Killed in between the job is empty. */
static enum fault begin_anew(struct migration *migration, struct err *err)
{
	static const char *const key[] = {
		JOB_COMMAND, JOB_SOURCES,       JOB_TARGET_HASH, JOB_OPTIONS,     JOB_SELECT,
		JOB_TARGET,  MIGRATION_NAMES,   MIGRATION_MADE,  MIGRATION_DEPTH, JOB_ASKED,
		JOB_CREATED, MIGRATION_PLANNED, JOB_ROOTS,       JOB_TYPED,
	};
	const struct catalog_files files = job_files(&migration->job);
	struct catalog *cut = migration->catalog;
	struct manifest_property property[ARRAY_COUNT(key)];
	struct catalog_plan plan = { .job_id = migration->job.id, .property = property };
	for (size_t i = 0; i < ARRAY_COUNT(key); i++) {
		struct manifest_property *next = &property[plan.count];
		next->key = key[i];
		next->value = catalog_property(cut, key[i], &next->value_size);
		plan.count += next->value != NULL;
	}
	plan.binding = catalog_file_binding(cut, &plan.binding_size);
	if (unlink(files.plan) != 0 || unlink(files.outcomes) != 0)
		return err_os(err, FAULT_IO, errno, "cannot remove what job %s has planned",
			      migration->job.name);
	enum fault fault = catalog_file_create(&files, &plan, err);
	if (!fault)
		fault = catalog_file_open(&files, migration->job.id, &migration->catalog, err);
	if (!fault)
		catalog_close(cut);
	return fault;
}

/* Whether there is nothing to go on with.  A plan that lost its sources after entries were settled
 * is damaged: the engine says so. */
static bool is_unplanned(const struct migration *migration)
{
	struct err err;
	uint64_t end = 0;
	if (is_half_merged(migration))
		return true;
	if (!migration->remote || has_sources(migration))
		return false;
	struct outcomes *outcomes = migration->catalog->outcomes;
	return !outcomes || (!outcomes_end(outcomes, &end, &err) && end <= 1);
}

/* Locks the job that was found and takes in its files. */
static enum fault take_job(struct migration *migration, struct err *err)
{
	if (job_lock(&migration->job, err) || open_catalog(migration, err))
		return err->fault;
	if (!migration->catalog->outcomes)
		return err_set(err, FAULT_NOT_FOUND, "job %s: its outcomes are gone",
			       migration->job.name);
	return FAULT_NONE;
}

/* Removes a job in which nothing was done. */
static enum fault drop_job(struct migration *migration, struct err *err)
{
	struct job job = migration->job;
	migration->job = (struct job){ .lock_fd = -1 };
	migration_fini(migration);
	close(job.lock_fd);
	job.lock_fd = -1;
	return job_remove(&job, err);
}

void migration_remove(struct migration *migration)
{
	struct err err;
	(void)!drop_job(migration, &err);
}

bool migration_is_backup(const struct migration *migration)
{
	return job_is_backup(migration->catalog);
}

void migration_drop(struct migration *migration)
{
	struct err err;
	if (is_touched(migration) || migration->job.lock_fd < 0)
		migration_fini(migration);
	else
		(void)!drop_job(migration, &err);
}

enum fault migration_find(const struct migration_request *request, struct migration *migration,
			  bool *found, struct err *err)
{
	struct migration_header header = { 0 };
	char *state = NULL;
	*migration = (struct migration){ .job.lock_fd = -1 };
	*found = false;
	enum fault fault = migration_identify(request, &header, err);
	if (!fault)
		fault = job_state_dir(request->state_dir, &state, err);
	if (!fault)
		fault = job_find(state, header.property, header.count, &migration->job, found, err);
	if (!fault && *found)
		fault = take_job(migration, err);
	if (!fault && *found && is_unplanned(migration)) {
		fault = drop_job(migration, err);
		*found = false;
	}
	free(state);
	migration_header_fini(&header);
	if (fault)
		migration_fini(migration);
	return fault;
}

/* Makes the files of the new job. */
static enum fault create(struct migration *migration, const struct arrangement *arrangement,
			 const struct migration_header *header, struct err *err)
{
	const struct catalog_files files = job_files(&migration->job);
	struct bytes binding;
	struct catalog_plan plan = {
		.job_id = migration->job.id,
		.property = header->property,
		.count = header->count,
	};
	for (size_t i = 0; i < arrangement->count; i++)
		plan.with_sources |= !arrangement->source[i].place->local;
	bytes_init(&binding, CATALOG_BINDING_MAX + 1);
	enum fault fault = describe_target(arrangement, &binding, err);
	plan.binding = bytes_text(&binding);
	plan.binding_size = binding.size;
	if (!fault)
		fault = catalog_file_create(&files, &plan, err);
	bytes_fini(&binding);
	return fault;
}

enum fault migration_new(const struct migration_request *request,
			 const struct arrangement *arrangement, const char *output,
			 struct migration *migration, struct err *err)
{
	struct migration_header header = { 0 };
	char *state = NULL;
	uint64_t pruned;
	struct err missed;
	*migration = (struct migration){ .job.lock_fd = -1, .fresh = true };
	enum fault fault = migration_identify(request, &header, err);
	if (!fault)
		fault = migration_describe(request, arrangement, &header, err);
	if (!fault)
		fault = job_state_dir(request->state_dir, &state, err);
	if (!fault)
		fault = migration_header_check(&header, err);
	if (!fault) /* what cannot be removed now will be some other time */
		(void)!job_prune(state, JOB_KEEP_SECONDS, &pruned, &missed);
	if (!fault)
		fault = job_create(state, &migration->job, err);
	if (!fault && output)
		fault = job_move_plan(&migration->job, output, err);
	if (!fault)
		fault = selection_save(request->planning->select, &migration->job, err);
	if (!fault)
		fault = create(migration, arrangement, &header, err);
	if (!fault)
		fault = open_catalog(migration, err);
	free(state);
	migration_header_fini(&header);
	if (fault)
		migration_drop(migration);
	return fault;
}

/* Fails because only the command line has the caps of the sources.  A text that is cut would be no
 * command. */
static enum fault unplanned(const struct migration *migration, struct err *err)
{
	struct bytes line;
	struct err why;
	size_t filters = 0;
	(void)catalog_property(migration->catalog, JOB_SELECT, &filters);
	bytes_init(&line, RETYPED_MAX);
	if (retype(migration, &line, &why))
		err_set(err, FAULT_USAGE,
			"nothing is planned in job %.16s yet: give the command again that made it "
			"(its words: barge jobs show %.16s)",
			migration->job.name, migration->job.name);
	else
		err_set(err, FAULT_USAGE,
			"nothing is planned in job %.16s yet: give the command again%s: %s",
			migration->job.name, filters > 0 ? ", with its filters" : "",
			bytes_text(&line));
	bytes_fini(&line);
	return err->fault;
}

enum fault migration_open(const char *state_dir, const char *name, struct migration *migration,
			  struct err *err)
{
	char *state = NULL;
	bool found = true;
	*migration = (struct migration){ .job.lock_fd = -1 };
	enum fault fault = job_state_dir(state_dir, &state, err);
	if (!fault && name)
		fault = job_open(state, name, &migration->job, err);
	else if (!fault)
		fault = job_newest(state, &migration->job, &found, err);
	if (!fault && !found)
		fault = err_set(err, FAULT_USAGE,
				"no job is unfinished; `barge jobs` lists those there are");
	if (!fault)
		fault = take_job(migration, err);
	if (!fault && !migration->remote && is_half_merged(migration))
		fault = begin_anew(migration, err);
	else if (!fault && is_unplanned(migration))
		fault = unplanned(migration, err);
	free(state);
	if (fault)
		migration_fini(migration);
	return fault;
}

static enum fault plan_unusable(const char *path, struct err *err)
{
	char why[sizeof err->text];
	if (err->fault != FAULT_CORRUPT)
		return err_wrap(err, "plan '%.120s'", path);
	snprintf(why, sizeof why, "%.100s", err->text);
	return err_set(err, FAULT_CORRUPT, "plan '%.80s': %s; write it anew with barge plan", path,
		       why);
}

/* Makes the job of a plan that was written to a file of its own. */
static enum fault adopt(const char *state_dir, const char *path, struct migration *migration,
			struct err *err)
{
	const struct catalog_files plan = { .plan = path };
	struct catalog *catalog;
	char *state = NULL;
	if (catalog_file_open(&plan, NULL, &catalog, err))
		return plan_unusable(path, err);
	enum fault fault = job_state_dir(state_dir, &state, err);
	if (!fault)
		fault = job_adopt(state, catalog_job_id(catalog), path, &migration->job, err);
	catalog_close(catalog);
	free(state);
	return fault;
}

enum fault migration_open_plan(const char *state_dir, const char *path, struct migration *migration,
			       struct err *err)
{
	*migration = (struct migration){ .job.lock_fd = -1 };
	enum fault fault = adopt(state_dir, path, migration, err);
	if (!fault)
		fault = open_catalog(migration, err);
	if (fault)
		migration_fini(migration);
	return fault;
}

enum fault migration_check_target(const struct migration *migration, const struct place *place,
				  struct err *err)
{
	struct bytes identity;
	bytes_init(&identity, MIGRATION_TEXT_MAX);
	enum fault fault = place_identity(place, &identity, err);
	if (!fault && strcmp(bytes_text(&identity), migration->target_hash) != 0)
		fault = err_set(err, FAULT_EXISTS,
				"'%s' is not the directory that job %s was planned for: its alias "
				"has moved",
				place->typed, migration->job.name);
	bytes_fini(&identity);
	return fault;
}

void migration_fini(struct migration *migration)
{
	text_list_fini(&migration->path);
	text_list_fini(&migration->name);
	text_list_fini(&migration->made);
	roots_fini(&migration->roots);
	free(migration->target);
	free(migration->target_hash);
	free(migration->directory);
	select_free(migration->select);
	cap_wipe(&migration->root);
	catalog_close(migration->catalog);
	job_close(&migration->job);
	*migration = (struct migration){ .job.lock_fd = -1 };
}
