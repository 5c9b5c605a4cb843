#include "plan/walk_stack.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REMOTE_DEPTH_MAX = 4096 /* frames with directories of a grid below them */ };

/* Returns the local source of that name and rank, or NULL. */
static const struct plan_source *find_ranked(const struct walk *walk, const char *name, size_t size,
					     uint32_t rank)
{
	const struct plan_source *source = walk_source(walk, name, size);
	for (; source; source = walk_source_next(walk, source))
		if (!source->node && rank-- == 0)
			return source;
	return NULL;
}

/* Opens the name taken from frame `level`, which stands open as `fd`, or a source by its path.
 * Returns -1 with errno set. */
static int open_taken(const struct walk *walk, int fd, size_t level, uint32_t rank)
{
	size_t size;
	const char *name = walk_record_name(walk, walk->frame[level].current, &size);
	if (level + 1 > walk->first_local)
		return openat(fd, name, walk->open_flags);
	const struct plan_source *source = find_ranked(walk, name, size, rank);
	if (source)
		return open(source->path, walk->open_flags & ~O_NOFOLLOW);
	errno = ENOENT;
	return -1;
}

/*
 * Descriptors on the stack, O open and - closed, level 7 wanted:
 *   levels  2 O  3 O  4 -  5 -  6 -  7 -
 *                ^ `from`: the nearest that is open; openat(3, name of 4) ... openat(6, name of 7)
 * With none open it begins at the path of the source of `rank`; below another one none is open, as
 * merged directories have no descriptor.  Those in between are closed again.  Level walk->count is
 * the sub-directory taken last.  Returns -1 with errno set, or a descriptor of the caller's.
 */
static int open_level(const struct walk *walk, size_t level, uint32_t rank)
{
	size_t from = level;
	bool ours = false;
	int fd = -1;
	while (from > walk->first_local && fd < 0)
		fd = walk->frame[--from].at.fd;
	for (size_t at = fd < 0 ? walk->first_local - 1 : from; at < level; at++) {
		int next = open_taken(walk, fd, at, rank);
		int os_error = errno;
		if (ours)
			close(fd);
		errno = os_error;
		if (next < 0)
			return -1;
		fd = next;
		ours = true;
	}
	return fd;
}

int walk_reopen(struct walk *walk, size_t level)
{
	struct walk_directory *directory = &walk->frame[level].at;
	struct stat st;
	int fd = open_level(walk, level, directory->rank);
	if (fd < 0)
		return errno;
	if (fstat(fd, &st) < 0) {
		int os_error = errno;
		close(fd);
		return os_error;
	}
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

/* Opens the child below its source of `rank`.  Returns the errno, or 0. */
static int open_ranked(struct walk *walk, uint64_t id, uint32_t rank, struct walk_directory *opened)
{
	int os_error = 0;
	int fd = open_level(walk, walk->count, rank);
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
		.id = id, .dev = st.st_dev, .ino = st.st_ino, .fd = fd, .rank = rank
	};
	return 0;
}

/* Opens the child in its parent, which is opened anew when it had to be closed.  Returns the
 * errno, or 0. */
