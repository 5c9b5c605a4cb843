#include "queue/catalog_file.h"

#include "queue/file/frame.h"
#include "queue/file/manifest.h"
#include "queue/file/manifest_format.h"
#include "queue/file/outcomes.h"

#include <errno.h>
#include <unistd.h>

_Static_assert((int)CATALOG_HEADER_MAX == (int)MANIFEST_HEADER_MAX, "a header is the manifest's");
_Static_assert((int)CATALOG_BINDING_MAX == (int)OUTCOME_BINDING_MAX,
	       "a binding is that of the outcomes");

struct catalog_file {
	struct catalog catalog;
	char *plan, *outcomes;          /* paths */
	struct manifest_reader *header; /* for properties and the mark of completion */
	unsigned repaired;
};

struct file_reader {
	struct catalog_reader reader;
	struct manifest_reader *manifest;
	uint64_t at; /* offset of the next block */
};

static const struct catalog_file *file_of(const struct catalog *catalog)
{
	return (const struct catalog_file *)catalog;
}

/* ---- the plan ---- */

static const unsigned char *job_id(const struct catalog *catalog)
{
	return manifest_job_id(file_of(catalog)->header);
}

static const char *property(const struct catalog *catalog, const char *key, size_t *size)
{
	return manifest_property(file_of(catalog)->header, key, size);
}

static bool is_complete(struct catalog *catalog)
{
	return manifest_is_complete(file_of(catalog)->header);
}

static enum fault reader_new(struct catalog *catalog, struct catalog_reader **reader,
			     struct err *err)
{
	struct file_reader *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for the plan");
	made->reader.catalog = catalog;
	enum fault fault = manifest_open(file_of(catalog)->plan, &made->manifest, err);
	if (fault != FAULT_NONE) {
		free(made);
		return fault;
	}
	made->at = manifest_first(made->manifest);
	*reader = &made->reader;
	return FAULT_NONE;
}

static void reader_free(struct catalog_reader *reader)
{
	struct file_reader *file = (struct file_reader *)reader;
	manifest_close(file->manifest);
	free(file);
}

static void seek(struct catalog_reader *reader, struct listing_id at)
{
	struct file_reader *file = (struct file_reader *)reader;
	file->at = at.value ? at.value : manifest_first(file->manifest);
}

static struct listing_id at(const struct catalog_reader *reader)
{
	return (struct listing_id){ ((const struct file_reader *)reader)->at };
}

static enum fault read_page(struct catalog_reader *reader, struct catalog_page *page,
			    struct err *err)
{
	struct file_reader *file = (struct file_reader *)reader;
	struct manifest_block block;
	enum fault fault = manifest_read(file->manifest, file->at, &block, err);
	if (fault != FAULT_NONE)
		return fault;
	file->at = block.is_trailer ? block.offset : block.next;
	*page = (struct catalog_page){
		.is_end = block.is_trailer,
		.first = block.first,
		.last = block.last,
		.here = { block.offset },
		.listing = { block.listing },
		.id = block.id,
		.parent_id = block.parent_id,
		.parent = { block.parent_listing },
		.name = block.name,
		.name_size = block.name_size,
		.entry = block.entry,
		.count = block.count,
		.totals = block.totals,
	};
	return FAULT_NONE;
}

static enum fault path_of(struct catalog_reader *reader, struct listing_id listing, char *path,
			  size_t capacity, struct err *err)
{
	struct file_reader *file = (struct file_reader *)reader;
	return manifest_path(file->manifest, listing.value, path, capacity, err);
}

/* ---- opening and closing ---- */

static void close_file(struct catalog *catalog)
{
	struct catalog_file *file = (struct catalog_file *)catalog;
	outcomes_close(catalog->outcomes);
	outcomes_close(catalog->sources);
	manifest_close(file->header);
	free(file->plan);
	free(file->outcomes);
	free(file);
}

static const struct catalog_backend backend = {
	.job_id = job_id,
	.property = property,
	.is_complete = is_complete,
	.close = close_file,
	.reader_new = reader_new,
	.reader_free = reader_free,
	.seek = seek,
	.at = at,
	.read = read_page,
	.path = path_of,
};

/* Opens the outcomes at `path`, if they are there. */
static enum fault open_slots(struct catalog_file *file, const char *path, bool read_only,
			     struct outcomes **outcomes, struct err *err)
{
	const unsigned char *job = manifest_job_id(file->header);
	if (!path)
		return FAULT_NONE;
	enum fault fault = read_only ? outcomes_look(path, job, outcomes, err)
				     : outcomes_open(path, job, outcomes, &file->repaired, err);
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault;
}

