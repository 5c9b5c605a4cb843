#include "plan/walk_stack.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REMOTE_DEPTH_MAX = 4096 /* frames with directories of a grid below them */ };

/* Opens a name in frame `level`, which stands open as `fd`, or a source by its path.  Returns -1
 * with errno set. */
static int open_in(const struct walk *walk, int fd, size_t level, const char *name, size_t size)
{
	if (level + 1 > walk->first_local)
		return openat(fd, name, walk->open_flags);
	const struct plan_source *source = walk_source(walk, name, size);
	if (source)
		return open(source->path, walk->open_flags & ~O_NOFOLLOW);
	errno = ENOENT;
	return -1;
}

/*
 * Descriptors on the stack, O open and - closed, level 7 wanted:
 *   levels  2 O  3 O  4 -  5 -  6 -  7 -
 *                ^ `from`: the nearest that is open; openat(3, name of 4) ... openat(6, name of 7)
 * With none open it begins at the source's own path.  Those in between are closed again.
 */
int walk_reopen(struct walk *walk, size_t level)
{
	size_t from = level;
	while (from > walk->first_local && walk->frame[from].at.fd < 0)
		from--;
	int fd = walk->frame[from].at.fd;
	bool ours = false;
	for (size_t at = fd < 0 ? from - 1 : from; at < level; at++) {
		size_t size;
		const char *name = walk_record_name(walk, walk->frame[at].current, &size);
		int next = open_in(walk, fd, at, name, size);
		int os_error = errno;
		if (ours)
			close(fd);
		if (next < 0)
			return os_error;
		fd = next;
		ours = true;
	}
	struct stat st;
	if (fstat(fd, &st) < 0) {
		int os_error = errno;
		if (ours)
			close(fd);
		return os_error;
	}
	struct walk_directory *directory = &walk->frame[level].at;
	directory->fd = fd;
	directory->dev = st.st_dev;
	directory->ino = st.st_ino;
	return 0;
}

enum outcome_reason walk_refusal(int os_error)
{
	switch (os_error) {
	case 0:
		return REASON_NONE;
	case ENOENT:
		return REASON_VANISHED;
	case ENOTDIR:
		return REASON_CHANGED;
	case ELOOP:
		return REASON_LOOP;
	case EACCES:
	case EPERM:
		return REASON_PERMISSION;
	default:
		return REASON_IO;
	}
}

/* Opens the child in its parent, which is opened anew when it had to be closed.  Returns the
 * errno, or 0. */
static int open_local(struct walk *walk, const struct walk_child *child,
		      struct walk_directory *opened)
{
	size_t parent = walk->count - 1;
	int os_error = 0;
	if (parent >= walk->first_local && walk->frame[parent].at.fd < 0)
		os_error = walk_reopen(walk, parent);
	if (os_error)
		return os_error;
	int fd = open_in(walk, walk->frame[parent].at.fd, parent, child->name, child->name_size);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		os_error = errno;
	else if (walk->follow && walk_is_above(walk, st.st_dev, st.st_ino))
		os_error = ELOOP;
	if (os_error) {
		if (fd >= 0)
			close(fd);
		return os_error;
	}
	*opened = (struct walk_directory){
		.id = child->id, .dev = st.st_dev, .ino = st.st_ino, .fd = fd
	};
	return 0;
}

enum fault walk_cap(const struct walk *walk, uint64_t id, struct cap *cap, struct err *err)
{
	struct outcome slot;
	*cap = (struct cap){ 0 };
	if (!walk->sources)
		return FAULT_NONE;
	enum fault fault = outcomes_read(walk->sources, id, 1, &slot, err);
	if (!fault && slot.state == OUTCOME_PLANNED &&
	    !cap_unpack(slot.cap, slot.cap_size, slot.cap_kind, cap))
		*cap = (struct cap){ 0 };
	explicit_bzero(&slot, sizeof slot);
	return fault;
}

