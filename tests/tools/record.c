/*
 * Writes down what a program does to files, so that a test can say what a power cut would leave: a
 * library to be preloaded.
 *
 * RECORD is the file for the lines, RECORD_DIRS the directories, with colons between them, in and
 * below which things are written down.  Calls are made one at a time, so that the lines have the
 * order of what they tell.  All numbers are inodes but those said to be others:
 *
 *   make FILE                     a file without a name, or one that `name` gives one to at once
 *   mkdir DIRECTORY               the same of a directory
 *   name WHAT DIRECTORY NAME      the name leads there from now on
 *   unname DIRECTORY NAME
 *   move DIRECTORY NAME WHAT DIRECTORY NAME   both at once; from, then to
 *   target WHAT TEXT              of a symlink
 *   write FILE OFFSET DATA        offset in bytes; DATA in hex
 *   truncate FILE SIZE            bytes
 *   sync WHAT                     all of it that was written before is durable
 *   syncfs                        all of everything is
 *   say DATA                      on standard output
 *
 * NAME and TEXT are in hex, too.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS
#undef _FORTIFY_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *lines;

/* ---- where ---- */

static int is_below(const char *path)
{
	const char *dirs = getenv("RECORD_DIRS");
	while (dirs && *dirs) {
		size_t size = strcspn(dirs, ":");
		if (strncmp(path, dirs, size) == 0 && strchr("/", path[size]))
			return 1;
		dirs += size + (dirs[size] == ':');
	}
	return 0;
}

