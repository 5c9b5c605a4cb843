#include "job/job.h"

#include "base/secret.h"
#include "job/index.h"
#include "queue/core/file_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, OTHERS = S_IRWXG | S_IRWXO };

static enum fault nomem(struct err *err) { return err_set(err, FAULT_NOMEM, "out of memory"); }

static enum fault print_path(char **out, struct err *err, const char *format, ...)
	PRINTF_LIKE(3, 4);
static enum fault print_path(char **out, struct err *err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int length = vasprintf(out, format, args);
	va_end(args);
	if (length >= 0)
		return FAULT_NONE;
	*out = NULL;
	return nomem(err);
}

enum fault job_state_dir(const char *state_dir, char **path, struct err *err)
{
	const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	if (state_dir)
		return print_path(path, err, "%s", state_dir);
	if (base && *base == '/')
		return print_path(path, err, "%s/barge", base);
	if (home && *home == '/')
		return print_path(path, err, "%s/.local/state/barge", home);
	return err_set(err, FAULT_USAGE, "no HOME to keep jobs in; give --state-dir=DIR");
}

/* ---- audit ---- */

static enum fault insecure(struct err *err, const char *path, const char *why, const char *remedy)
{
	return err_set(err, FAULT_INSECURE, "'%s' %s; %s", path, why, remedy);
}

/* Caps are inside, so nobody else may read or replace what is there. */
static enum fault check_private(const char *path, const struct stat *st, mode_t kind,
				struct err *err)
{
	if ((st->st_mode & S_IFMT) != kind)
		return insecure(err, path, "is not what belongs there", "remove it");
	if (st->st_uid != geteuid())
		return insecure(err, path, "belongs to another user", "use another --state-dir");
	if (st->st_mode & OTHERS)
		return insecure(err, path, "is open to group or others",
				"take the permissions away with chmod go-rwx");
	if (kind == S_IFREG && st->st_nlink != 1)
		return insecure(err, path, "has a second name (hard link)", "remove the other");
	return FAULT_NONE;
}

static enum fault check_files(const char *directory, DIR *dir, struct err *err)
{
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		struct stat st;
		char path[PATH_SIZE];
		snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		enum fault fault = check_private(path, &st, S_IFREG, err);
		if (fault)
			return fault;
	}
	return FAULT_NONE;
}

/* Whether a job's folder and files are the user's alone: they hold keys and caps. */
static enum fault check_job(const char *directory, struct err *err)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, FAULT_NOT_FOUND, "there is no job '%s'; barge jobs lists them",
			       strrchr(directory, '/') + 1);
	if (fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot open the job '%s'", directory);
	struct stat st;
	enum fault fault = FAULT_NONE;
	if (fstat(fd, &st) != 0)
		fault = err_os(err, FAULT_IO, errno, "cannot look at '%s'", directory);
	if (!fault)
		fault = check_private(directory, &st, S_IFDIR, err);
	DIR *dir = fault ? NULL : fdopendir(fd);
	if (!dir) {
		close(fd);
		return fault ? fault : nomem(err);
	}
	fault = check_files(directory, dir, err);
	closedir(dir);
	return fault;
}

enum fault job_make_directories(const char *path, struct err *err)
{
	char part[PATH_SIZE];
	size_t size = strlen(path);
	if (size >= sizeof part)
		return err_set(err, FAULT_USAGE, "the path of the state directory is too long");
	memcpy(part, path, size + 1);
	for (size_t i = 1; i <= size; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		bool made = mkdir(part, 0700) == 0;
		if (!made && errno != EEXIST)
			return err_os(err, FAULT_IO, errno, "cannot make '%s'", part);
		if (made && file_sync_parent(part, err))
			return err->fault;
		part[i] = path[i];
	}
	return FAULT_NONE;
}

/* Makes and audits STATE and STATE/jobs. */
static enum fault prepare_state(const char *state, struct err *err)
{
	char jobs[PATH_SIZE];
	struct stat st;
	snprintf(jobs, sizeof jobs, "%s/jobs", state);
	enum fault fault = job_make_directories(jobs, err);
	if (fault)
		return fault;
	if (stat(state, &st) != 0)
		return err_os(err, FAULT_IO, errno, "cannot look at '%s'", state);
	if (st.st_mode & (S_IWGRP | S_IWOTH) && !(st.st_mode & S_ISVTX))
		return insecure(err, state, "can be written by others",
				"take the permissions away with chmod go-w");
	if (lstat(jobs, &st) != 0)
		return err_os(err, FAULT_IO, errno, "cannot look at '%s'", jobs);
	return check_private(jobs, &st, S_IFDIR, err);
}

/* ---- one job ---- */

static void set_name(struct job *job)
{
	for (size_t i = 0; i < JOB_ID_SIZE; i++)
		snprintf(job->name + 2 * i, 3, "%02x", job->id[i]);
}

