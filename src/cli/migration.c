#include "cli/migration.h"

#include "base/secret.h"
#include "queue/frame.h"
#include "report/recount.h"

#include <assert.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

enum {
	PROPERTIES = 9,
	TEXT_MAX = 60000, /* bytes of all properties: they fit one frame */
	NUMBER_SIZE = 24,
};

static enum fault no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory for a job");
}

/* The properties of a header, with the memory behind them. */
struct header {
	struct manifest_property property[PROPERTIES + 1];
	size_t count;
	struct bytes sources, names, made, target;
	char plan_options[OPTIONS_PLAN_TEXT_SIZE];
	char depth[NUMBER_SIZE], asked[NUMBER_SIZE], created[NUMBER_SIZE];
};

static void header_fini(struct header *header)
{
	bytes_fini(&header->sources);
	bytes_fini(&header->names);
	bytes_fini(&header->made);
	bytes_fini(&header->target);
}

static void add(struct header *header, const char *key, const void *value, size_t size)
{
	assert(header->count < ARRAY_COUNT(header->property));
	header->property[header->count++] = (struct manifest_property){ key, value, size };
}

/* What makes two command lines the same job: these come first in a header. */
static enum fault identify(const struct options *options, const struct places *places,
			   struct header *header, struct err *err)
{
	bytes_init(&header->sources, TEXT_MAX);
	bytes_init(&header->names, TEXT_MAX);
	bytes_init(&header->made, TEXT_MAX);
	bytes_init(&header->target, TEXT_MAX);
	if (places_sources(places, &header->sources, err) ||
	    place_identity(&places->target, &header->target, err))
		return err->fault;
	options_plan_text(options, header->plan_options);
	const char *command = options_command_name(options->command);
	add(header, JOB_COMMAND, command, strlen(command));
	add(header, JOB_SOURCES, header->sources.data, header->sources.size);
	add(header, JOB_TARGET_HASH, header->target.data, header->target.size);
	add(header, JOB_OPTIONS, header->plan_options, strlen(header->plan_options));
	return FAULT_NONE;
}

static enum fault append_texts(struct bytes *out, char *const *text, size_t count)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < count && !fault; i++)
		fault = bytes_append(out, text[i], strlen(text[i]) + 1);
	return fault;
}

static enum fault describe(const struct options *options, const struct places *places,
			   const struct target *target, struct header *header, struct err *err)
{
	unsigned asked = (options->symlinks == PLAN_SYMLINKS_UNSET ? 0 : RECOUNT_ASKED_SYMLINKS) |
			 (options->specials == PLAN_SPECIALS_UNSET ? 0 : RECOUNT_ASKED_SPECIALS);
	enum fault fault = append_texts(&header->names, target->name, target->name_count);
	if (!fault)
		fault = append_texts(&header->made, target->made, target->made_count);
	if (fault)
		return bytes_err(fault, err, "the job's description");
	snprintf(header->depth, NUMBER_SIZE, "%zu", target->depth);
	snprintf(header->asked, NUMBER_SIZE, "%u", asked);
	snprintf(header->created, NUMBER_SIZE, "%lld", (long long)time(NULL));
	add(header, JOB_TARGET, places->target.typed, strlen(places->target.typed));
	add(header, MIGRATION_NAMES, header->names.data, header->names.size);
	add(header, MIGRATION_MADE, header->made.data, header->made.size);
	add(header, MIGRATION_DEPTH, header->depth, strlen(header->depth));
	add(header, JOB_ASKED, header->asked, strlen(header->asked));
	add(header, JOB_CREATED, header->created, strlen(header->created));
	return FAULT_NONE;
}

/* ---- reading a header ---- */

static enum fault split_texts(const char *value, size_t size, struct text_list *list,
			      struct err *err)
{
	for (const char *end = value + size; value < end;) {
		size_t length = strnlen(value, (size_t)(end - value));
		char **grown = reallocarray(list->text, list->count + 1, sizeof *grown);
		if (!grown)
			return no_memory(err);
		list->text = grown;
		list->text[list->count] = strndup(value, length);
		if (!list->text[list->count])
			return no_memory(err);
		list->count++;
		value += length + 1;
	}
	return FAULT_NONE;
}

static enum fault read_texts(const struct manifest_reader *reader, const char *key,
			     struct text_list *list, struct err *err)
{
	size_t size;
	const char *value = manifest_property(reader, key, &size);
	if (!value)
		return err_set(err, FAULT_CORRUPT, "the manifest does not say its '%s'", key);
	return split_texts(value, size, list, err);
}

