#include "job/leftovers.h"

#include "job/migration.h"
#include "land/sweep.h"

enum fault leftovers_look(const struct job *job, const struct leftovers *leftovers, uint64_t *count,
			  struct err *err)
{
	const struct catalog_files files = { .plan = job->manifest,
					     .outcomes = job->outcomes,
					     .read_only = true };
	struct catalog *catalog;
	*count = 0;
	if (catalog_file_open(&files, job->id, &catalog, err))
		return err->fault;
	size_t size = 0;
	const char *text = migration_local(catalog, &size);
	char *directory = text ? strndup(text, size) : NULL;
	enum fault fault = FAULT_NONE;
	if (text && !directory)
		fault = err_set(err, FAULT_NOMEM, "no memory for a path");
	const struct sweep_options options = {
		.catalog = catalog,
		.directory = directory,
		.job = job->name,
		.removes = leftovers->removes,
		.found = leftovers->found,
		.context = leftovers->context,
	};
	if (!fault && directory)
		fault = sweep(&options, count, err);
	free(directory);
	catalog_close(catalog);
	return fault;
}