static enum fault set_paths(const char *state, struct job *job, struct err *err)
{
	set_name(job);
	enum fault fault = print_path(&job->directory, err, "%s/jobs/%s", state, job->name);
	if (!fault)
		fault = print_path(&job->manifest, err, "%s/manifest", job->directory);
	if (!fault)
		fault = print_path(&job->outcomes, err, "%s/outcomes", job->directory);
	if (!fault)
		fault = print_path(&job->keys, err, "%s/keys", job->directory);
	if (!fault)
		fault = print_path(&job->errors, err, "%s/errors.jsonl", job->directory);
	if (!fault)
		fault = print_path(&job->sources, err, "%s/sources", job->directory);
	if (!fault)
		fault = print_path(&job->index, err, "%s/index", state);
	return fault;
}

static enum fault make_job_directory(const struct job *job, struct err *err)
{
	if (mkdir(job->directory, 0700) != 0)
		return err_os(err, errno == EEXIST ? FAULT_EXISTS : FAULT_IO, errno,
			      "cannot make '%s'", job->directory);
	return file_sync_parent(job->directory, err);
}

/* Milliseconds, then random bytes: names sort by age. */
static void make_id(unsigned char id[JOB_ID_SIZE])
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	for (int i = 0; i < 6; i++)
		id[i] = (unsigned char)(ms >> (40 - 8 * i));
}

uint64_t job_created_ms(const char name[JOB_NAME_SIZE])
{
	char digits[13]; /* the milliseconds of make_id */
	memcpy(digits, name, 12);
	digits[12] = '\0';
	return strtoull(digits, NULL, 16);
}

enum fault job_create(const char *state, struct job *job, struct err *err)
{
	struct job made = { .lock_fd = -1 };
	make_id(made.id);
	enum fault fault = secret_random(made.id + 6, JOB_ID_SIZE - 6, err);
	if (!fault)
		fault = prepare_state(state, err);
	if (!fault)
		fault = set_paths(state, &made, err);
	if (!fault)
		fault = make_job_directory(&made, err);
	if (!fault)
		fault = job_lock(&made, err);
	if (fault)
		job_close(&made);
	else
		*job = made;
	return fault;
}

/* The path of what marks the end of a backup. */
static void mark_path(const struct job *job, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/latest", job->directory);
}

bool job_is_marked(const struct job *job)
{
	char path[PATH_SIZE];
	mark_path(job, path);
	return access(path, F_OK) == 0;
}

enum fault job_mark(const struct job *job, struct err *err)
{
	char path[PATH_SIZE];
	mark_path(job, path);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot write '%s'", path);
	close(fd);
	enum fault fault = file_sync_parent(path, err);
	return fault ? fault : job_index_forget(job, err);
}

/* A job of `barge run PLAN` has a file `plan` with the path of its manifest. */
static enum fault find_plan(struct job *job, struct err *err)
{
	char link[PATH_SIZE];
	struct bytes text;
	bytes_init(&text, PATH_SIZE);
	snprintf(link, sizeof link, "%s/plan", job->directory);
	enum fault fault = secret_file_read(link, SECRET_FILE_STRICT, &text, err);
	if (!fault)
		fault = job_move_plan(job, bytes_text(&text), err);
	bytes_fini(&text);
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault;
}

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Finds the one job whose name begins as typed. */
static enum fault choose_name(const char *state, const char *typed, char name[JOB_NAME_SIZE],
			      struct err *err)
{
	struct job_list list;
	if (job_is_name(typed)) { /* whole: whether it is there is seen when it is opened */
		memcpy(name, typed, JOB_NAME_SIZE);
		return FAULT_NONE;
	}
	enum fault fault = job_list_read(state, &list, err);
	if (fault)
		return fault;
	size_t found = 0, size = strlen(typed);
	for (size_t i = 0; i < list.count; i++)
		if (size > 0 && strncmp(list.name[i], typed, size) == 0) {
			memcpy(name, list.name[i], JOB_NAME_SIZE);
			found++;
		}
	job_list_fini(&list);
	if (found == 1)
		return FAULT_NONE;
	if (found > 1)
		return err_set(err, FAULT_USAGE, "%zu jobs begin with '%.32s'; type more of it",
			       found, typed);
	return err_set(err, FAULT_NOT_FOUND, "there is no job '%.40s'; barge jobs lists them",
		       typed);
}

enum fault job_open(const char *state, const char *name, struct job *job, struct err *err)
{
	struct job found = { .lock_fd = -1 };
	enum fault fault = choose_name(state, name, found.name, err);
	if (fault)
		return fault;
	for (size_t i = 0; i < JOB_ID_SIZE; i++)
		found.id[i] = (unsigned char)(hex_value(found.name[2 * i]) * 16 +
					      hex_value(found.name[2 * i + 1]));
	fault = prepare_state(state, err);
	if (!fault)
		fault = set_paths(state, &found, err);
	if (!fault)
		fault = check_job(found.directory, err);
	if (!fault)
		fault = find_plan(&found, err);
	if (fault)
		job_close(&found);
	else
		*job = found;
	return fault;
}

