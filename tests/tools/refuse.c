/*
 * A library for LD_PRELOAD that has calls of the system fail, as a file system would.
 *
 * REFUSE is rules, separated by ';', each "CALL:ERRNO:PREFIX" or "CALL:ERRNO:PREFIX:TEXT": CALL
 * fails with the number ERRNO for every path that begins with PREFIX and holds TEXT.  CALL is open
 * (for reading), create, read, list, write, rename, mkdir or sync.  While REFUSE_FROM names a file,
 * rules hold only once that file is there.  With ERRNO 1000 a read or a write takes half of what it
 * was given; with 2000 and a number every other call fails with that.
 *
 * HOLD is "CALL:NUMBER:PREFIX": from that call on, counted from 1, each waits while the file is
 * there that HOLD_AT names, which the first one makes.
 *
 * STARVE is the number of an allocation, from 1, of the program itself, that fails.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

enum { HALF = 1000, EVERY_OTHER = 2000 };

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

/* Waits, when this is a call that HOLD means. */
static void hold(const char *call, int at, const char *name)
{
	static atomic_int calls;
	const char *rule = getenv("HOLD"), *file = getenv("HOLD_AT");
	char of[16], prefix[PATH_MAX], path[2 * PATH_MAX];
	int first;
	if (!rule || !file || sscanf(rule, "%15[^:]:%d:%4000[^\n]", of, &first, prefix) != 3 ||
	    strcmp(of, call) != 0)
		return;
	find_path(at, name, path);
	if (strncmp(path, prefix, strlen(prefix)) != 0)
		return;
	int number = atomic_fetch_add(&calls, 1) + 1;
	if (number < first)
		return;
	if (number == first && mknod(file, S_IFREG | 0600, 0) != 0)
		abort();
	while (access(file, F_OK) == 0)
		usleep(10000);
}

/* Returns the errno that a rule has for the call, or 0. */
static int refused(const char *call, int at, const char *name)
{
	hold(call, at, name);
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
		if (strcmp(of, call) != 0 || strncmp(path, prefix, strlen(prefix)) != 0 ||
		    !strstr(path, text))
			continue;
		static atomic_uint calls;
		if (number < EVERY_OTHER)
			return number;
		if (atomic_fetch_add(&calls, 1) % 2)
			return number - EVERY_OTHER;
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

/* The same of a call that moves `size` bytes. */
#define MOVE(call, fd, size)                                                                       \
	do {                                                                                       \
		int number_ = refused(call, fd, NULL);                                             \
		if (number_ == HALF) {                                                             \
			size -= size / 2;                                                          \
		} else if (number_) {                                                              \
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
	MOVE("read", fd, size);
	return NEXT(pread64)(fd, data, size, offset);
}

ssize_t read(int fd, void *data, size_t size)
{
	if (fd > STDERR_FILENO)
		MOVE("read", fd, size);
	return NEXT(read)(fd, data, size);
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
	MOVE("write", fd, size);
	return NEXT(pwrite64)(fd, data, size, offset);
}

ssize_t pwritev64(int fd, const struct iovec *part, int count, off64_t offset)
{
	int number = refused("write", fd, NULL);
	if (number == HALF && count > 0)
		return NEXT(pwrite64)(fd, part->iov_base, part->iov_len - part->iov_len / 2,
				      offset);
	if (number) {
		errno = number;
		return -1;
	}
	return NEXT(pwritev64)(fd, part, count, offset);
}

ssize_t write(int fd, const void *data, size_t size)
{
	if (fd > STDERR_FILENO)
		MOVE("write", fd, size);
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

int fdatasync(int fd)
{
	REFUSE("sync", fd, NULL);
	return NEXT(fdatasync)(fd);
}

/* ---- memory ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *data, size_t size);

/* Finds where the program's own code is: it comes first. */
static int find_code(struct dl_phdr_info *info, size_t size, void *context)
{
	uintptr_t *code = context;
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
			code[0] = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			code[1] = code[0] + info->dlpi_phdr[i].p_memsz;
		}
	return 1;
}

/* Whether an allocation that was asked for at `caller` is the one. */
static bool starves(const void *caller)
{
	static atomic_long count;
	static uintptr_t code[2];
	const char *wanted = getenv("STARVE");
	if (!wanted)
		return false;
	if (!code[1])
		dl_iterate_phdr(find_code, code);
	if ((uintptr_t)caller < code[0] || (uintptr_t)caller >= code[1] ||
	    atomic_fetch_add(&count, 1) + 1 != atol(wanted))
		return false;
	errno = ENOMEM;
	return true;
}

#define STARVES starves(__builtin_return_address(0))

void *malloc(size_t size) { return STARVES ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return STARVES ? NULL : __libc_calloc(count, size); }
void *realloc(void *data, size_t size) { return STARVES ? NULL : __libc_realloc(data, size); }

void *reallocarray(void *data, size_t count, size_t size)
{
	return STARVES ? NULL : __libc_realloc(data, count * size);
}
