#include "job/migration_header.h"

#include "files/dirfd.h"
#include "report/recount.h"

#include <assert.h>
#include <time.h>

enum {
	PROPERTY_OVERHEAD = 10, /* bytes at most that msgpack puts around a key and a value */
};

static enum fault header_no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory for a job");
}

void migration_header_fini(struct migration_header *header)
{
	bytes_fini(&header->sources);
	bytes_fini(&header->typed);
	bytes_fini(&header->names);
	bytes_fini(&header->made);
	bytes_fini(&header->target);
	bytes_fini(&header->select);
	bytes_fini(&header->roots);
}

static void add_property(struct migration_header *header, const char *key, const void *value,
			 size_t size)
{
	assert(header->count < ARRAY_COUNT(header->property));
	header->property[header->count++] = (struct manifest_property){ key, value, size };
}

enum fault migration_identify(const struct migration_request *request,
			      struct migration_header *header, struct err *err)
{
	bytes_init(&header->sources, MIGRATION_TEXT_MAX);
	bytes_init(&header->typed, MIGRATION_TEXT_MAX);
	bytes_init(&header->names, MIGRATION_TEXT_MAX);
	bytes_init(&header->made, MIGRATION_TEXT_MAX);
	bytes_init(&header->target, MIGRATION_TEXT_MAX);
	bytes_init(&header->select, 2 * SELECT_TEXT_MAX);
	bytes_init(&header->roots, MIGRATION_TEXT_MAX);
	if (places_sources(request->places, &header->sources, err) ||
	    place_identity(&request->places->target, &header->target, err) ||
	    selection_text(request->planning->select, &header->select, err))
		return err->fault;
	planning_text(request->planning, header->plan_options);
	add_property(header, JOB_COMMAND, request->command, strlen(request->command));
	add_property(header, JOB_SOURCES, header->sources.data, header->sources.size);
	add_property(header, JOB_TARGET_HASH, header->target.data, header->target.size);
	add_property(header, JOB_OPTIONS, header->plan_options, strlen(header->plan_options));
	add_property(header, JOB_SELECT, bytes_text(&header->select), header->select.size);
	return FAULT_NONE;
}

static enum fault append_texts(struct bytes *out, char *const *text, size_t count)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < count && !fault; i++)
		fault = bytes_append(out, text[i], strlen(text[i]) + 1);
	return fault;
}

/* When the plan begins: a local target's own clock says it, as it says what changed later.  What
 * comes to a directory that is not there yet is all later. */
static enum fault describe_planned(const struct arrangement *arrangement,
				   struct migration_header *header, struct err *err)
{
	struct timespec now = { 0 };
	if (!arrangement->local)
		return FAULT_NONE;
	if (arrangement->directory_exists && dirfd_clock(arrangement->directory, &now, err))
		return err->fault;
	snprintf(header->planned, MIGRATION_NUMBER_SIZE, "%lld",
		 (long long)now.tv_sec * 1000000000 + now.tv_nsec);
	add_property(header, MIGRATION_PLANNED, header->planned, strlen(header->planned));
	return FAULT_NONE;
}

/* Adds what a job can do without, if there is room. */
static void add_if_it_fits(struct migration_header *header, const char *key,
			   const struct bytes *value)
{
	add_property(header, key, bytes_text(value), value->size);
	if (migration_header_check(header, NULL))
		header->count--;
}

/* Of very many sources what they were does not fit: only whether they are there is looked at, and
 * a list of jobs shows them as they were understood. */
static enum fault describe_roots(const struct arrangement *arrangement,
				 struct migration_header *header, struct err *err)
{
	enum fault fault = roots_text(arrangement, &header->roots, err);
	if (fault)
		return fault;
	for (size_t i = 0; i < arrangement->count && !fault; i++) {
		const char *typed = arrangement->source[i].place->typed;
		fault = bytes_append(&header->typed, typed, strlen(typed) + 1);
	}
	if (fault)
		return bytes_err(fault, err, "the job's description");
	add_if_it_fits(header, JOB_ROOTS, &header->roots);
	add_if_it_fits(header, JOB_TYPED, &header->typed);
	return FAULT_NONE;
}

enum fault migration_describe(const struct migration_request *request,
			      const struct arrangement *arrangement,
			      struct migration_header *header, struct err *err)
{
	unsigned asked =
		(request->planning->symlinks == PLAN_SYMLINKS_UNSET ? 0 : RECOUNT_ASKED_SYMLINKS) |
		(request->planning->specials == PLAN_SPECIALS_UNSET ? 0 : RECOUNT_ASKED_SPECIALS);
	enum fault fault = append_texts(&header->made, arrangement->made, arrangement->made_count);
	for (size_t i = 0; i < arrangement->count && !fault; i++) {
		const char *name = arrangement->source[i].name ? arrangement->source[i].name : "";
		fault = bytes_append(&header->names, name, strlen(name) + 1);
	}
	if (fault)
		return bytes_err(fault, err, "the job's description");
	snprintf(header->depth, MIGRATION_NUMBER_SIZE, "%zu", arrangement->depth);
	snprintf(header->asked, MIGRATION_NUMBER_SIZE, "%u", asked);
	snprintf(header->created, MIGRATION_NUMBER_SIZE, "%lld", (long long)time(NULL));
	add_property(header, JOB_TARGET, request->places->target.typed,
		     strlen(request->places->target.typed));
	add_property(header, MIGRATION_NAMES, header->names.data, header->names.size);
	add_property(header, MIGRATION_MADE, header->made.data, header->made.size);
	add_property(header, MIGRATION_DEPTH, header->depth, strlen(header->depth));
	add_property(header, JOB_ASKED, header->asked, strlen(header->asked));
	add_property(header, JOB_CREATED, header->created, strlen(header->created));
	fault = describe_planned(arrangement, header, err);
	return fault ? fault : describe_roots(arrangement, header, err);
}

