#include "job/job.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { PATH_SIZE = 4096 };

static int open_lock(const struct job *job, int flags)
{
	char path[PATH_SIZE];
	snprintf(path, sizeof path, "%s/lock", job->directory);
	return open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
}

/* The lock file says who has it, for people only: the lock itself is the kernel's. */
static long read_owner(int fd)
{
	char text[24] = "";
	ssize_t size = pread(fd, text, sizeof text - 1, 0);
	return size > 0 ? strtol(text, NULL, 10) : 0;
}

/* For people only: failing is no fault. */
static void write_owner(int fd)
{
	char text[24];
	int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)length, 0) != length)
		(void)!ftruncate(fd, 0);
}

enum fault job_lock(struct job *job, struct err *err)
{
	if (job->lock_fd >= 0)
		return FAULT_NONE;
	int fd = open_lock(job, O_RDWR | O_CREAT);
	if (fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot open the lock of job %s", job->name);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
		int failed = errno;
		long owner = read_owner(fd);
		close(fd);
		if (failed != EAGAIN && failed != EACCES)
			return err_os(err, FAULT_IO, failed, "cannot lock job %s", job->name);
		return err_set(err, FAULT_LOCKED,
			       "job %s is running already (process %ld); wait for it, or stop it",
			       job->name, owner);
	}
	write_owner(fd);
	job->lock_fd = fd;
	return FAULT_NONE;
}

static bool is_locked(const struct job *job)
{
	int fd = open_lock(job, O_RDONLY);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	bool locked = fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	if (fd >= 0)
		close(fd);
	return locked;
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

/* How far a job is, by the slot of its root. */
static enum job_state state_of(struct catalog *catalog)
{
	struct outcome root;
	struct err err;
	if (!catalog->outcomes)
		return catalog_is_complete(catalog) ? JOB_PLANNED : JOB_PENDING;
	if (outcomes_read(catalog->outcomes, 0, 1, &root, &err))
		return JOB_DAMAGED;
	return outcome_is_settled(&root) ? JOB_FINISHED : JOB_PENDING;
}

enum job_state job_look(const struct job *job, bool *locked)
{
	const struct catalog_files files = { .plan = job->manifest, .outcomes = job->outcomes };
	struct catalog *catalog = NULL;
	*locked = is_locked(job);
	enum fault fault = catalog_file_open(&files, job->id, &catalog, NULL);
	if (fault)
		return fault == FAULT_NOT_FOUND ? JOB_EMPTY : JOB_DAMAGED;
	enum job_state state = state_of(catalog);
	catalog_close(catalog);
	return state;
}