static int open_local(struct walk *walk, const struct walk_child *child,
		      struct walk_directory *opened)
{
	size_t parent = walk->count - 1;
	const struct walk_directory *above = &walk->frame[parent].at;
	int os_error = 0;
	if (parent >= walk->first_local && above->fd < 0)
		os_error = walk_reopen(walk, parent);
	return os_error ? os_error : open_ranked(walk, child->id, above->rank, opened);
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

static bool is_index_at(const struct walk_directory *directory,
			const unsigned char index[CAP_KEY_SIZE])
{
	for (size_t i = 0; i < directory->part_count; i++)
		if (is_index_at(&directory->part[i], index))
			return true;
	return directory->has_index && memcmp(directory->index, index, CAP_KEY_SIZE) == 0;
}

/* Whether a directory of a grid stands above itself: two caps of one have the same index. */
static bool is_remote_above(const struct walk *walk, const unsigned char index[CAP_KEY_SIZE])
{
	for (size_t i = 0; i < walk->count; i++)
		if (is_index_at(&walk->frame[i].at, index))
			return true;
	return is_unnamed_above(walk, index);
}

/* A directory of a grid needs no descriptor: it has its cap, and its storage index shows loops. */
static struct walk_directory remote_directory(uint64_t id, const struct cap *cap)
{
	struct walk_directory directory = { .id = id, .fd = -1, .cap = *cap };
	directory.has_index = cap_storage_index(cap, directory.index);
	return directory;
}

struct walk_directory walk_unnamed_directory(const struct plan_source *source)
{
	const struct store_node *node = source->node;
	return remote_directory(0, store_node_cap(node));
}

/* Opens the directory of a grid unless it is above itself, or too deep. */
static enum outcome_reason enter_remote(const struct walk *walk, uint64_t id, const struct cap *cap,
					struct walk_directory *opened)
{
	struct walk_directory directory = remote_directory(id, cap);
	bool loops = directory.has_index && is_remote_above(walk, directory.index);
	if (loops || walk->count > REMOTE_DEPTH_MAX)
		return REASON_LOOP;
	*opened = directory;
	return REASON_NONE;
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
	*refused = enter_remote(walk, child->id, &cap, opened);
	cap_wipe(&cap);
	return FAULT_NONE;
}

/* Too few descriptors say nothing about a directory. */
static enum fault open_refusal(int os_error, enum outcome_reason *refused, struct err *err)
{
	if (os_error == EMFILE || os_error == ENFILE || os_error == ENOMEM)
		return err_os(err, FAULT_NOMEM, os_error, "cannot open a directory");
	*refused = walk_refusal(os_error);
	return FAULT_NONE;
}

/* Returns the branches of a sub-directory of the topmost frame, and stores how many there are. */
static const struct walk_branch *find_branches(const struct walk *walk, uint64_t id, size_t *count)
{
	const struct walk_frame *top = &walk->frame[walk->count - 1];
	size_t begin = walk->count > 1 ? top[-1].branch_end : 0, end = top->branch_end;
	while (begin < end) {
		size_t middle = begin + (end - begin) / 2;
		if (walk->branch[middle].id < id)
			begin = middle + 1;
		else
			end = middle;
	}
	for (end = begin; end < top->branch_end && walk->branch[end].id == id; end++)
		;
	*count = end - begin;
	return walk->branch + begin;
}

/* Opens one part of the child. */
static enum fault open_branch(struct walk *walk, const struct walk_branch *branch,
			      struct walk_directory *part, struct err *err)
{
	enum outcome_reason refused = REASON_NONE;
	enum fault fault = FAULT_NONE;
	struct cap cap = { 0 };
	*part = (struct walk_directory){ .fd = -1 };
	if (branch->cap_kind == CAP_NONE)
		fault = open_refusal(open_ranked(walk, branch->id, branch->rank, part), &refused,
				     err);
	else if (cap_unpack(branch->cap, branch->cap_size, branch->cap_kind, &cap))
		refused = enter_remote(walk, branch->id, &cap, part);
	else
		refused = REASON_LOST;
	part->refused = (uint8_t)refused;
	cap_wipe(&cap);
	return fault;
}

/* Opens the parts of the child; one alone is a directory like any other. */
static enum fault open_branches(struct walk *walk, const struct walk_branch *branch, size_t count,
				struct walk_directory *directory, enum outcome_reason *refused,
				struct err *err)
{
	struct walk_directory merged = { .id = branch->id, .fd = -1, .part_count = count };
	enum fault fault = FAULT_NONE;
	bool any = false;
	merged.part = calloc(count, sizeof *merged.part);
	if (!merged.part)
		return err_set(err, FAULT_NOMEM, "no memory for a merged directory");
	for (size_t i = 0; i < count; i++)
		merged.part[i].fd = -1;
	for (size_t i = 0; i < count && !fault; i++) {
		fault = open_branch(walk, &branch[i], &merged.part[i], err);
		any |= merged.part[i].refused == REASON_NONE;
	}
	*refused = merged.part[0].refused;
	if (!fault && any && count > 1) {
		*refused = REASON_NONE;
		*directory = merged;
		return FAULT_NONE;
	}
	if (!fault && any) {
		*directory = merged.part[0];
		merged.part[0].fd = -1;
	}
	walk_directory_close(&merged);
	return fault;
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
	size_t count;
	const struct walk_branch *branch = find_branches(walk, child->id, &count);
	if (count > 0)
		return open_branches(walk, branch, count, directory, refused, err);
	enum fault fault = open_remote(walk, child, directory, &remote, refused, err);
	if (fault || remote || *refused)
		return fault;
	return open_refusal(open_local(walk, child, directory), refused, err);
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
