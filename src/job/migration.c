#include "job/migration_header.h"

#include "base/secret.h"
#include "queue/file/frame.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#define LOCAL "file:" /* begins what a job with a local target is bound to */

static enum fault migration_no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory for a job");
}

/* ---- outcomes ---- */

enum fault migration_bind(struct migration *migration, const struct cap *root, struct err *err)
{
	char text[CAP_TEXT_SIZE];
	size_t size = cap_print(root, text);
	enum fault fault = outcomes_create(migration->job.outcomes, migration->job.id, text, size,
					   &migration->outcomes, err);
	secret_wipe(text, sizeof text);
	migration->root = *root;
	return fault;
}

/* The same for a local target. */
static enum fault bind_local(struct migration *migration, const char *directory, struct err *err)
{
	char *text;
	int length = asprintf(&text, LOCAL "%s", directory);
	if (length < 0)
		return migration_no_memory(err);
	enum fault fault = FAULT_NONE;
	if (length > OUTCOME_BINDING_MAX)
		fault = err_set(err, FAULT_USAGE, "the target's path is longer than %d bytes",
				OUTCOME_BINDING_MAX);
	else
		fault = outcomes_create(migration->job.outcomes, migration->job.id, text,
					(size_t)length, &migration->outcomes, err);
	free(text);
	return fault;
}

/* Creates the file for the caps of sources. */
static enum fault create_sources(struct migration *migration, const struct arrangement *arrangement,
				 struct err *err)
{
	bool remote = false;
	for (size_t i = 0; i < arrangement->count; i++)
		remote |= !arrangement->source[i].place->local;
	return remote ? outcomes_create(migration->job.sources, migration->job.id, "", 0,
					&migration->sources, err)
		      : FAULT_NONE;
}

static enum fault open_sources(struct migration *migration, struct err *err)
{
	unsigned repaired;
	if (migration->remote && outcomes_open(migration->job.sources, migration->job.id,
					       &migration->sources, &repaired, err))
		return err_wrap(err, "job %s: sources", migration->job.name);
	return FAULT_NONE;
}

/* Takes in what the outcomes are bound to. */
static enum fault take_binding(struct migration *migration, const char *text, size_t size,
			       struct err *err)
{
	size_t scheme = strlen(LOCAL);
	migration->to_local = size > scheme && memcmp(text, LOCAL, scheme) == 0;
	if (migration->to_local) {
		migration->directory = strndup(text + scheme, size - scheme);
		return migration->directory ? FAULT_NONE : migration_no_memory(err);
	}
	if (cap_parse(text, size, &migration->root, err))
		return err_set(err, FAULT_CORRUPT, "job %s: its outcomes are bound to no directory",
			       migration->job.name);
	return FAULT_NONE;
}

static enum fault open_outcomes(struct migration *migration, struct err *err)
{
	size_t size;
	if (outcomes_open(migration->job.outcomes, migration->job.id, &migration->outcomes,
			  &migration->repaired, err))
		return err_wrap(err, "job %s", migration->job.name);
	const char *text = outcomes_binding(migration->outcomes, &size);
	enum fault fault = take_binding(migration, text, size, err);
	return fault ? fault : open_sources(migration, err);
}

/* ---- jobs ---- */

/*
 * Whether the listings that name the sources are whole.  Before that a plan of sources on a grid
 * cannot go on: only the command line has their caps.
 */
static bool has_sources(const struct migration *migration)
{
	struct manifest_reader *reader;
	struct manifest_block block = { 0 };
	struct err err;
	if (manifest_open(migration->manifest, &reader, &err))
		return false;
	bool good = true;
	block.next = manifest_first(reader);
	for (size_t listings = 0; good && listings <= migration->made.count;) {
		good = !manifest_read(reader, block.next, &block, &err) && !block.is_trailer;
		listings += good && block.last;
	}
	manifest_close(reader);
	return good;
}

/* Whether there is nothing to go on with.  A plan that lost its sources after entries were settled
 * is damaged: the engine says so. */
static bool is_unplanned(const struct migration *migration)
{
	struct err err;
	uint64_t end = 0;
	if (!migration->remote || has_sources(migration))
		return false;
	return !migration->outcomes || (!outcomes_end(migration->outcomes, &end, &err) && end <= 1);
}

