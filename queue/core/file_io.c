#include "queue/core/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMPORARY "a temporary file in "

/* Bytes of a path in an error's text; of a longer one its end. */
enum { PATH_SHOWN = 80, SHOWN_SIZE = PATH_SHOWN + 32 };

/* Writes what the system calls the open file, or "a file". */
static const char *shown_path(int fd, char shown[SHOWN_SIZE])
{
	char link[32], path[PATH_MAX];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t size = readlink(link, path, sizeof path - 1);
	if (size <= 0)
		return "a file";
	path[size] = '\0';
	/* What has no name any more is told by where it is. */
	static const char gone[] = " (deleted)";
	bool unnamed =
		(size_t)size > sizeof gone && strcmp(path + size + 1 - sizeof gone, gone) == 0;
	if (unnamed) {
		char *slash = strrchr(path, '/');
		size = slash ? slash - path : size;
		path[size] = '\0';
	}
	size_t from = (size_t)size > PATH_SHOWN ? (size_t)size - PATH_SHOWN : 0;
	snprintf(shown, SHOWN_SIZE, "%s'%s%.*s'", unnamed ? TEMPORARY : "", from ? "..." : "",
		 PATH_SHOWN, path + from);
	return shown;
}

static enum fault refused(int fd, int os_error, const char *what, struct err *err)
{
	char shown[SHOWN_SIZE];
	return err_os(err, FAULT_IO, os_error, "cannot %s %s", what, shown_path(fd, shown));
}

enum fault file_read_up_to(int fd, uint64_t offset, void *data, size_t size, size_t *got,
			   struct err *err)
{
	if (offset > INT64_MAX - size)
		return err_set(err, FAULT_CORRUPT, "no file reaches to offset %" PRIu64, offset);
	unsigned char *to = data;
	size_t done = 0;
	while (done < size) {
		ssize_t n = pread(fd, to + done, size - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return refused(fd, errno, "read", err);
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*got = done;
	return FAULT_NONE;
}

enum fault file_read_at(int fd, uint64_t offset, void *data, size_t size, struct err *err)
{
	size_t got = 0;
	enum fault fault = file_read_up_to(fd, offset, data, size, &got, err);
	if (fault == FAULT_NONE && got < size)
		fault = err_set(err, FAULT_CORRUPT,
				"the file ends at %" PRIu64 ", inside %zu bytes at %" PRIu64,
				offset + got, size, offset);
	return fault;
}

enum fault file_write_at(int fd, uint64_t offset, const void *data, size_t size, struct err *err)
{
	if (offset > INT64_MAX - size)
		return refused(fd, EFBIG, "write", err);
	const unsigned char *from = data;
	while (size > 0) {
		ssize_t n = pwrite(fd, from, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return refused(fd, n < 0 ? errno : EIO, "write", err);
		from += n;
		size -= (size_t)n;
		offset += (uint64_t)n;
	}
	return FAULT_NONE;
}

enum fault file_sync(int fd, struct err *err)
{
	int rc = 0;
	do
		rc = fdatasync(fd);
	while (rc < 0 && errno == EINTR);
	return rc == 0 ? FAULT_NONE : refused(fd, errno, "sync", err);
}

enum fault file_open_unnamed(const char *directory, int *fd, struct err *err)
{
	int opened = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (opened < 0) {
		char *path;
		if (asprintf(&path, "%s/.barge-XXXXXX", directory) < 0)
			return err_set(err, FAULT_NOMEM, "no memory for a path");
		opened = mkostemp(path, O_CLOEXEC);
		int os_error = errno;
		if (opened >= 0)
			(void)unlink(path);
		free(path);
		errno = os_error;
	}
	if (opened < 0)
		return err_os(err, FAULT_IO, errno, "cannot make a temporary file in %.100s",
			      directory);
	*fd = opened;
	return FAULT_NONE;
}

bool os_error_is_lack(int os_error)
{
	return os_error == ENOSYS || os_error == EOPNOTSUPP || os_error == ENOTTY;
}

int file_rename_new(int at, const char *from, const char *to)
{
	struct stat st;
	int result = renameat2(at, from, at, to, RENAME_NOREPLACE);
	if (result == 0 || (errno != EINVAL && !os_error_is_lack(errno)))
		return result;
	if (linkat(at, from, at, to, 0) == 0)
		return unlinkat(at, from, 0);
	if (errno == EEXIST)
		return -1;
	if (fstatat(at, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
		errno = EEXIST;
	else if (errno == ENOENT)
		return renameat(at, from, at, to);
	return -1;
}

enum fault file_sync_able(int fd, bool *able, struct err *err)
{
	int rc;
	do
		rc = fsync(fd);
	while (rc < 0 && errno == EINTR);
	/* EBADF: some want the descriptor to be one for writing, which none of a directory is. */
	bool lacks = rc < 0 && (errno == EINVAL || errno == EBADF || os_error_is_lack(errno));
	if (able)
		*able = !lacks;
	return rc == 0 || lacks ? FAULT_NONE : refused(fd, errno, "sync", err);
}

enum fault file_sync_parent(const char *path, struct err *err)
{
	char parent[PATH_MAX] = ".";
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) + 1 : 0;
	if (length >= sizeof parent)
		return err_os(err, FAULT_IO, ENAMETOOLONG, "cannot sync a directory");
	if (length > 0) {
		memcpy(parent, path, length);
		parent[length] = '\0';
	}
	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == EACCES)
		return FAULT_NONE;
	if (fd < 0)
		return err_os(err, FAULT_IO, errno, "cannot open '%.100s' to sync it", parent);
	enum fault fault = file_sync_able(fd, NULL, err);
	close(fd);
	return fault;
}
