#include "files/anchor.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/vfs.h>

static enum fault gone(const char *path, int os_error, struct err *err)
{
	err_os(err, FAULT_GONE, os_error, "'%.100s' is not there", path);
	return err->fault = FAULT_GONE;
}

/* Stores what the directory at `path` is.  Returns 0 or an errno. */
static int look(const char *path, struct anchor *anchor)
{
	struct stat st;
	struct statfs fs;
	if (stat(path, &st) != 0)
		return errno;
	if (!S_ISDIR(st.st_mode))
		return ENOTDIR;
	*anchor = (struct anchor){ .ino = st.st_ino, .dev = st.st_dev };
	if (statfs(path, &fs) == 0)
		memcpy(&anchor->fsid, &fs.f_fsid, sizeof anchor->fsid);
	return 0;
}

/* Returns the path of the directory that `path` is in; NULL: no memory. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static int look_parent(const char *path, struct anchor *anchor)
{
	char *parent = parent_of(path);
	int os_error = parent ? look(parent, anchor) : ENOMEM;
	free(parent);
	return os_error;
}

enum fault anchor_of(const char *path, struct anchor *anchor, struct err *err)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return gone(path, errno, err);
	bool self = S_ISDIR(st.st_mode);
	int os_error = self ? look(path, anchor) : look_parent(path, anchor);
	if (os_error)
		return gone(path, os_error, err);
	anchor->kind = self ? ANCHOR_SELF : ANCHOR_PARENT;
	return FAULT_NONE;
}

enum fault anchor_check(const struct anchor *anchor, const char *path, struct err *err)
{
	struct anchor now = { 0 };
	struct stat st;
	int os_error = anchor->kind == ANCHOR_PARENT ? look_parent(path, &now)
		       : anchor->kind == ANCHOR_SELF ? look(path, &now)
		       : stat(path, &st) != 0        ? errno
						     : 0;
	if (os_error)
		return gone(path, os_error, err);
	bool disk = now.dev == anchor->dev || (now.fsid != 0 && now.fsid == anchor->fsid);
	if (anchor->kind == ANCHOR_UNKNOWN || (now.ino == anchor->ino && disk))
		return FAULT_NONE;
	return err_set(err, FAULT_GONE, "'%.100s' is not %s that was planned: another one is there",
		       path, anchor->kind == ANCHOR_SELF ? "the directory" : "in the directory");
}

void anchor_print(const struct anchor *anchor, char text[ANCHOR_TEXT_SIZE])
{
	snprintf(text, ANCHOR_TEXT_SIZE, "%u %" PRIx64 " %" PRIx64 " %" PRIx64, anchor->kind,
		 anchor->ino, anchor->dev, anchor->fsid);
}

struct anchor anchor_read(const char *text)
{
	struct anchor anchor = { 0 };
	unsigned kind;
	if (sscanf(text, "%u %" SCNx64 " %" SCNx64 " %" SCNx64, &kind, &anchor.ino, &anchor.dev,
		   &anchor.fsid) != 4 ||
	    kind > ANCHOR_PARENT)
		return (struct anchor){ .kind = ANCHOR_UNKNOWN };
	anchor.kind = (uint8_t)kind;
	return anchor;
}
