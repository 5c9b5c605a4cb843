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
		.failed = counts->all.failed,
		.left = counts->all.left,
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

enum fault job_summary_write(const struct job *job, const struct job_summary *summary,
			     struct err *err)
{
	char path[PATH_SIZE], made[PATH_SIZE];
	json_t *object = json_pack(
		"{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:I}", "planned", number(summary->planned),
		"done", number(summary->done), "skipped", number(summary->skipped), "failed",
		number(summary->failed), "left", number(summary->left), "bytes_planned",
		number(summary->bytes_planned), "bytes_done", number(summary->bytes_done), "status",
		summary->status, "ended", number(summary->ended));
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	json_decref(object);
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
	json_int_t planned, done, skipped, failed, left, bytes_planned, bytes_done, ended;
	json_t *object = json_load_file(summary_path(job, "", path), 0, NULL);
	bool good = object &&
		    json_unpack(object, "{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:i,s:I}", "planned",
				&planned, "done", &done, "skipped", &skipped, "failed", &failed,
				"left", &left, "bytes_planned", &bytes_planned, "bytes_done",
				&bytes_done, "status", &summary->status, "ended", &ended) == 0;
	json_decref(object);
	good = good &&
	       (planned | done | skipped | failed | left | bytes_planned | bytes_done) >= 0 &&
	       ended > 0;
	if (!good)
		return false;
	summary->planned = (uint64_t)planned;
	summary->done = (uint64_t)done;
	summary->skipped = (uint64_t)skipped;
	summary->failed = (uint64_t)failed;
	summary->left = (uint64_t)left;
	summary->bytes_planned = (uint64_t)bytes_planned;
	summary->bytes_done = (uint64_t)bytes_done;
	summary->ended = (uint64_t)ended;
	return true;
}

enum fault job_summary_forget(const struct job *job, struct err *err)
{
	char path[PATH_SIZE];
	if (unlink(summary_path(job, "", path)) != 0 && errno != ENOENT)
		return err_os(err, FAULT_IO, errno, "cannot remove '%s'", path);
	return job_index_forget(job, err);
}
