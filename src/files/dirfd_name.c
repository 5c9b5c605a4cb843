#include "files/dirfd_parts.h"
#include "queue/core/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool dirfd_is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       (a->st_mode & S_IFMT) == (b->st_mode & S_IFMT) && a->st_size == b->st_size &&
	       is_same_time(&a->st_mtim, &b->st_mtim) && is_same_time(&a->st_ctim, &b->st_ctim);
}

static enum fault name_fault(int os_error, struct err *err)
{
	if (os_error == EISDIR || os_error == ENOTEMPTY || os_error == EEXIST)
		return err_set(err, FAULT_EXISTS, "something of that name is there");
	return err_os(err, FAULT_IO, os_error, "cannot give a file its name");
}

enum fault dirfd_name(int at, const char *temporary, const char *name, const struct stat *seen,
		      struct err *err)
{
	struct stat st;
	bool there = false;
	if (!dirfd_is_plain(name, strlen(name)))
		return dirfd_bad_name(err);
	if (seen && dirfd_look(at, name, &st, &there, err))
		return err->fault;
	if (there && !dirfd_is_same(seen, &st))
		return err_set(err, FAULT_EXISTS,
			       "what is there was changed while its new content was on its way");
	int result =
		there ? renameat(at, temporary, at, name) : file_rename_new(at, temporary, name);
	return result == 0 ? FAULT_NONE : name_fault(errno, err);
}

enum fault dirfd_publish(int at, const char *temporary, const char *name, const struct stat *seen,
			 struct err *err)
{
	enum fault fault = dirfd_name(at, temporary, name, seen, err);
	return fault ? fault : file_sync_able(at, NULL, err);
}

/* ---- the clock ---- */

enum fault dirfd_clock(const char *path, struct timespec *now, struct err *err)
{
	struct stat st;
	int fd;
	enum fault fault = file_open_unnamed(path, &fd, err);
	/* Where nothing can be made, nothing will be replaced. */
	if (fault == FAULT_NOMEM)
		return fault;
	if (!fault && fstat(fd, &st) == 0)
		*now = st.st_ctim;
	else
		(void)clock_gettime(CLOCK_REALTIME, now);
	if (!fault)
		close(fd);
	return FAULT_NONE;
}

enum fault dirfd_tick(const char *path, int64_t *tick_ns, struct err *err)
{
	/* The last nanosecond before an even second: the more of it is lost, the coarser. */
	const int64_t second = 1000000000, last_s = 1000000001;
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   { .tv_sec = last_s, .tv_nsec = second - 1 } };
	struct stat st;
	int fd;
	*tick_ns = 1;
	enum fault fault = file_open_unnamed(path, &fd, err);
	if (fault)
		return fault == FAULT_NOMEM ? fault : FAULT_NONE;
	if (futimens(fd, times) == 0 && fstat(fd, &st) == 0) {
		int64_t lost = (last_s - (int64_t)st.st_mtim.tv_sec) * second + second - 1 -
			       (int64_t)st.st_mtim.tv_nsec;
		if (lost > 0 && lost < INT64_C(2) * second)
			*tick_ns = lost + 1;
	}
	close(fd);
	return FAULT_NONE;
}
