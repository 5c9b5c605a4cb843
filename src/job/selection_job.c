#include "job/selection_job.h"

#include "options/selection_input.h"
#include "queue/core/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum fault selection_text(const struct select *select, struct bytes *out, struct err *err)
{
	return select ? select_text(select, out, err) : FAULT_NONE;
}

static enum fault list_path(const struct job *job, char **path, struct err *err)
{
	if (asprintf(path, "%s/files-from", job->directory) >= 0)
		return FAULT_NONE;
	return err_set(err, FAULT_NOMEM, "no memory for a path");
}

/* Its name is durable with those of the files that are made later. */
static enum fault write_list(const char *path, const struct bytes *text, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot write '%s'", path);
	enum fault fault = file_write_at(fd, 0, text->data, text->size, err);
	if (!fault)
		fault = file_sync(fd, err);
	if (close(fd) != 0 && !fault)
		fault = err_os(err, FAULT_IO, errno, "cannot write '%s'", path);
	return fault;
}

enum fault selection_save(const struct select *select, const struct job *job, struct err *err)
{
	const struct listed *listed = select ? select_listed(select) : NULL;
	struct bytes text;
	char *path = NULL;
	if (!listed)
		return FAULT_NONE;
	bytes_init(&text, 2 * (size_t)LISTED_TEXT_MAX);
	enum fault fault = list_path(job, &path, err);
	if (!fault)
		fault = listed_text(listed, &text, err);
	if (!fault)
		fault = write_list(path, &text, err);
	bytes_fini(&text);
	free(path);
	return fault;
}

static enum fault read_list(const struct bytes *text, struct listed *listed, struct err *err)
{
	const char *path = bytes_text(text), *end = path + text->size;
	enum fault fault = FAULT_NONE;
	while (!fault && path < end) {
		size_t size = strlen(path);
		fault = listed_add(listed, path, size, err);
		path += size + 1;
	}
	listed_sort(listed);
	return fault == FAULT_USAGE ? FAULT_NONE : fault; /* its hash will tell */
}

/* Reads the job's copy of the list of files. */
static enum fault load_list(const struct job *job, struct select *select, struct err *err)
{
	struct bytes text;
	char *path = NULL;
	struct listed *listed = listed_new();
	bytes_init(&text, 2 * (size_t)LISTED_TEXT_MAX);
	enum fault fault = list_path(job, &path, err);
	if (!fault && !listed)
		fault = err_set(err, FAULT_NOMEM, "no memory for the list");
	if (!fault)
		fault = selection_input(path, &text, err);
	if (fault == FAULT_NOT_FOUND)
		fault = err_set(err, FAULT_CORRUPT, "'%.120s', the job's list of files, is gone",
				path);
	if (!fault)
		fault = read_list(&text, listed, err);
	if (fault)
		listed_free(listed);
	else
		fault = select_list(select, listed, err);
	bytes_fini(&text);
	free(path);
	return fault;
}

enum fault selection_load(struct catalog *catalog, const struct job *job, struct select **select,
			  struct err *err)
{
	struct select *made = NULL;
	size_t size = 0;
	const char *text = catalog_property(catalog, JOB_SELECT, &size);
	enum fault fault = select_read(text ? text : "", text ? size : 0, &made, err);
	if (!fault && select_list_hash(made) && !catalog_is_complete(catalog))
		fault = load_list(job, made, err);
	if (fault)
		select_free(made);
	else
		*select = made;
	return fault;
}