/* Locks the job that was found and takes in its files. */
static enum fault take_job(struct migration *migration, struct err *err)
{
	migration->manifest = strdup(migration->job.manifest);
	if (!migration->manifest)
		return migration_no_memory(err);
	if (job_lock(&migration->job, err) || migration_load(migration, err) ||
	    open_outcomes(migration, err))
		return err->fault;
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

/* The manifest gets its name once it has its header: a job killed before has none. */
static enum fault create_manifest(struct migration *migration,
				  const struct migration_header *header, const char *output,
				  struct err *err)
{
	struct manifest_writer *writer;
	char *fresh;
	migration->manifest = strdup(output ? output : migration->job.manifest);
	if (!migration->manifest || asprintf(&fresh, "%s.new", migration->manifest) < 0)
		return migration_no_memory(err);
	unlink(fresh); /* of a run that was killed here */
	enum fault fault = manifest_create(fresh, migration->job.id, header->property,
					   header->count, &writer, err);
	if (!fault) {
		manifest_writer_close(writer);
		if (rename(fresh, migration->manifest) != 0)
			fault = err_os(err, FAULT_IO, errno, "cannot name the manifest '%s'",
				       migration->manifest);
		else
			fault = file_sync_parent(migration->manifest, err);
	}
	free(fresh);
	return fault;
}

enum fault migration_new(const struct migration_request *request,
			 const struct arrangement *arrangement, const char *output,
			 struct migration *migration, struct err *err)
{
	struct migration_header header = { 0 };
	char *state = NULL;
	*migration = (struct migration){ .job.lock_fd = -1, .fresh = true };
	enum fault fault = migration_identify(request, &header, err);
	if (!fault)
		fault = migration_describe(request, arrangement, &header, err);
	if (!fault)
		fault = job_state_dir(request->state_dir, &state, err);
	if (!fault)
		fault = migration_header_check(&header, err);
	if (!fault)
		fault = job_create(state, &migration->job, err);
	if (!fault && arrangement->local)
		fault = bind_local(migration, arrangement->directory, err);
	else if (!fault)
		fault = migration_bind(migration, &arrangement->root, err);
	if (!fault)
		fault = create_sources(migration, arrangement, err);
	if (!fault)
		fault = selection_save(request->planning->select, &migration->job, err);
	if (!fault)
		fault = create_manifest(migration, &header, output, err);
	if (!fault)
		fault = migration_load(migration, err);
	if (!fault && arrangement->local) {
		migration->to_local = true;
		migration->directory = strdup(arrangement->directory);
		if (!migration->directory)
			fault = migration_no_memory(err);
	}
	free(state);
	migration_header_fini(&header);
	if (fault)
		migration_fini(migration);
	return fault;
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
	if (!fault && is_unplanned(migration))
		fault = err_set(err, FAULT_USAGE,
				"nothing is planned in job %.16s yet: give the command again that "
				"made it",
				migration->job.name);
	free(state);
	if (fault)
		migration_fini(migration);
	return fault;
}

/* Makes the job of a plan that was written to a file of its own. */
static enum fault adopt(const char *state_dir, const char *path, struct migration *migration,
			struct err *err)
{
	struct manifest_reader *reader;
	char *state = NULL;
	unsigned char id[JOB_ID_SIZE];
	if (manifest_open(path, &reader, err))
		return err_wrap(err, "plan '%.120s'", path);
	memcpy(id, manifest_job_id(reader), JOB_ID_SIZE);
	manifest_close(reader);
	enum fault fault = job_state_dir(state_dir, &state, err);
	if (!fault)
		fault = job_adopt(state, id, path, &migration->job, err);
	free(state);
	return fault;
}

enum fault migration_open_plan(const char *state_dir, const char *path, struct migration *migration,
			       struct err *err)
{
	*migration = (struct migration){ .job.lock_fd = -1 };
	enum fault fault = adopt(state_dir, path, migration, err);
	if (!fault) {
		migration->manifest = strdup(migration->job.manifest);
		fault = migration->manifest ? migration_load(migration, err)
					    : migration_no_memory(err);
	}
	if (!fault) {
		fault = open_outcomes(migration, err);
		if (fault == FAULT_NOT_FOUND)
			fault = FAULT_NONE; /* not begun */
	}
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
	free(migration->manifest);
	free(migration->target);
	free(migration->target_hash);
	free(migration->directory);
	select_free(migration->select);
	cap_wipe(&migration->root);
	outcomes_close(migration->outcomes);
	outcomes_close(migration->sources);
	job_close(&migration->job);
	*migration = (struct migration){ .job.lock_fd = -1 };
}