static enum fault read_text(const struct manifest_reader *reader, const char *key, char **text,
			    struct err *err)
{
	size_t size;
	const char *value = manifest_property(reader, key, &size);
	if (!value)
		return err_set(err, FAULT_CORRUPT, "the manifest does not say its '%s'", key);
	*text = strndup(value, size);
	return *text ? FAULT_NONE : no_memory(err);
}

static enum fault read_number(const struct manifest_reader *reader, const char *key,
			      uint64_t *number, struct err *err)
{
	char *text = NULL, *end = NULL;
	enum fault fault = read_text(reader, key, &text, err);
	if (fault || !text)
		return fault;
	*number = strtoull(text, &end, 10);
	bool good = end != text && *end == '\0';
	free(text);
	return good ? FAULT_NONE
		    : err_set(err, FAULT_CORRUPT, "the manifest's '%s' is no number", key);
}

/* Sources are kept as "file:/path"; the planner wants the path. */
static enum fault take_paths(struct migration *migration, struct err *err)
{
	static const char scheme[] = "file:";
	size_t length = strlen(scheme);
	for (size_t i = 0; i < migration->path.count; i++) {
		char *text = migration->path.text[i];
		if (strncmp(text, scheme, length) != 0)
			return err_set(err, FAULT_CORRUPT, "a source of the plan is no local path");
		memmove(text, text + length, strlen(text + length) + 1);
	}
	if (migration->path.count != migration->name.count || migration->path.count == 0)
		return err_set(err, FAULT_CORRUPT, "the plan's sources make no sense");
	return FAULT_NONE;
}

static enum fault read_header(struct migration *migration, const struct manifest_reader *reader,
			      struct err *err)
{
	uint64_t depth = 0, asked = 0;
	if (read_texts(reader, JOB_SOURCES, &migration->path, err) ||
	    read_texts(reader, MIGRATION_NAMES, &migration->name, err) ||
	    read_texts(reader, MIGRATION_MADE, &migration->made, err) ||
	    read_text(reader, JOB_TARGET, &migration->target, err) ||
	    read_text(reader, JOB_TARGET_HASH, &migration->target_hash, err) ||
	    read_number(reader, MIGRATION_DEPTH, &depth, err) ||
	    read_number(reader, JOB_ASKED, &asked, err) ||
	    read_number(reader, JOB_CREATED, &migration->created, err))
		return err->fault;
	migration->depth = depth;
	migration->asked = (unsigned)asked;
	return take_paths(migration, err);
}

static enum fault load_header(struct migration *migration, struct err *err)
{
	struct manifest_reader *reader;
	if (manifest_open(migration->manifest, &reader, err))
		return err_wrap(err, "job %s", migration->job.name);
	enum fault fault = FAULT_NONE;
	if (memcmp(manifest_job_id(reader), migration->job.id, JOB_ID_SIZE) != 0)
		fault = err_set(err, FAULT_CORRUPT, "the manifest is that of another job");
	if (!fault)
		fault = read_header(migration, reader, err);
	manifest_close(reader);
	return fault;
}

/* ---- outcomes ---- */

/* The binding: the text of the root's cap. */
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

static enum fault open_outcomes(struct migration *migration, struct err *err)
{
	size_t size;
	if (outcomes_open(migration->job.outcomes, migration->job.id, &migration->outcomes,
			  &migration->repaired, err))
		return err_wrap(err, "job %s", migration->job.name);
	const char *text = outcomes_binding(migration->outcomes, &size);
	if (cap_parse(text, size, &migration->root, err))
		return err_set(err, FAULT_CORRUPT, "job %s: its outcomes are bound to no directory",
			       migration->job.name);
	return FAULT_NONE;
}

/* ---- jobs ---- */

static enum fault state_of(const struct options *options, char **state, struct err *err)
{
	return job_state_dir(options->state_dir, state, err);
}

/* Locks the job that was found and takes in its files. */
static enum fault take_job(struct migration *migration, struct err *err)
{
	migration->manifest = strdup(migration->job.manifest);
	if (!migration->manifest)
		return no_memory(err);
	if (job_lock(&migration->job, err) || load_header(migration, err) ||
	    open_outcomes(migration, err))
		return err->fault;
	return FAULT_NONE;
}

