#include "job/job.h"

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