/* Whether the open file or directory `fd` is where things are written down. */
static int is_here(int fd)
{
	char link[40], path[PATH_MAX];
	snprintf(link, sizeof link, fd == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", fd);
	ssize_t size = readlink(link, path, sizeof path - 1);
	if (size < 0)
		return 0;
	path[size] = '\0';
	return is_below(path);
}

/* Where a name is: the inode of its directory, 0 for none that counts, and the last component. */
struct spot {
	unsigned long long directory;
	char name[NAME_MAX + 1];
};

static struct spot spot_of(int at, const char *path)
{
	struct spot spot = { 0 };
	struct stat st;
	char above[PATH_MAX];
	const char *slash = strrchr(path, '/');
	snprintf(spot.name, sizeof spot.name, "%s", slash ? slash + 1 : path);
	snprintf(above, sizeof above, "%.*s", slash ? (int)(slash - path) + 1 : 1,
		 slash ? path : ".");
	int fd = (int)syscall(SYS_openat, at, above, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
	if (fd >= 0 && is_here(fd) && fstat(fd, &st) == 0)
		spot.directory = st.st_ino;
	if (fd >= 0)
		close(fd);
	return spot;
}

static unsigned long long inode_of(int at, const char *path)
{
	struct stat st;
	return fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

static unsigned long long inode_of_fd(int fd)
{
	struct stat st;
	return is_here(fd) && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* ---- lines ---- */

static void hex(const void *data, size_t size)
{
	const unsigned char *at = data;
	for (size_t i = 0; i < size; i++)
		fprintf(lines, "%02x", at[i]);
}

static void begin(void)
{
	pthread_mutex_lock(&lock);
	if (!lines)
		lines = fdopen((int)syscall(SYS_openat, AT_FDCWD, getenv("RECORD"),
					    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600),
			       "a");
}

/* Ends a line, or what had none, and keeps errno. */
static void end(void)
{
	int kept = errno;
	fflush(lines);
	pthread_mutex_unlock(&lock);
	errno = kept;
}

static void tell_name(unsigned long long what, const struct spot *spot)
{
	fprintf(lines, "name %llu %llu ", what, spot->directory);
	hex(spot->name, strlen(spot->name));
	fputc('\n', lines);
}

static void tell_write(int fd, off_t offset, const void *data, size_t size)
{
	unsigned long long inode = inode_of_fd(fd);
	if (!inode)
		return;
	fprintf(lines, "write %llu %lld ", inode, (long long)offset);
	hex(data, size);
	fputc('\n', lines);
}

/* ---- opening ---- */

static int open_at(int at, const char *path, int flags, mode_t mode)
{
	if (!(flags & (O_CREAT | O_TRUNC)) && (flags & O_TMPFILE) != O_TMPFILE)
		return (int)syscall(SYS_openat, at, path, flags, mode);
	begin();
	struct spot spot = spot_of(at, path);
	int was_there = inode_of(at, path) != 0;
	int fd = (int)syscall(SYS_openat, at, path, flags, mode);
	unsigned long long inode = fd < 0 ? 0 : inode_of_fd(fd);
	if (inode && (flags & O_TMPFILE) == O_TMPFILE) {
		fprintf(lines, "make %llu\n", inode);
	} else if (inode && !was_there && spot.directory) {
		fprintf(lines, "make %llu\n", inode);
		tell_name(inode, &spot);
	} else if (inode && flags & O_TRUNC) {
		fprintf(lines, "truncate %llu 0\n", inode);
	}
	end();
	return fd;
}

#include "opens.h" /* by open_at */

/* ---- names ---- */

static int made_directory(int result, int at, const char *path, const struct spot *spot)
{
	if (result == 0 && spot->directory) {
		unsigned long long inode = inode_of(at, path);
		fprintf(lines, "mkdir %llu\n", inode);
		tell_name(inode, spot);
	}
	end();
	return result;
}

int mkdirat(int at, const char *path, mode_t mode)
{
	begin();
	struct spot spot = spot_of(at, path);
	return made_directory((int)syscall(SYS_mkdirat, at, path, mode), at, path, &spot);
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int symlinkat(const char *target, int at, const char *path)
{
	begin();
	struct spot spot = spot_of(at, path);
	int result = (int)syscall(SYS_symlinkat, target, at, path);
	if (result == 0 && spot.directory) {
		unsigned long long inode = inode_of(at, path);
		fprintf(lines, "make %llu\ntarget %llu ", inode, inode);
		hex(target, strlen(target));
		fputc('\n', lines);
		tell_name(inode, &spot);
	}
	end();
	return result;
}

static int move(int from_at, const char *from, int at, const char *path, unsigned flags)
{
	begin();
	struct spot a = spot_of(from_at, from), b = spot_of(at, path);
	unsigned long long inode = inode_of(from_at, from);
	int result = (int)syscall(SYS_renameat2, from_at, from, at, path, flags);
	if (result == 0 && a.directory && b.directory) {
		fprintf(lines, "move %llu ", a.directory);
		hex(a.name, strlen(a.name));
		fprintf(lines, " %llu %llu ", inode, b.directory);
		hex(b.name, strlen(b.name));
		fputc('\n', lines);
	}
	end();
	return result;
}

int renameat2(int from_at, const char *from, int at, const char *path, unsigned flags)
{
	return move(from_at, from, at, path, flags);
}

int renameat(int from_at, const char *from, int at, const char *path)
{
	return move(from_at, from, at, path, 0);
}

int rename(const char *from, const char *path) { return move(AT_FDCWD, from, AT_FDCWD, path, 0); }

int linkat(int from_at, const char *from, int at, const char *path, int flags)
{
	begin();
	struct spot spot = spot_of(at, path);
	int result = (int)syscall(SYS_linkat, from_at, from, at, path, flags);
	if (result == 0 && spot.directory)
		tell_name(inode_of(at, path), &spot);
	end();
	return result;
}

int link(const char *from, const char *path) { return linkat(AT_FDCWD, from, AT_FDCWD, path, 0); }

int unlinkat(int at, const char *path, int flags)
{
	begin();
	struct spot spot = spot_of(at, path);
	int result = (int)syscall(SYS_unlinkat, at, path, flags);
	if (result == 0 && spot.directory) {
		fprintf(lines, "unname %llu ", spot.directory);
		hex(spot.name, strlen(spot.name));
		fputc('\n', lines);
	}
	end();
	return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

/* ---- contents ---- */

ssize_t write(int fd, const void *data, size_t size)
{
	begin();
	off_t offset = lseek(fd, 0, SEEK_CUR);
	struct stat st;
	if (fcntl(fd, F_GETFL) & O_APPEND && fstat(fd, &st) == 0)
		offset = st.st_size;
	ssize_t written = syscall(SYS_write, fd, data, size);
	if (written > 0 && fd == 1) {
		fputs("say ", lines);
		hex(data, (size_t)written);
		fputc('\n', lines);
	} else if (written > 0) {
		tell_write(fd, offset, data, (size_t)written);
	}
	end();
	return written;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	begin();
	ssize_t written = syscall(SYS_pwrite64, fd, data, size, offset);
	if (written > 0)
		tell_write(fd, offset, data, (size_t)written);
	end();
	return written;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
	return pwrite(fd, data, size, offset);
}

ssize_t pwritev(int fd, const struct iovec *part, int count, off_t offset)
{
	begin();
	ssize_t written = syscall(SYS_pwritev, fd, part, (long)count, offset, 0L);
	ssize_t left = written;
	unsigned long long inode = written > 0 ? inode_of_fd(fd) : 0;
	if (inode)
		fprintf(lines, "write %llu %lld ", inode, (long long)offset);
	for (int i = 0; inode && i < count && left > 0; i++) {
		size_t size = part[i].iov_len < (size_t)left ? part[i].iov_len : (size_t)left;
		hex(part[i].iov_base, size);
		left -= (ssize_t)size;
	}
	if (inode)
		fputc('\n', lines);
	end();
	return written;
}

ssize_t pwritev64(int fd, const struct iovec *part, int count, off64_t offset)
{
	return pwritev(fd, part, count, offset);
}

int ftruncate(int fd, off_t size)
{
	begin();
	int result = (int)syscall(SYS_ftruncate, fd, size);
	unsigned long long inode = inode_of_fd(fd);
	if (result == 0 && inode)
		fprintf(lines, "truncate %llu %lld\n", inode, (long long)size);
	end();
	return result;
}

int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

/* ---- durable ---- */

static int synced(int result, int fd)
{
	unsigned long long inode = inode_of_fd(fd);
	if (result == 0 && inode)
		fprintf(lines, "sync %llu\n", inode);
	end();
	return result;
}

int fsync(int fd)
{
	begin();
	return synced((int)syscall(SYS_fsync, fd), fd);
}

int fdatasync(int fd)
{
	begin();
	return synced((int)syscall(SYS_fdatasync, fd), fd);
}

int syncfs(int fd)
{
	begin();
	int result = (int)syscall(SYS_syncfs, fd);
	if (result == 0)
		fputs("syncfs\n", lines);
	end();
	return result;
}