enum fault migration_header_check(const struct migration_header *header, struct err *err)
{
	size_t size = 0;
	for (size_t i = 0; i < header->count; i++)
		size += strlen(header->property[i].key) + header->property[i].value_size +
			PROPERTY_OVERHEAD;
	if (size <= CATALOG_HEADER_MAX)
		return FAULT_NONE;
	return err_set(err, FAULT_USAGE,
		       "sources and rules take %zu bytes, and a job has room for %d: use fewer, or "
		       "--files-from",
		       size, CATALOG_HEADER_MAX);
}

/* ---- reading a header ---- */

/* Takes apart texts that each end in a NUL. */
static enum fault split_texts(const char *value, size_t size, struct text_list *list,
			      struct err *err)
{
	for (const char *end = value + size; value < end;) {
		size_t length = strnlen(value, (size_t)(end - value));
		char **grown = reallocarray(list->text, list->count + 1, sizeof *grown);
		if (!grown)
			return header_no_memory(err);
		list->text = grown;
		list->text[list->count] = strndup(value, length);
		if (!list->text[list->count])
			return header_no_memory(err);
		list->count++;
		value += length + 1;
	}
	return FAULT_NONE;
}

static enum fault read_texts(const struct catalog *catalog, const char *key, struct text_list *list,
			     struct err *err)
{
	size_t size;
	const char *value = catalog_property(catalog, key, &size);
	if (!value)
		return err_set(err, FAULT_CORRUPT, "the manifest does not say its '%s'", key);
	return split_texts(value, size, list, err);
}

static enum fault read_text(const struct catalog *catalog, const char *key, char **text,
			    struct err *err)
{
	size_t size;
	const char *value = catalog_property(catalog, key, &size);
	if (!value)
		return err_set(err, FAULT_CORRUPT, "the manifest does not say its '%s'", key);
	*text = strndup(value, size);
	return *text ? FAULT_NONE : header_no_memory(err);
}

static enum fault read_number(const struct catalog *catalog, const char *key, uint64_t *number,
			      struct err *err)
{
	char *text = NULL, *end = NULL;
	enum fault fault = read_text(catalog, key, &text, err);
	if (fault || !text)
		return fault;
	*number = strtoull(text, &end, 10);
	bool good = end != text && *end == '\0';
	free(text);
	return good ? FAULT_NONE
		    : err_set(err, FAULT_CORRUPT, "the manifest's '%s' is no number", key);
}

/* Jobs of earlier versions say a second by our own clock: all of it counts as before the plan. */
static enum fault read_planned(struct migration *migration, struct err *err)
{
	uint64_t ns = 0;
	size_t size;
	migration->planned_ns = (int64_t)migration->created * 1000000000 + 999999999;
	if (!catalog_property(migration->catalog, MIGRATION_PLANNED, &size))
		return FAULT_NONE;
	enum fault fault = read_number(migration->catalog, MIGRATION_PLANNED, &ns, err);
	if (!fault)
		migration->planned_ns = (int64_t)ns;
	return fault;
}

/* Sources are kept as "file:/path" or "grid:..."; the planner wants the path, and has no use for
 * the other. */
static enum fault take_paths(struct migration *migration, struct err *err)
{
	static const char scheme[] = "file:";
	size_t length = strlen(scheme);
	for (size_t i = 0; i < migration->path.count; i++) {
		char *text = migration->path.text[i];
		if (strncmp(text, scheme, length) == 0) {
			memmove(text, text + length, strlen(text + length) + 1);
			continue;
		}
		free(text);
		migration->path.text[i] = NULL;
		migration->remote = true;
	}
	if (migration->path.count != migration->name.count || migration->path.count == 0)
		return err_set(err, FAULT_CORRUPT, "the plan's sources make no sense");
	return FAULT_NONE;
}

enum fault migration_load(struct migration *migration, struct err *err)
{
	struct catalog *catalog = migration->catalog;
	uint64_t depth = 0, asked = 0;
	if (read_texts(catalog, JOB_SOURCES, &migration->path, err) ||
	    read_texts(catalog, MIGRATION_NAMES, &migration->name, err) ||
	    read_texts(catalog, MIGRATION_MADE, &migration->made, err) ||
	    read_text(catalog, JOB_TARGET, &migration->target, err) ||
	    read_text(catalog, JOB_TARGET_HASH, &migration->target_hash, err) ||
	    read_number(catalog, MIGRATION_DEPTH, &depth, err) ||
	    read_number(catalog, JOB_ASKED, &asked, err) ||
	    read_number(catalog, JOB_CREATED, &migration->created, err) ||
	    read_planned(migration, err) ||
	    selection_load(catalog, &migration->job, &migration->select, err))
		return err->fault;
	migration->depth = depth;
	migration->asked = (unsigned)asked;
	size_t size = 0;
	const char *roots = catalog_property(catalog, JOB_ROOTS, &size);
	if (roots_read(roots, size, migration->path.count, &migration->roots, err))
		return err->fault;
	return take_paths(migration, err);
}
