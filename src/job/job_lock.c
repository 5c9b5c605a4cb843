#include "job/job.h"

#include "queue/core/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
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

/*
 * Where the file system has no locks, the job's name in the abstract space of sockets is one: it is
 * this machine's, and goes with the process that has it.  Whether the job runs on another machine
 * is not known then.
 */
static struct sockaddr_un socket_name(const struct job *job, socklen_t *size)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int length =
		snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "barge-job-%s", job->name);
	*size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
	return name;
}

static bool has_locks(int os_error)
{
	return os_error != ENOLCK && os_error != EINVAL && !os_error_is_lack(os_error);
}

/* Stores the socket that is the lock.  Returns 0 or an errno, EAGAIN where somebody else has it. */
static int lock_by_socket(const struct job *job, int *fd)
{
	socklen_t size;
	const struct sockaddr_un name = socket_name(job, &size);
	int made = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (made < 0)
		return errno;
	if (bind(made, (const struct sockaddr *)&name, size) != 0) {
		int os_error = errno == EADDRINUSE ? EAGAIN : errno;
		close(made);
		return os_error;
	}
	*fd = made;
	return 0;
}

static bool is_locked_by_socket(const struct job *job)
{
	socklen_t size;
	const struct sockaddr_un name = socket_name(job, &size);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool locked = fd >= 0 && connect(fd, (const struct sockaddr *)&name, size) == 0;
	if (fd >= 0)
		close(fd);
	return locked;
}

/* Locks the open lock file, or else what stands for it, which takes its place in `fd`.  Returns 0
 * or an errno. */
static int take_lock(const struct job *job, int *fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	if (fcntl(*fd, F_OFD_SETLK, &lock) == 0) {
		write_owner(*fd);
		return 0;
	}
	int socket = -1, failed = errno;
	if (has_locks(failed))
		return failed;
	failed = lock_by_socket(job, &socket);
	if (failed)
		return failed;
	write_owner(*fd);
	close(*fd);
	*fd = socket;
	return 0;
}

enum fault job_lock(struct job *job, struct err *err)
{
	if (job->lock_fd >= 0)
		return FAULT_NONE;
	int fd = open_lock(job, O_RDWR | O_CREAT);
	if (fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot open the lock of job %s", job->name);
	int failed = take_lock(job, &fd);
	if (failed) {
		long owner = read_owner(fd);
		close(fd);
		if (failed != EAGAIN && failed != EACCES)
			return err_os(err, FAULT_IO, failed, "cannot lock job %s", job->name);
		return err_set(err, FAULT_LOCKED,
			       "job %s is running already (process %ld); wait for it, or stop it",
			       job->name, owner);
	}
	job->lock_fd = fd;
	return FAULT_NONE;
}

void job_unlock(struct job *job)
{
	if (job->lock_fd >= 0)
		close(job->lock_fd);
	job->lock_fd = -1;
}

static bool is_locked(const struct job *job)
{
	int fd = open_lock(job, O_RDONLY);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	bool asked = fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0;
	bool locked = asked ? lock.l_type != F_UNLCK
			    : fd >= 0 && !has_locks(errno) && is_locked_by_socket(job);
	if (fd >= 0)
		close(fd);
	return locked;
}

bool job_is_backup(const struct catalog *catalog)
{
	size_t size = 0;
	const char *command = catalog_property(catalog, JOB_COMMAND, &size);
	return command && size == strlen(JOB_BACKUP) && memcmp(command, JOB_BACKUP, size) == 0;
}

/* How far a job is, by the slot of its root. */
static enum job_state state_of(const struct job *job, struct catalog *catalog)
{
	struct outcome root;
	struct err err;
	if (!catalog->outcomes)
		return catalog_is_complete(catalog) ? JOB_PLANNED : JOB_PENDING;
	if (outcomes_read(catalog->outcomes, 0, 1, &root, &err))
		return JOB_DAMAGED;
	/* A backup has a second link to move. */
	if (root.state == OUTCOME_DONE && job_is_backup(catalog) && !job_is_marked(job))
		return JOB_PENDING;
	return outcome_is_settled(&root) ? JOB_FINISHED : JOB_PENDING;
}

enum job_state job_look(const struct job *job, bool *locked)
{
	const struct catalog_files files = { .plan = job->manifest,
					     .outcomes = job->outcomes,
					     .read_only = true };
	struct catalog *catalog = NULL;
	*locked = is_locked(job);
	enum fault fault = catalog_file_open(&files, job->id, &catalog, NULL);
	if (fault)
		return fault == FAULT_NOT_FOUND ? JOB_EMPTY : JOB_DAMAGED;
	enum job_state state = state_of(job, catalog);
	catalog_close(catalog);
	return state;
}