enum fault job_write_file(const struct job *job, const char *name, const struct bytes *text,
			  struct err *err)
{
	char link[PATH_SIZE], fresh[PATH_SIZE];
	snprintf(link, sizeof link, "%s/%s", job->directory, name);
	snprintf(fresh, sizeof fresh, "%s/%s.new", job->directory, name);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot write '%s'", fresh);
	enum fault fault = file_write_at(fd, 0, text->data, text->size, err);
	if (!fault)
		fault = file_sync(fd, err);
	close(fd);
	if (!fault && rename(fresh, link) != 0)
		fault = err_os(err, FAULT_IO, errno, "cannot write '%s'", link);
	return fault ? fault : file_sync_parent(link, err);
}

/* Keeps the path of a plan that lies elsewhere, durably. */
static enum fault write_plan_path(const struct job *job, const char *path, struct err *err)
{
	struct bytes text;
	bytes_init(&text, PATH_SIZE);
	enum fault fault = bytes_append_text(&text, path);
	fault = fault ? bytes_err(fault, err, "a plan's path")
		      : job_write_file(job, "plan", &text, err);
	bytes_fini(&text);
	return fault;
}

/* A plan names files to be read with our rights, so nobody else may have written it. */
static enum fault audit_plan(const char *path, struct err *err)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return err_os(err, FAULT_IO, errno, "cannot look at '%s'", path);
	if (st.st_mode & (S_IWGRP | S_IWOTH) || (st.st_uid != geteuid() && st.st_uid != 0))
		return insecure(err, path, "can be written by others",
				"take the permissions away with chmod go-w");
	return FAULT_NONE;
}

enum fault job_adopt(const char *state, const unsigned char id[JOB_ID_SIZE], const char *manifest,
		     struct job *job, struct err *err)
{
	struct job made = { .lock_fd = -1 };
	memcpy(made.id, id, JOB_ID_SIZE);
	char *path = realpath(manifest, NULL);
	if (!path)
		return err_os(err, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_IO, errno,
			      "cannot open the plan '%s'", manifest);
	enum fault fault = audit_plan(path, err);
	if (!fault)
		fault = prepare_state(state, err);
	if (!fault)
		fault = set_paths(state, &made, err);
	if (!fault) {
		fault = make_job_directory(&made, err);
		if (fault == FAULT_EXISTS)
			fault = check_job(made.directory, err);
	}
	if (!fault)
		fault = job_lock(&made, err);
	if (!fault)
		fault = write_plan_path(&made, path, err);
	if (!fault)
		fault = job_move_plan(&made, path, err);
	if (fault)
		job_close(&made);
	else
		*job = made;
	free(path);
	return fault;
}

enum fault job_move_plan(struct job *job, const char *path, struct err *err)
{
	free(job->manifest);
	return print_path(&job->manifest, err, "%s", path);
}

struct catalog_files job_files(const struct job *job)
{
	return (struct catalog_files){
		.plan = job->manifest,
		.outcomes = job->outcomes,
		.sources = job->sources,
	};
}

void job_close(struct job *job)
{
	if (!job)
		return;
	job_unlock(job);
	free(job->directory);
	free(job->manifest);
	free(job->outcomes);
	free(job->keys);
	free(job->errors);
	free(job->sources);
	free(job->index);
	*job = (struct job){ .lock_fd = -1 };
}

/* Removes what is in the folder, then the folder. */
static enum fault unlink_files(const struct job *job, DIR *dir, struct err *err)
{
	for (struct dirent *entry; (entry = readdir(dir));) {
		bool is_self = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
		/* The lock goes last: while it is there, nobody else begins. */
		if (is_self || strcmp(entry->d_name, "lock") == 0)
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) != 0)
			return err_os(err, FAULT_IO, errno, "cannot remove '%s/%s'", job->directory,
				      entry->d_name);
	}
	if (unlinkat(dirfd(dir), "lock", 0) != 0 || rmdir(job->directory) != 0)
		return err_os(err, FAULT_IO, errno, "cannot remove '%s'", job->directory);
	return FAULT_NONE;
}

enum fault job_remove(struct job *job, struct err *err)
{
	enum fault fault = job_lock(job, err);
	if (fault)
		return fault;
	DIR *dir = opendir(job->directory);
	if (!dir)
		return err_os(err, FAULT_IO, errno, "cannot open '%s'", job->directory);
	fault = unlink_files(job, dir, err);
	closedir(dir);
	job_close(job);
	return fault;
}
