#include "files/restore.h"

#include "base/meta.h"
#include "files/attributes.h"
#include "files/dirfd.h"
#include "queue/core/file_io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
	PERMISSIONS = 01777, /* set-id bits are never taken from a source */
	ACL_MAX = 1 << 16,   /* Source: XATTR_SIZE_MAX of linux/limits.h */
	TIME_NEAR_S = 2,     /* the coarsest file systems keep times so exactly */
};

static const char acl[] = "system.posix_acl_access";

/* Whether the system says that this cannot be kept here, or not by this user. */
static bool is_refusal(int os_error)
{
	return os_error == EPERM || os_error == EACCES || os_error == EINVAL ||
	       os_error_is_lack(os_error);
}

/* ---- mode ---- */

static enum fault set_mode(int fd, uint32_t mode, unsigned *lost, struct err *err)
{
	struct stat st;
	if (fchmod(fd, mode) != 0 && !is_refusal(errno))
		return err_os(err, FAULT_IO, errno, "cannot set a mode");
	/* Some file systems take any mode, and keep their own. */
	if (fstat(fd, &st) != 0 || ((st.st_mode ^ mode) & PERMISSIONS) != 0)
		*lost |= LOST_MODE;
	return FAULT_NONE;
}

/* Gives the file the owner and group that `given` has.  Returns false when it got another group. */
static bool keep_owner(int fd, const struct stat *given, unsigned *lost)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return false;
	if (st.st_uid == given->st_uid && st.st_gid == given->st_gid)
		return true;
	if (fchown(fd, given->st_uid, given->st_gid) == 0)
		return true;
	*lost |= LOST_OWNER;
	return st.st_gid == given->st_gid || fchown(fd, (uid_t)-1, given->st_gid) == 0;
}

/*
 * Gives the file the access list of `name` in `at`.  Returns false when it could not be kept: then
 * the bits of the group, which stand for the list's mask, say nothing.
 */
static bool keep_acl(int fd, int at, const char *name)
{
	bool kept = false;
	int old = openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	void *list = malloc(ACL_MAX);
	ssize_t size = old >= 0 && list ? fgetxattr(old, acl, list, ACL_MAX) : -1;
	if (size >= 0)
		kept = fsetxattr(fd, acl, list, (size_t)size, 0) == 0;
	else if (old >= 0 && list && (errno == ENODATA || os_error_is_lack(errno)))
		/* The directory may have given the new file one. */
		kept = fremovexattr(fd, acl) == 0 || errno == ENODATA || os_error_is_lack(errno);
	free(list);
	if (old >= 0)
		close(old);
	return kept;
}

/* The mode of what is replaced, for a file that may have another group. */
static enum fault keep_mode(int fd, const struct looks *looks, bool same_group, unsigned *lost,
			    struct err *err)
{
	uint32_t mode = looks->given->st_mode & PERMISSIONS;
	uint32_t others = (mode & 07) << 3;
	/* The list first: until then the group's bits, which are its mask, let nobody in. */
	bool kept = keep_acl(fd, looks->at, looks->name);
	if (!kept)
		*lost |= LOST_MODE;
	if (!kept || !same_group)
		mode &= ~(uint32_t)070 | others;
	return set_mode(fd, mode, lost, err);
}

/* ---- time ---- */

static enum fault set_time(int fd, int64_t mtime_ns, unsigned *lost, struct err *err)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, timespec_of(mtime_ns) };
	struct stat st;
	/* Beyond what we can count, so it is not the time. */
	bool known = meta_is_time(mtime_ns);
	if (known && futimens(fd, times) != 0 && !is_refusal(errno))
		return err_os(err, FAULT_IO, errno, "cannot set a modification time");
	/* A file system takes the nearest time that it knows, and says nothing. */
	bool near = known && fstat(fd, &st) == 0 &&
		    st.st_mtim.tv_sec >= times[1].tv_sec - TIME_NEAR_S &&
		    st.st_mtim.tv_sec <= times[1].tv_sec + TIME_NEAR_S;
	*lost |= near ? 0 : LOST_TIME;
	return FAULT_NONE;
}

