/*
 * A library for LD_PRELOAD that has calls of the system fail, as a file system would.
 *
 * REFUSE is rules, separated by ';', each "CALL:ERRNO:PREFIX" or "CALL:ERRNO:PREFIX:TEXT": CALL
 * fails with the number ERRNO for every path that begins with PREFIX and holds TEXT.  CALL is open
 * (for reading), create, read, list, write, rename, mkdir or sync.  While REFUSE_FROM names a file,
 * rules hold only once that file is there.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* The path of a name below a directory, or of a descriptor where there is no name. */
static void find_path(int at, const char *name, char path[2 * PATH_MAX])
{
	char link[64];
	*path = '\0';
	if (name && *name == '/' && strncmp(name, "/proc/self/fd/", 14) != 0) {
		snprintf(path, PATH_MAX, "%s", name);
		return;
	}
	if (name && strncmp(name, "/proc/self/fd/", 14) == 0)
		snprintf(link, sizeof link, "%s", name);
	else if (at == AT_FDCWD)
		snprintf(link, sizeof link, "/proc/self/cwd");
	else
		snprintf(link, sizeof link, "/proc/self/fd/%d", at);
	ssize_t size = readlink(link, path, PATH_MAX - 1);
	path[size < 0 ? 0 : size] = '\0';
	if (name && strncmp(name, "/proc/", 6) != 0)
		snprintf(path + strlen(path), PATH_MAX, "/%s", name);
}

/* Returns the errno that a rule has for the call, or 0. */
static int refused(const char *call, int at, const char *name)
{
	const char *rule = getenv("REFUSE"), *from = getenv("REFUSE_FROM");
	char path[2 * PATH_MAX];
	if (!rule || (from && access(from, F_OK) != 0))
		return 0;
	find_path(at, name, path);
	for (; *rule; rule += strcspn(rule, ";"), rule += *rule == ';') {
		char of[16] = "", prefix[PATH_MAX] = "", text[256] = "";
		int number = 0;
		if (sscanf(rule, "%15[^:]:%d:%4000[^:;]:%255[^;]", of, &number, prefix, text) < 3)
			continue;
		if (strcmp(of, call) == 0 && strncmp(path, prefix, strlen(prefix)) == 0 &&
		    strstr(path, text))
			return number;
	}
	return 0;
}

#define REFUSE(call, at, name)                                                                     \
	do {                                                                                       \
		int number_ = refused(call, at, name);                                             \
		if (number_) {                                                                     \
			errno = number_;                                                           \
			return -1;                                                                 \
		}                                                                                  \
	} while (0)

static const char *kind_of_open(int flags)
{
	return flags & (O_CREAT | O_WRONLY | O_RDWR) ? "create" : "open";
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
	va_end(args);
	REFUSE(kind_of_open(flags), AT_FDCWD, path);
	return NEXT(open64)(path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
	va_end(args);
	REFUSE(kind_of_open(flags), at, path);
	return NEXT(openat64)(at, path, flags, mode);
}

/* What fortified callers call, which no header declares. */
int __open64_2(const char *path, int flags);
int __openat64_2(int at, const char *path, int flags);
ssize_t __pread64_chk(int fd, void *data, size_t size, off64_t offset, size_t room);
ssize_t getdents64(int fd, void *data, size_t size);

int __open64_2(const char *path, int flags) { return open64(path, flags); }

int __openat64_2(int at, const char *path, int flags) { return openat64(at, path, flags); }

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
	REFUSE("read", fd, NULL);
	return NEXT(pread64)(fd, data, size, offset);
}

ssize_t __pread64_chk(int fd, void *data, size_t size, off64_t offset, size_t room)
{
	(void)room;
	return pread64(fd, data, size, offset);
}

ssize_t getdents64(int fd, void *data, size_t size)
{
	REFUSE("list", fd, NULL);
	return NEXT(getdents64)(fd, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
	REFUSE("write", fd, NULL);
	return NEXT(pwrite64)(fd, data, size, offset);
}

ssize_t write(int fd, const void *data, size_t size)
{
	if (fd > STDERR_FILENO)
		REFUSE("write", fd, NULL);
	return NEXT(write)(fd, data, size);
}

int renameat(int from, const char *name, int to, const char *as)
{
	REFUSE("rename", to, as);
	return NEXT(renameat)(from, name, to, as);
}

int renameat2(int from, const char *name, int to, const char *as, unsigned flags)
{
	REFUSE("rename", to, as);
	return NEXT(renameat2)(from, name, to, as, flags);
}

int mkdirat(int at, const char *name, mode_t mode)
{
	REFUSE("mkdir", at, name);
	return NEXT(mkdirat)(at, name, mode);
}

int fsync(int fd)
{
	REFUSE("sync", fd, NULL);
	return NEXT(fsync)(fd);
}
