#include "files/dirfd.h"

#include "base/secret.h"
#include "files/dirfd_parts.h"
#include "files/restore.h"
#include "queue/core/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
	PIECE_MAX = 4000, /* bytes of a path for one call; PATH_MAX is 4,096 */
	RANDOM_SIZE = 16,
};

enum fault dirfd_bad_name(struct err *err)
{
	return err_set(err, FAULT_USAGE, "a name that no file may have");
}

bool dirfd_is_plain(const char *name, size_t size)
{
	bool dots = (size == 1 && name[0] == '.') || (size == 2 && memcmp(name, "..", 2) == 0);
	return size > 0 && size <= DIRFD_NAME_MAX && !dots && !memchr(name, '/', size);
}

/* What it means that a directory could not be opened. */
static enum fault open_fault(int os_error, struct err *err)
{
	if (os_error == ELOOP || os_error == ENOTDIR || os_error == EXDEV)
		return err_set(err, FAULT_EXISTS, "something that is no directory is in the way");
	if (os_error == ENOENT)
		return err_set(err, FAULT_NOT_FOUND, "a directory is gone");
	return err_os(err, FAULT_IO, os_error, "cannot open a directory");
}

/* ---- the root ---- */

/* Makes the directory `path`, durably, where there is none. */
static enum fault make_one(const char *path, uint32_t mask, struct err *err)
{
	struct stat st;
	int os_error = mkdir(path, 0777) == 0 ? 0 : errno;
	/* mkdir may say EROFS or EACCES of a directory that is there. */
	if (os_error && stat(path, &st) == 0)
		return FAULT_NONE;
	if (!os_error && chmod(path, 0777 & ~mask) != 0)
		os_error = errno;
	return os_error ? err_os(err, FAULT_IO, os_error, "cannot make '%.120s'", path)
			: file_sync_parent(path, err);
}

/* Makes the directories that `path` names, cutting it at each slash for a moment. */
static enum fault make_parents(char *path, uint32_t mask, struct err *err)
{
	for (char *at = path + 1;; at++) {
		char kept = *at;
		if (kept != '/' && kept != '\0')
			continue;
		*at = '\0';
		enum fault fault = make_one(path, mask, err);
		*at = kept;
		if (fault || kept == '\0')
			return fault;
	}
}

enum fault dirfd_open_root(const char *path, uint32_t mask, int *fd, struct err *err)
{
	int opened = open(path, DIRECTORY_FLAGS);
	if (opened < 0 && errno == ENOENT && *path != '\0') {
		char *copy = strdup(path);
		if (!copy)
			return err_set(err, FAULT_NOMEM, "no memory for a path");
		enum fault fault = make_parents(copy, mask, err);
		free(copy);
		if (fault)
			return fault;
		opened = open(path, DIRECTORY_FLAGS);
	}
	if (opened < 0 && errno == ENOTDIR)
		return err_set(err, FAULT_EXISTS, "'%.120s' is not a directory", path);
	if (opened < 0)
		return err_os(err, FAULT_IO, errno, "cannot open '%.120s'", path);
	*fd = opened;
	return FAULT_NONE;
}

/* ---- below it ---- */

/* Replaces `*fd` by what is opened, never closing `root`. */
static void step(int root, int next, int *fd)
{
	if (*fd != root)
		close(*fd);
	*fd = next;
}

static enum fault close_all(int root, int fd, enum fault fault)
{
	if (fd != root)
		close(fd);
	return fault;
}

/* Ends a walk; the root itself is opened anew, so that the caller always owns what he gets. */
static enum fault dirfd_finish(int root, int at, int *fd, struct err *err)
{
	int opened = at == root ? openat(root, ".", DIRECTORY_FLAGS) : at;
	if (opened < 0)
		return open_fault(errno, err);
	*fd = opened;
	return FAULT_NONE;
}

enum fault dirfd_open_by_names(int root, const char *path, int *fd, struct err *err)
{
	char name[DIRFD_NAME_MAX + 1];
	int at = root;
	while (*path) {
		size_t size = strcspn(path, "/");
		if (!dirfd_is_plain(path, size))
			return close_all(root, at, dirfd_bad_name(err));
		memcpy(name, path, size);
		name[size] = '\0';
		int next = openat(at, name, DIRECTORY_FLAGS | O_NOFOLLOW);
		if (next < 0) {
			int os_error = errno;
			return close_all(root, at, open_fault(os_error, err));
		}
		step(root, next, &at);
		path += size + (path[size] == '/');
	}
	return dirfd_finish(root, at, fd, err);
}

