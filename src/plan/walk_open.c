#include "plan/walk_stack.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REMOTE_DEPTH_MAX = 4096 /* frames with directories of a grid below them */ };

/* Opens a name in frame `level`, which stands open, or a source by its path.  Returns -1 with
 * errno set. */
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

static enum fault open_local(struct walk *walk, const struct walk_child *child,
			     struct walk_directory *opened, int *os_error)
{
	size_t parent = walk->count - 1;
	if (parent >= walk->first_local && walk->frame[parent].at.fd < 0) {
		*os_error = walk_reopen(walk, parent);
		if (*os_error)
			return FAULT_NONE;
	}
	int fd = open_in(walk, walk->frame[parent].at.fd, parent, child->name, child->name_size);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0) {
		*os_error = errno;
		if (fd >= 0)
			close(fd);
		return FAULT_NONE;
	}
	if (walk->follow && walk_is_above(walk, st.st_dev, st.st_ino)) {
		close(fd);
		*os_error = ELOOP;
		return FAULT_NONE;
	}
	*opened = (struct walk_directory){
		.id = child->id, .dev = st.st_dev, .ino = st.st_ino, .fd = fd
	};
	return FAULT_NONE;
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

static bool is_remote_above(const struct walk *walk, const unsigned char index[CAP_KEY_SIZE])
{
	for (size_t i = 0; i < walk->count; i++) {
		const struct walk_directory *above = &walk->frame[i].at;
		if (above->has_index && memcmp(above->index, index, CAP_KEY_SIZE) == 0)
			return true;
	}
	return is_unnamed_above(walk, index);
}

static struct walk_directory remote_directory(uint64_t id, const struct cap *cap)
{
	struct walk_directory directory = { .id = id, .fd = -1, .cap = *cap };
	directory.has_index = cap_storage_index(cap, directory.index);
	return directory;
}

/* Opens the child if it is on a grid, and stores whether it is. */
static enum fault open_remote(const struct walk *walk, const struct walk_child *child,
			      struct walk_directory *opened, bool *remote, int *os_error,
			      struct err *err)
{
	struct cap cap;
	if (walk_cap(walk, child->id, &cap, err))
		return err->fault;
	*remote = cap.kind != CAP_NONE;
	if (!*remote) {
		if (walk_is_remote(&walk->frame[walk->count - 1].at))
			*os_error = ENODATA;
		return FAULT_NONE;
	}
	struct walk_directory directory = remote_directory(child->id, &cap);
	bool loops = directory.has_index && is_remote_above(walk, directory.index);
	if (loops || walk->count > REMOTE_DEPTH_MAX)
		*os_error = ELOOP;
	else
		*opened = directory;
	cap_wipe(&cap);
	return FAULT_NONE;
}

enum fault walk_open(struct walk *walk, const struct walk_child *child,
		     struct walk_directory *directory, int *os_error, struct err *err)
{
	bool remote = false;
	*os_error = 0;
	if (walk->count < walk->first_local) {
		*directory = (struct walk_directory){ .id = child->id, .fd = -1 };
		return FAULT_NONE;
	}
	enum fault fault = open_remote(walk, child, directory, &remote, os_error, err);
	if (fault || remote || *os_error)
		return fault;
	fault = open_local(walk, child, directory, os_error);
	if (*os_error == EMFILE || *os_error == ENFILE || *os_error == ENOMEM)
		return err_os(err, FAULT_NOMEM, *os_error, "cannot open a directory");
	return fault;
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
	uint64_t listing = directory->listing;
	*directory = remote_directory(directory->id, &cap);
	directory->listing = listing;
	cap_wipe(&cap);
	return FAULT_NONE;
}
