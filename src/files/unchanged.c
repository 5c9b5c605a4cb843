#include "files/unchanged.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

enum fault unchanged_read(int fd, uint64_t offset, unsigned char *data, size_t size,
			  struct err *err)
{
	size_t done = 0;
	while (done < size) {
		uint64_t at = offset + done;
		ssize_t got = pread(fd, data + done, size - done, (off_t)at);
		if (got == 0)
			return err_set(err, FAULT_CHANGED, "it became shorter while it was read");
		if (got > 0)
			done += (size_t)got;
		else if (errno != EINTR)
			return err_os(err, FAULT_IO, errno, "cannot read it at offset %" PRIu64,
				      at);
	}
	return FAULT_NONE;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

enum fault unchanged_check(int fd, const struct stat *before, struct err *err)
{
	struct stat now;
	unsigned char beyond;
	if (pread(fd, &beyond, 1, before->st_size) > 0)
		return err_set(err, FAULT_CHANGED, "it became longer while it was read");
	if (fstat(fd, &now) != 0)
		return err_os(err, FAULT_IO, errno, "cannot look at it");
	if (now.st_size != before->st_size || now.st_ino != before->st_ino ||
	    now.st_dev != before->st_dev || !same_time(&now.st_mtim, &before->st_mtim) ||
	    !same_time(&now.st_ctim, &before->st_ctim))
		return err_set(err, FAULT_CHANGED, "it changed while it was read");
	return FAULT_NONE;
}