/* Opens a directory by a stretch of its path, never through a symlink. */
static int open_piece(int at, const char *piece)
{
	struct open_how how = {
		.flags = DIRECTORY_FLAGS | O_NOFOLLOW,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long opened;
	do
		opened = syscall(SYS_openat2, at, piece, &how, sizeof how);
	while (opened < 0 && errno == EAGAIN); /* a rename went on somewhere */
	return (int)opened;
}

/* Copies as many whole names as fit into one call.  Returns the bytes consumed, 0 for a bad name.
 */
static size_t take_piece(const char *path, char piece[PIECE_MAX + 1])
{
	size_t taken = 0;
	while (path[taken]) {
		size_t size = strcspn(path + taken, "/");
		if (!dirfd_is_plain(path + taken, size))
			return 0;
		if (taken + size > PIECE_MAX)
			break;
		taken += size + (path[taken + size] == '/');
	}
	memcpy(piece, path, min_u64(taken, PIECE_MAX));
	piece[taken < PIECE_MAX ? taken : PIECE_MAX] = '\0';
	return taken;
}

enum fault dirfd_open(int root, const char *path, int *fd, struct err *err)
{
	char piece[PIECE_MAX + 1];
	const char *rest = path;
	int at = root;
	while (*rest) {
		size_t taken = take_piece(rest, piece);
		if (taken == 0)
			return close_all(root, at, dirfd_bad_name(err));
		int next = open_piece(at, piece);
		if (next < 0) {
			int os_error = errno;
			close_all(root, at, FAULT_NONE);
			if (os_error == ENOSYS || os_error == EPERM)
				return dirfd_open_by_names(root, path, fd, err);
			return open_fault(os_error, err);
		}
		step(root, next, &at);
		rest += taken;
	}
	return dirfd_finish(root, at, fd, err);
}

enum fault dirfd_make(int at, const char *name, bool *made, struct err *err)
{
	struct stat st;
	if (!dirfd_is_plain(name, strlen(name)))
		return dirfd_bad_name(err);
	if (mkdirat(at, name, DIRECTORY_MADE) == 0) {
		*made = true;
		return file_sync_able(at, NULL, err);
	}
	if (errno != EEXIST)
		return err_os(err, FAULT_IO, errno, "cannot make a directory");
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return err_os(err, FAULT_IO, errno, "cannot look at what is there");
	if (!S_ISDIR(st.st_mode))
		return err_set(err, FAULT_EXISTS, "something that is no directory is in the way");
	*made = false;
	/* Who has made it may not be as far, or never get there. */
	return restore_may_be_lost(&st) ? file_sync_able(at, NULL, err) : FAULT_NONE;
}

enum fault dirfd_look(int at, const char *name, struct stat *st, bool *there, struct err *err)
{
	if (!dirfd_is_plain(name, strlen(name)))
		return dirfd_bad_name(err);
	*there = fstatat(at, name, st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!*there && errno != ENOENT)
		return err_os(err, FAULT_IO, errno, "cannot look at what is there");
	return FAULT_NONE;
}

enum fault dirfd_link(int at, const char *name, const char *target, struct err *err)
{
	if (!dirfd_is_plain(name, strlen(name)))
		return dirfd_bad_name(err);
	if (unlinkat(at, name, 0) != 0 && errno != ENOENT)
		return err_os(err, FAULT_IO, errno, "cannot remove a temporary file");
	if (symlinkat(target, at, name) != 0)
		return err_os(err, FAULT_IO, errno, "cannot make a symlink");
	return FAULT_NONE;
}

enum fault dirfd_create(int at, char name[DIRFD_TEMPORARY_SIZE], int *fd, struct err *err)
{
	unsigned char random[RANDOM_SIZE];
	if (secret_random(random, sizeof random, err))
		return err->fault;
	size_t size = (size_t)snprintf(name, DIRFD_TEMPORARY_SIZE, ".barge-");
	for (size_t i = 0; i < sizeof random; i++, size += 2)
		snprintf(name + size, DIRFD_TEMPORARY_SIZE - size, "%02x", random[i]);
	int opened = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (opened < 0)
		return err_os(err, FAULT_IO, errno, "cannot make a file");
	*fd = opened;
	return FAULT_NONE;
}

static bool is_ours(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	       st.st_uid == geteuid();
}

enum fault dirfd_reopen(int at, const char *name, bool resume, int *fd, struct err *err)
{
	enum { FLAGS = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK };
	int opened = resume ? openat(at, name, FLAGS) : -1;
	if (opened >= 0 && !is_ours(opened)) {
		close(opened);
		opened = -1;
	}
	/* Nothing is removed first: that would take the directory's lock once more a file. */
	if (opened < 0)
		opened = openat(at, name, FLAGS | O_CREAT | O_EXCL, 0600);
	if (opened < 0 && errno == EEXIST && unlinkat(at, name, 0) == 0)
		opened = openat(at, name, FLAGS | O_CREAT | O_EXCL, 0600);
	if (opened < 0)
		return err_os(err, FAULT_IO, errno, "cannot make a file");
	*fd = opened;
	return FAULT_NONE;
}

enum fault dirfd_write(int fd, const void *data, size_t size, struct err *err)
{
	const unsigned char *at = data;
	while (size > 0) {
		ssize_t written = write(fd, at, size);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return err_os(err, FAULT_IO, errno, "cannot write a file");
		at += written;
		size -= (size_t)written;
	}
	return FAULT_NONE;
}

enum fault dirfd_write_at(int fd, uint64_t offset, const void *data, size_t size, struct err *err)
{
	const unsigned char *at = data;
	while (size > 0) {
		ssize_t written = pwrite(fd, at, size, (off_t)offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return err_os(err, FAULT_IO, errno, "cannot write a file");
		at += written;
		offset += (uint64_t)written;
		size -= (size_t)written;
	}
	return FAULT_NONE;
}

struct timespec timespec_of(int64_t ns)
{
	int64_t seconds = ns / 1000000000, rest = ns % 1000000000;
	if (rest < 0) {
		seconds--;
		rest += 1000000000;
	}
	return (struct timespec){ .tv_sec = seconds, .tv_nsec = rest };
}