static enum fault open_files(struct catalog_file *file, const struct catalog_files *files,
			     const unsigned char *wanted, struct err *err)
{
	file->plan = strdup(files->plan);
	file->outcomes = files->outcomes ? strdup(files->outcomes) : NULL;
	if (!file->plan || (files->outcomes && !file->outcomes))
		return err_set(err, FAULT_NOMEM, "no memory for the plan");
	enum fault fault = manifest_open(files->plan, &file->header, err);
	if (fault == FAULT_NONE && wanted && memcmp(manifest_job_id(file->header), wanted, 16) != 0)
		fault = err_set(err, FAULT_CORRUPT, "the manifest is that of another job");
	if (fault == FAULT_NONE)
		fault = open_slots(file, files->outcomes, files->read_only, &file->catalog.outcomes,
				   err);
	if (fault == FAULT_NONE &&
	    open_slots(file, files->sources, files->read_only, &file->catalog.sources, err))
		fault = err_wrap(err, "sources");
	return fault;
}

enum fault catalog_file_open(const struct catalog_files *files, const unsigned char *job_id,
			     struct catalog **catalog, struct err *err)
{
	struct err own;
	struct catalog_file *file = calloc(1, sizeof *file);
	err = err ? err : &own;
	if (!file)
		return err_set(err, FAULT_NOMEM, "no memory for the plan");
	file->catalog.backend = &backend;
	enum fault fault = open_files(file, files, job_id, err);
	if (fault == FAULT_NONE)
		*catalog = &file->catalog;
	else
		close_file(&file->catalog);
	return fault;
}

/* ---- making ---- */

/* The plan gets its name once it has its header: a job killed before has none. */
static enum fault create_plan(const char *path, const struct catalog_plan *plan, struct err *err)
{
	struct manifest_writer *writer;
	char *fresh;
	if (asprintf(&fresh, "%s.new", path) < 0)
		return err_set(err, FAULT_NOMEM, "no memory for a path");
	unlink(fresh); /* of a run that was killed here */
	enum fault fault =
		manifest_create(fresh, plan->job_id, plan->property, plan->count, &writer, err);
	if (fault == FAULT_NONE) {
		manifest_writer_close(writer);
		if (rename(fresh, path) != 0)
			fault = err_os(err, FAULT_IO, errno, "cannot name the manifest '%s'", path);
		else
			fault = file_sync_parent(path, err);
	}
	free(fresh);
	return fault;
}

static enum fault create_slots(const char *path, const struct catalog_plan *plan, bool bound,
			       struct err *err)
{
	struct outcomes *outcomes = NULL;
	enum fault fault = outcomes_create(path, plan->job_id, bound ? plan->binding : "",
					   bound ? plan->binding_size : 0, &outcomes, err);
	outcomes_close(outcomes);
	return fault;
}

enum fault catalog_file_create(const struct catalog_files *files, const struct catalog_plan *plan,
			       struct err *err)
{
	enum fault fault = create_slots(files->outcomes, plan, true, err);
	if (fault == FAULT_NONE && plan->with_sources)
		fault = create_slots(files->sources, plan, false, err);
	return fault == FAULT_NONE ? create_plan(files->plan, plan, err) : fault;
}

enum fault catalog_file_recover(struct catalog *catalog, struct manifest_resume *resume,
				struct manifest_writer **writer, struct err *err)
{
	return manifest_recover(file_of(catalog)->plan, resume, writer, err);
}

/* ---- outcomes ---- */

enum fault catalog_file_bind(struct catalog *catalog, const void *binding, size_t size,
			     struct err *err)
{
	return outcomes_create(file_of(catalog)->outcomes, catalog_job_id(catalog), binding, size,
			       &catalog->outcomes, err);
}

const char *catalog_file_binding(const struct catalog *catalog, size_t *size)
{
	return catalog->outcomes ? outcomes_binding(catalog->outcomes, size) : NULL;
}

unsigned catalog_file_repaired(const struct catalog *catalog) { return file_of(catalog)->repaired; }

enum fault catalog_file_slots(const char *path, unsigned char job_id[16],
			      struct outcomes **outcomes, struct err *err)
{
	enum fault fault = outcomes_look(path, NULL, outcomes, err);
	if (fault == FAULT_NONE)
		memcpy(job_id, outcomes_job_id(*outcomes), 16);
	return fault;
}