enum fault migration_find(const struct options *options, const struct places *places,
			  struct migration *migration, bool *found, struct err *err)
{
	struct header header = { 0 };
	char *state = NULL;
	*migration = (struct migration){ .job.lock_fd = -1 };
	*found = false;
	enum fault fault = identify(options, places, &header, err);
	if (!fault)
		fault = state_of(options, &state, err);
	if (!fault)
		fault = job_find(state, header.property, header.count, &migration->job, found, err);
	if (!fault && *found)
		fault = take_job(migration, err);
	free(state);
	header_fini(&header);
	if (fault)
		migration_fini(migration);
	return fault;
}

/* The manifest gets its name once it has its header: a job killed before has none. */
static enum fault create_manifest(struct migration *migration, const struct header *header,
				  const char *output, struct err *err)
{
	struct manifest_writer *writer;
	char *fresh;
	migration->manifest = strdup(output ? output : migration->job.manifest);
	if (!migration->manifest || asprintf(&fresh, "%s.new", migration->manifest) < 0)
		return no_memory(err);
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

enum fault migration_new(const struct options *options, const struct places *places,
			 const struct target *target, const char *output,
			 struct migration *migration, struct err *err)
{
	struct header header = { 0 };
	char *state = NULL;
	*migration = (struct migration){ .job.lock_fd = -1, .fresh = true };
	enum fault fault = identify(options, places, &header, err);
	if (!fault)
		fault = describe(options, places, target, &header, err);
	if (!fault)
		fault = state_of(options, &state, err);
	if (!fault)
		fault = job_create(state, &migration->job, err);
	if (!fault)
		fault = migration_bind(migration, &target->root, err);
	if (!fault)
		fault = create_manifest(migration, &header, output, err);
	if (!fault)
		fault = load_header(migration, err);
	free(state);
	header_fini(&header);
	if (fault)
		migration_fini(migration);
	return fault;
}

enum fault migration_open(const struct options *options, const char *name,
			  struct migration *migration, struct err *err)
{
	char *state = NULL;
	bool found = true;
	*migration = (struct migration){ .job.lock_fd = -1 };
	enum fault fault = state_of(options, &state, err);
	if (!fault && name)
		fault = job_open(state, name, &migration->job, err);
	else if (!fault)
		fault = job_newest(state, &migration->job, &found, err);
	if (!fault && !found)
		fault = err_set(err, FAULT_USAGE,
				"no job is unfinished; `barge jobs` lists those there are");
	if (!fault)
		fault = take_job(migration, err);
	free(state);
	if (fault)
		migration_fini(migration);
	return fault;
}

static enum fault adopt(const struct options *options, const char *path,
			struct migration *migration, struct err *err)
{
	struct manifest_reader *reader;
	char *state = NULL;
	unsigned char id[JOB_ID_SIZE];
	if (manifest_open(path, &reader, err))
		return err_wrap(err, "plan '%.120s'", path);
	memcpy(id, manifest_job_id(reader), JOB_ID_SIZE);
	manifest_close(reader);
	enum fault fault = state_of(options, &state, err);
	if (!fault)
		fault = job_adopt(state, id, path, &migration->job, err);
	free(state);
	return fault;
}

enum fault migration_open_plan(const struct options *options, const char *path,
			       struct migration *migration, struct err *err)
{
	*migration = (struct migration){ .job.lock_fd = -1 };
	enum fault fault = adopt(options, path, migration, err);
	if (!fault) {
		migration->manifest = strdup(migration->job.manifest);
		fault = migration->manifest ? load_header(migration, err) : no_memory(err);
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
	bytes_init(&identity, TEXT_MAX);
	enum fault fault = place_identity(place, &identity, err);
	if (!fault && strcmp(bytes_text(&identity), migration->target_hash) != 0)
		fault = err_set(err, FAULT_EXISTS,
				"'%s' is not the directory that job %s was planned for: its alias "
				"has moved",
				place->typed, migration->job.name);
	bytes_fini(&identity);
	return fault;
}

static void texts_fini(struct text_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->text[i]);
	free(list->text);
}

void migration_fini(struct migration *migration)
{
	texts_fini(&migration->path);
	texts_fini(&migration->name);
	texts_fini(&migration->made);
	free(migration->manifest);
	free(migration->target);
	free(migration->target_hash);
	cap_wipe(&migration->root);
	outcomes_close(migration->outcomes);
	job_close(&migration->job);
	*migration = (struct migration){ .job.lock_fd = -1 };
}
