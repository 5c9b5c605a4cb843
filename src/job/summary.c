#include "job/summary.h"

#include "job/index.h"
#include "queue/core/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

struct job_summary job_summary_of(const struct recount *counts)
{
	return (struct job_summary){
		.planned = counts->all.planned,
		.done = counts->all.done,
		.skipped = counts->all.skipped,
		.skipped_asked = counts->all.asked,
		.failed = counts->all.failed,
		.left = counts->all.left,
		.files_planned = counts->kind[MANIFEST_FILE].planned,
		.files_done = counts->kind[MANIFEST_FILE].done,
		.files_asked = counts->kind[MANIFEST_FILE].asked,
		.bytes_planned = counts->bytes_planned,
		.bytes_done = counts->bytes_done,
		.status = -1,
	};
}

unsigned job_asked(const struct catalog *catalog)
{
	char text[16] = "";
	size_t size = 0;
	const char *value = catalog_property(catalog, JOB_ASKED, &size);
	if (value && size < sizeof text)
		memcpy(text, value, size);
	return (unsigned)strtoul(text, NULL, 10);
}

bool job_summary_count(const struct job *job, struct job_summary *summary)
{
	struct catalog_files files = job_files(job);
	struct catalog *catalog = NULL;
	struct recount counts;
	struct stat st;
	files.read_only = true;
	if (catalog_file_open(&files, job->id, &catalog, NULL))
		return false;
	bool good = recount_job(catalog, job_asked(catalog), &counts, NULL) == FAULT_NONE;
	catalog_close(catalog);
	if (!good)
		return false;
	*summary = job_summary_of(&counts);
	if (counts.root_settled && stat(job->outcomes, &st) == 0) {
		summary->status = recount_status(&counts);
		summary->ended = (uint64_t)st.st_mtim.tv_sec;
	}
	return true;
}

static const char *summary_path(const struct job *job, const char *suffix, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/summary%s", job->directory, suffix);
	return path;
}

/* Sizes may be somebody's word on a grid, so large ones are cut to what JSON can say. */
static json_int_t number(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (json_int_t)value;
}

static enum fault save(const char *path, const char *text, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot make '%s'", path);
	enum fault fault = file_write_at(fd, 0, text, strlen(text), err);
	close(fd);
	return fault;
}

/* The numbers of the file, each where it stands in a summary; beside these there is `status`. */
static const struct summary_field {
	const char *name;
	size_t at;
} summary_field[] = {
	{ "planned", offsetof(struct job_summary, planned) },
	{ "done", offsetof(struct job_summary, done) },
	{ "skipped", offsetof(struct job_summary, skipped) },
	{ "skipped_asked", offsetof(struct job_summary, skipped_asked) },
	{ "failed", offsetof(struct job_summary, failed) },
	{ "left", offsetof(struct job_summary, left) },
	{ "files_planned", offsetof(struct job_summary, files_planned) },
	{ "files_done", offsetof(struct job_summary, files_done) },
	{ "files_asked", offsetof(struct job_summary, files_asked) },
	{ "bytes_planned", offsetof(struct job_summary, bytes_planned) },
	{ "bytes_done", offsetof(struct job_summary, bytes_done) },
	{ "ended", offsetof(struct job_summary, ended) },
};

/* Returns the summary as text, to be freed; NULL: no memory. */
static char *summary_text(const struct job_summary *summary)
{
	json_t *object = json_pack("{s:i}", "status", summary->status);
	bool good = object;
	for (size_t i = 0; i < ARRAY_COUNT(summary_field) && good; i++) {
		uint64_t value;
		memcpy(&value, (const char *)summary + summary_field[i].at, sizeof value);
		good = json_object_set_new(object, summary_field[i].name,
					   json_integer(number(value))) == 0;
	}
	char *text = good ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
	return text;
}

enum fault job_summary_write(const struct job *job, const struct job_summary *summary,
			     struct err *err)
{
	char path[PATH_SIZE], made[PATH_SIZE];
	char *text = summary_text(summary);
	if (!text)
		return err_set(err, FAULT_NOMEM, "no memory for a job's summary");
	enum fault fault = save(summary_path(job, ".new", made), text, err);
	free(text);
	if (!fault && rename(made, summary_path(job, "", path)) != 0)
		fault = err_os(err, FAULT_IO, errno, "cannot make '%s'", path);
	return fault ? fault : job_index_forget(job, err);
}

bool job_summary_read(const struct job *job, struct job_summary *summary)
{
	char path[PATH_SIZE];
	json_t *object = json_load_file(summary_path(job, "", path), 0, NULL);
	bool good = object && json_unpack(object, "{s:i}", "status", &summary->status) == 0;
	for (size_t i = 0; i < ARRAY_COUNT(summary_field) && good; i++) {
		const json_t *field = json_object_get(object, summary_field[i].name);
		const uint64_t value = (uint64_t)json_integer_value(field);
		good = json_is_integer(field) && value <= INT64_MAX;
		memcpy((char *)summary + summary_field[i].at, &value, sizeof value);
	}
	json_decref(object);
	return good && summary->ended > 0;
}

enum fault job_summary_forget(const struct job *job, struct err *err)
{
	char path[PATH_SIZE];
	if (unlink(summary_path(job, "", path)) != 0 && errno != ENOENT)
		return err_os(err, FAULT_IO, errno, "cannot remove '%s'", path);
	return job_index_forget(job, err);
}
