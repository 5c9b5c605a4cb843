/*
 * File systems that lack something, for tests: a library to be preloaded.
 *
 * SHIM_DIR is a directory; in and below it calls behave as the words of SHIM say:
 *
 *   noreplace   renameat2 cannot leave alone what is there     EINVAL
 *   nolink      there are no second names                      EPERM
 *   notmpfile   no file is without a name                      EOPNOTSUPP
 *   nosyncdir   no directory can be synced                     EINVAL
 *   nochmod     nothing has a mode of its own                  EPERM
 *   deafchmod   the same, and nothing is said
 *   noxattr     no extended attribute can be set               EOPNOTSUPP
 *   notimes     no time can be set                             EPERM
 *   nolock      there are no locks                             ENOLCK
 *   fold        A and a are the same name, kept as it was first written
 *   seconds=N   times are multiples of N seconds
 *   clock=N     the server's clock is N seconds ahead (change times only)
 *   noproc      there is no /proc, whatever SHIM_DIR is
 *   meminfo=F   /proc/meminfo is the file F, whatever SHIM_DIR is
 *   order=F     F gets a line for each "dress", "fsync" and "name" of an inode, and each "syncfs"
 *   slowread=N  a read of a file takes N milliseconds
 *   slowopen=N  opening a directory does
 *   slowsync=N  fsync and syncfs do
 *   nosync      nothing is synced, whatever SHIM_DIR is: how quick the disk is does not count
 *   hold=F      a file of `holdsize` bytes is not synced, nor read behind its first bytes, while
 *               there is a file F
 *   holdsize=N
 *   badsyncfs   syncfs fails, once                             EIO
 *   badsize=N   a file of N bytes cannot be synced             EIO
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS
#undef _FORTIFY_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

/* Returns the text behind a word of SHIM, or NULL when it is not there. */
static const char *word(const char *name)
{
	const char *at = getenv("SHIM");
	size_t size = strlen(name);
	for (; at && *at; at = strchr(at, ' ') ? strchr(at, ' ') + 1 : "")
		if (strncmp(at, name, size) == 0 && strchr("= ", at[size]))
			return at + size + (at[size] == '=');
	return NULL;
}

static int is_below(const char *path)
{
	const char *dir = getenv("SHIM_DIR");
	size_t size = dir ? strlen(dir) : 0;
	return dir && strncmp(path, dir, size) == 0 && (path[size] == '/' || path[size] == '\0');
}

/* Whether `name` in the directory `at`, or with NULL `at` itself, is where the words count. */
static int is_here(int at, const char *name)
{
	char link[40], path[PATH_MAX];
	if (name && name[0] == '/')
		return is_below(name);
	snprintf(link, sizeof link, at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at);
	ssize_t size = readlink(link, path, sizeof path - 1);
	if (size < 0)
		return 0;
	path[size] = '\0';
	return is_below(path);
}

static int lacks(const char *name, int at, const char *path, int os_error)
{
	if (!word(name) || !is_here(at, path))
		return 0;
	errno = os_error;
	return 1;
}