/*
 * Attributes and mode of the source.  The list first, which is all of the mode that the file has
 * until then; where that could not be set, the group's bits are a mask of nothing and let nobody
 * in who is not let in anyway.
 */
static enum fault take_mode(int fd, const struct looks *looks, uint32_t mode, unsigned *lost,
			    struct err *err)
{
	unsigned unset = 0;
	attributes_set(fd, looks->attributes, looks->attributes_size, &unset);
	*lost |= unset;
	if (unset & LOST_ACCESS)
		mode &= ~(uint32_t)070 | (mode & 07) << 3;
	return set_mode(fd, mode, lost, err);
}

enum fault restore_file(int fd, const struct looks *looks, unsigned *lost, struct err *err)
{
	enum fault fault = FAULT_NONE;
	bool same_group = !looks->given || keep_owner(fd, looks->given, lost);
	if (looks->mode)
		fault = take_mode(fd, looks, *looks->mode & PERMISSIONS, lost, err);
	else if (looks->given)
		fault = keep_mode(fd, looks, same_group, lost, err);
	return fault || !looks->mtime_ns ? fault : set_time(fd, *looks->mtime_ns, lost, err);
}

/* ---- directories ---- */

void restore_note_name(int fd)
{
	struct stat st;
	if (fstat(fd, &st) == 0 && restore_may_be_lost(&st))
		(void)fchmod(fd, (st.st_mode & 07777) | S_ISUID);
}

bool restore_opens(int fd, enum fault fault, const struct err *err)
{
	struct stat st;
	if (!fault || err->os_error != EACCES)
		return false;
	if (fstat(fd, &st) != 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return false;
	if (st.st_mode & S_IWUSR)
		return st.st_mode & S_ISUID;
	return fchmod(fd, (st.st_mode & 07777) | S_IWUSR | S_ISUID) == 0;
}

/* The mode that the directory had, or is usual for a new one. */
static uint32_t mode_before(const struct stat *st, uint32_t usual)
{
	uint32_t mode = st->st_mode & PERMISSIONS;
	if (mode == DIRECTORY_MADE)
		return usual;
	return st->st_mode & S_ISUID ? mode & ~(uint32_t)S_IWUSR : mode;
}

enum fault restore_directory(int fd, const struct looks *looks, uint32_t usual, unsigned *lost,
			     struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return err_os(err, FAULT_IO, errno, "cannot look at a directory");
	uint32_t wanted = looks->mode ? *looks->mode & PERMISSIONS : mode_before(&st, usual);
	wanted |= st.st_mode & S_ISGID;
	if ((wanted != (st.st_mode & 07777) || looks->attributes_size > 0) &&
	    take_mode(fd, looks, wanted, lost, err))
		return err->fault;
	return looks->mtime_ns ? set_time(fd, *looks->mtime_ns, lost, err) : FAULT_NONE;
}

void losses_add(struct losses *losses, unsigned lost)
{
	if (lost & LOST_MODE)
		atomic_fetch_add_explicit(&losses->modes, 1, memory_order_relaxed);
	if (lost & LOST_OWNER)
		atomic_fetch_add_explicit(&losses->owners, 1, memory_order_relaxed);
	if (lost & LOST_TIME)
		atomic_fetch_add_explicit(&losses->times, 1, memory_order_relaxed);
	if (lost & LOST_SYNC)
		atomic_fetch_add_explicit(&losses->syncs, 1, memory_order_relaxed);
	if (lost & LOST_LINK)
		atomic_fetch_add_explicit(&losses->links, 1, memory_order_relaxed);
	if (lost & (LOST_ATTRIBUTES | LOST_ACCESS))
		atomic_fetch_add_explicit(&losses->attributes, 1, memory_order_relaxed);
}