/* Whether the directory is the one source without a name, whose place in the stack has no cap.  On
 * the way below a source with a name it is not above. */
static bool is_unnamed_above(const struct walk *walk, const unsigned char index[CAP_KEY_SIZE])
{
	const struct plan_source *source = walk_unnamed(walk, 0);
	unsigned char unnamed[CAP_KEY_SIZE];
	size_t size;
	if (!source || walk_unnamed(walk, 1) || walk->count < walk->first_local)
		return false;
	const char *top = walk_record_name(walk, walk->frame[walk->first_local - 1].current, &size);
	const struct store_node *node = source->node;
	return (size == 0 || !walk_source(walk, top, size)) &&
	       cap_storage_index(store_node_cap(node), unnamed) &&
	       memcmp(unnamed, index, CAP_KEY_SIZE) == 0;
}

/* Whether a directory of a grid stands above itself: two caps of one have the same index. */
static bool is_remote_above(const struct walk *walk, const unsigned char index[CAP_KEY_SIZE])
{
	for (size_t i = 0; i < walk->count; i++) {
		const struct walk_directory *above = &walk->frame[i].at;
		if (above->has_index && memcmp(above->index, index, CAP_KEY_SIZE) == 0)
			return true;
	}
	return is_unnamed_above(walk, index);
}

/* A directory of a grid needs no descriptor: it has its cap, and its storage index shows loops. */
static struct walk_directory remote_directory(uint64_t id, const struct cap *cap)
{
	struct walk_directory directory = { .id = id, .fd = -1, .cap = *cap };
	directory.has_index = cap_storage_index(cap, directory.index);
	return directory;
}

/* Opens the child if it is on a grid, and stores whether it is. */
static enum fault open_remote(const struct walk *walk, const struct walk_child *child,
			      struct walk_directory *opened, bool *remote,
			      enum outcome_reason *refused, struct err *err)
{
	struct cap cap;
	if (walk_cap(walk, child->id, &cap, err))
		return err->fault;
	*remote = cap.kind != CAP_NONE;
	if (!*remote) {
		if (walk_is_remote(&walk->frame[walk->count - 1].at))
			*refused = REASON_LOST;
		return FAULT_NONE;
	}
	struct walk_directory directory = remote_directory(child->id, &cap);
	bool loops = directory.has_index && is_remote_above(walk, directory.index);
	if (loops || walk->count > REMOTE_DEPTH_MAX)
		*refused = REASON_LOOP;
	else
		*opened = directory;
	cap_wipe(&cap);
	return FAULT_NONE;
}

enum fault walk_open(struct walk *walk, const struct walk_child *child,
		     struct walk_directory *directory, enum outcome_reason *refused,
		     struct err *err)
{
	bool remote = false;
	*refused = REASON_NONE;
	if (walk->count < walk->first_local) {
		*directory = (struct walk_directory){ .id = child->id, .fd = -1 };
		return FAULT_NONE;
	}
	enum fault fault = open_remote(walk, child, directory, &remote, refused, err);
	if (fault || remote || *refused)
		return fault;
	int os_error = open_local(walk, child, directory);
	/* Too few descriptors say nothing about the directory. */
	if (os_error == EMFILE || os_error == ENFILE || os_error == ENOMEM)
		return err_os(err, FAULT_NOMEM, os_error, "cannot open a directory");
	*refused = walk_refusal(os_error);
	return FAULT_NONE;
}

enum fault walk_recall(const struct walk *walk, struct walk_directory *directory, struct err *err)
{
	struct cap cap;
	if (walk->count < walk->first_local)
		return FAULT_NONE;
	if (walk_cap(walk, directory->id, &cap, err))
		return err->fault;
	if (cap.kind == CAP_NONE)
		return FAULT_NONE;
	struct listing_id listing = directory->listing;
	*directory = remote_directory(directory->id, &cap);
	directory->listing = listing;
	cap_wipe(&cap);
	return FAULT_NONE;
}