/* Returns how the directory has the name written, or the name. */
static const char *folded(int at, const char *name, char found[NAME_MAX + 1])
{
	if (!word("fold") || strchr(name, '/') || name[0] == '.' || !is_here(at, name))
		return name;
	int fd = REAL(openat)(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	found[0] = '\0';
	while (dir && (entry = readdir(dir)))
		if (strcasecmp(entry->d_name, name) == 0)
			snprintf(found, NAME_MAX + 1, "%s", entry->d_name);
	if (dir)
		closedir(dir);
	return found[0] ? found : name;
}

/* Notes what is done to an inode of files, in the file that `order` names. */
static void note(const char *what, unsigned long long inode)
{
	char path[PATH_MAX], line[64];
	const char *to = word("order");
	if (!to)
		return;
	snprintf(path, sizeof path, "%.*s", (int)strcspn(to, " "), to);
	int fd = REAL(openat)(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int size = snprintf(line, sizeof line, "%s %llu\n", what, inode);
	if (write(fd, line, size) != size)
		abort();
	close(fd);
}

static void note_fd(const char *what, int fd)
{
	struct stat st;
	if (word("order") && is_here(fd, NULL) && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		note(what, st.st_ino);
}

static void note_name(int at, const char *name)
{
	struct stat st;
	if (word("order") && is_here(at, name) &&
	    fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		note("name", st.st_ino);
}

/* Sleeps as a word says, where that counts. */
static void be_slow(const char *name, int at, const char *path)
{
	const char *ms = word(name);
	if (ms && is_here(at, path))
		usleep((useconds_t)atoi(ms) * 1000);
}

/* Waits while there is the file that `hold` names, where that counts. */
static void be_held(int fd)
{
	char path[PATH_MAX];
	struct stat st;
	const char *to = word("hold"), *size = word("holdsize");
	if (!to || !size || REAL(fstat)(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    st.st_size != atoll(size) || !is_here(fd, NULL))
		return;
	snprintf(path, sizeof path, "%.*s", (int)strcspn(to, " "), to);
	while (REAL(faccessat)(AT_FDCWD, path, F_OK, 0) == 0)
		usleep(5000);
}

/* Holds up or slows down a read. */
static void before_read(int fd, off64_t offset)
{
	if (offset > 0)
		be_held(fd);
	be_slow("slowread", fd, NULL);
}

/* ---- reading ---- */

ssize_t pread(int fd, void *data, size_t size, off_t offset)
{
	before_read(fd, offset);
	return REAL(pread)(fd, data, size, offset);
}

ssize_t pread64(int fd, void *data, size_t size, off64_t offset)
{
	before_read(fd, offset);
	return REAL(pread64)(fd, data, size, offset);
}

ssize_t __pread64_chk(int fd, void *data, size_t size, off64_t offset, size_t room);
ssize_t __pread64_chk(int fd, void *data, size_t size, off64_t offset, size_t room)
{
	before_read(fd, offset);
	return size > room ? -1 : REAL(pread64)(fd, data, size, offset);
}

/* ---- opening ---- */

static int hidden(const char *path)
{
	if (!word("noproc") || strncmp(path, "/proc/", 6) != 0)
		return 0;
	errno = ENOENT;
	return 1;
}

static int open_at(int at, const char *path, int flags, mode_t mode)
{
	char found[PATH_MAX];
	if (hidden(path))
		return -1;
	if (word("meminfo") && strcmp(path, "/proc/meminfo") == 0) {
		snprintf(found, sizeof found, "%.*s", (int)strcspn(word("meminfo"), " "),
			 word("meminfo"));
		return REAL(openat)(AT_FDCWD, found, flags, mode);
	}
	if ((flags & O_TMPFILE) == O_TMPFILE && lacks("notmpfile", at, path, EOPNOTSUPP))
		return -1;
	if (flags & O_DIRECTORY)
		be_slow("slowopen", at, path);
	return REAL(openat)(at, folded(at, path, found), flags, mode);
}

#include "opens.h" /* by open_at */

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int at, const char *path, int flags);
int __openat64_2(int at, const char *path, int flags);
int __open_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_at(AT_FDCWD, path, flags, 0); }
int __openat_2(int at, const char *path, int flags) { return open_at(at, path, flags, 0); }
int __openat64_2(int at, const char *path, int flags) { return open_at(at, path, flags, 0); }

/* A path in one step would go past us. */
long syscall(long number, ...)
{
	va_list list;
	long a[6];
	va_start(list, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_openat2 && word("fold")) {
		errno = ENOSYS;
		return -1;
	}
	return REAL(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int mkdirat(int at, const char *name, mode_t mode)
{
	char found[NAME_MAX + 1];
	return REAL(mkdirat)(at, folded(at, name, found), mode);
}

/* ---- naming ---- */

int renameat2(int from_at, const char *from, int at, const char *name, unsigned flags)
{
	char a[NAME_MAX + 1], b[NAME_MAX + 1];
	if (flags && lacks("noreplace", at, name, EINVAL))
		return -1;
	note_name(from_at, from);
	return REAL(renameat2)(from_at, folded(from_at, from, a), at, folded(at, name, b), flags);
}

int renameat(int from_at, const char *from, int at, const char *name)
{
	char a[NAME_MAX + 1], b[NAME_MAX + 1];
	note_name(from_at, from);
	return REAL(renameat)(from_at, folded(from_at, from, a), at, folded(at, name, b));
}

int linkat(int from_at, const char *from, int at, const char *name, int flags)
{
	char found[NAME_MAX + 1];
	if (lacks("nolink", at, name, EPERM))
		return -1;
	note_name(from_at, from);
	return REAL(linkat)(from_at, from, at, folded(at, name, found), flags);
}

int link(const char *from, const char *name) { return linkat(AT_FDCWD, from, AT_FDCWD, name, 0); }

/* ---- keeping ---- */

int fsync(int fd)
{
	struct stat st;
	if (REAL(fstat)(fd, &st) == 0 && S_ISDIR(st.st_mode) &&
	    lacks("nosyncdir", fd, NULL, EINVAL))
		return -1;
	const char *size = word("badsize");
	if (size && S_ISREG(st.st_mode) && st.st_size == atoll(size) && is_here(fd, NULL)) {
		errno = EIO;
		return -1;
	}
	be_held(fd);
	note_fd("fsync", fd);
	be_slow("slowsync", fd, NULL);
	return word("nosync") ? 0 : REAL(fsync)(fd);
}

int syncfs(int fd)
{
	static int failed;
	note("syncfs", 0);
	be_slow("slowsync", fd, NULL);
	if (!word("badsyncfs") || failed++)
		return word("nosync") ? 0 : REAL(syncfs)(fd);
	errno = EIO;
	return -1;
}

int fdatasync(int fd) { return word("nosync") ? 0 : REAL(fdatasync)(fd); }

int fchmod(int fd, mode_t mode)
{
	if (lacks("deafchmod", fd, NULL, 0))
		return 0;
	return lacks("nochmod", fd, NULL, EPERM) ? -1 : REAL(fchmod)(fd, mode);
}

int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
	if (lacks("noxattr", fd, NULL, EOPNOTSUPP))
		return -1;
	return REAL(fsetxattr)(fd, name, value, size, flags);
}

int futimens(int fd, const struct timespec times[2])
{
	note_fd("dress", fd);
	return lacks("notimes", fd, NULL, EPERM) ? -1 : REAL(futimens)(fd, times);
}

int utimensat(int at, const char *name, const struct timespec times[2], int flags)
{
	return lacks("notimes", at, name, EPERM) ? -1 : REAL(utimensat)(at, name, times, flags);
}

static int lock(int fd, int command, void *argument)
{
	if ((command == F_OFD_SETLK || command == F_OFD_GETLK || command == F_SETLK) &&
	    lacks("nolock", fd, NULL, ENOLCK))
		return -1;
	return REAL(fcntl)(fd, command, argument);
}

int fcntl(int fd, int command, ...)
{
	va_list list;
	va_start(list, command);
	void *argument = va_arg(list, void *);
	va_end(list);
	return lock(fd, command, argument);
}

int fcntl64(int fd, int command, ...)
{
	va_list list;
	va_start(list, command);
	void *argument = va_arg(list, void *);
	va_end(list);
	return lock(fd, command, argument);
}

/* ---- looking ---- */

static void coarsen(struct timespec *time, long seconds)
{
	time->tv_sec -= ((time->tv_sec % seconds) + seconds) % seconds;
	time->tv_nsec = 0;
}

/* struct stat64 is the same. */
static int seen(int result, int at, const char *name, struct stat *st)
{
	const char *seconds = word("seconds"), *ahead = word("clock");
	if (result != 0 || (!seconds && !ahead) || !is_here(at, name))
		return result;
	if (ahead)
		st->st_ctim.tv_sec += atol(ahead);
	if (seconds) {
		coarsen(&st->st_mtim, atol(seconds));
		coarsen(&st->st_ctim, atol(seconds));
	}
	return result;
}

int fstat(int fd, struct stat *st) { return seen(REAL(fstat)(fd, st), fd, NULL, st); }

int fstatat(int at, const char *name, struct stat *st, int flags)
{
	char found[NAME_MAX + 1];
	return seen(REAL(fstatat)(at, folded(at, name, found), st, flags), at, name, st);
}

int fstat64(int fd, struct stat64 *st) { return fstat(fd, (struct stat *)st); }

int fstatat64(int at, const char *name, struct stat64 *st, int flags)
{
	return fstatat(at, name, (struct stat *)st, flags);
}
