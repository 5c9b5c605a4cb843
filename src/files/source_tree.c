#include "files/source_tree.h"

#include "base/meta.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
	OPEN_DIRECTORIES = 32
}; /* a tree; with 8 readers 256 descriptors, a quarter of the usual limit */

struct open_directory {
	uint64_t listing; /* 0: free */
	uint64_t used;    /* tick of the last use */
	int fd;
};

struct source_tree {
	struct source_tree_options options;
	struct manifest_reader *reader;
	uint64_t base; /* offset of the listing that holds the sources; 0 until it is known */
	uint64_t tick;
	struct open_directory open[OPEN_DIRECTORIES];
	uint64_t *chain; /* listings between an open directory and the one wanted */
	size_t chain_capacity;
};

enum fault source_tree_new(const struct source_tree_options *options, struct source_tree **tree,
			   struct err *err)
{
	struct source_tree *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for a reader");
	made->options = *options;
	if (manifest_open(options->manifest, &made->reader, err)) {
		free(made);
		return err->fault;
	}
	*tree = made;
	return FAULT_NONE;
}

void source_tree_free(struct source_tree *tree)
{
	if (!tree)
		return;
	for (size_t i = 0; i < OPEN_DIRECTORIES; i++)
		if (tree->open[i].listing)
			close(tree->open[i].fd);
	manifest_close(tree->reader);
	free(tree->chain);
	free(tree);
}

/* The listings of the made directories come first, in one block or more each (a kill may cut one
 * off in the middle); the sources' listing follows. */
static enum fault find_base(struct source_tree *tree, struct err *err)
{
	uint64_t offset = manifest_first(tree->reader);
	for (size_t i = 0; i < tree->options.made_count; i++) {
		struct manifest_block block;
		do {
			if (manifest_read(tree->reader, offset, &block, err))
				return err->fault;
			offset = block.next;
		} while (!block.last);
	}
	tree->base = offset;
	return FAULT_NONE;
}

/* What cannot be opened as what it was planned as has changed. */
static enum fault open_fault(int os_error, const char *name, struct err *err)
{
	switch (os_error) {
	case ENOENT:
		return err_os(err, FAULT_NOT_FOUND, os_error, "%s", name);
	case EACCES:
	case EPERM:
		return err_os(err, FAULT_AUTH, os_error, "%s", name);
	case ELOOP:
	case ENOTDIR:
		return err_os(err, FAULT_CHANGED, os_error, "%s", name);
	default:
		return err_os(err, FAULT_IO, os_error, "%s", name);
	}
}

static const char *source_path(const struct source_tree *tree, const char *name, size_t size)
{
	for (size_t i = 0; i < tree->options.source_count; i++) {
		const struct source_tree_root *source = &tree->options.source[i];
		if (strlen(source->name) == size && memcmp(source->name, name, size) == 0)
			return source->path;
	}
	return NULL;
}

/* Opens the directory `name` of the directory `parent` (-1: it is a source).  Returns -1 and errno.
 */
static int open_component(const struct source_tree *tree, int parent, const char *name, size_t size)
{
	if (parent < 0) {
		const char *path = source_path(tree, name, size);
		if (path)
			return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		errno = ENOENT;
		return -1;
	}
	char text[MANIFEST_NAME_MAX + 1];
	memcpy(text, name, size);
	text[size] = '\0';
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (tree->options.follow ? 0 : O_NOFOLLOW);
	return openat(parent, text, flags);
}

static struct open_directory *find_open(struct source_tree *tree, uint64_t listing)
{
	for (size_t i = 0; i < OPEN_DIRECTORIES; i++) {
		if (tree->open[i].listing == listing) {
			tree->open[i].used = ++tree->tick;
			return &tree->open[i];
		}
	}
	return NULL;
}

static struct open_directory *oldest(struct source_tree *tree)
{
	struct open_directory *found = &tree->open[0];
	for (size_t i = 1; i < OPEN_DIRECTORIES; i++)
		if (tree->open[i].used < found->used)
			found = &tree->open[i];
	if (found->listing)
		close(found->fd);
	*found = (struct open_directory){ .used = ++tree->tick };
	return found;
}

static bool chain_append(struct source_tree *tree, size_t count, uint64_t listing)
{
	if (count == tree->chain_capacity) {
		size_t capacity = count ? 2 * count : 64;
		uint64_t *grown = reallocarray(tree->chain, capacity, sizeof *grown);
		if (!grown)
			return false;
		tree->chain = grown;
		tree->chain_capacity = capacity;
	}
	tree->chain[count] = listing;
	return true;
}

/* Opens the directory listed at tree->chain[at] inside `parent` and keeps it. */
static enum fault descend(struct source_tree *tree, uint64_t listing, int parent,
			  struct open_directory **directory, struct err *err)
{
	struct manifest_block block;
	if (manifest_read(tree->reader, listing, &block, err))
		return err->fault;
	int fd = open_component(tree, parent, block.name, block.name_size);
	if (fd < 0)
		return open_fault(errno, "cannot open its directory", err);
	struct open_directory *slot = oldest(tree);
	slot->listing = listing;
	slot->fd = fd;
	*directory = slot;
	return FAULT_NONE;
}

/* Stores the descriptor of the directory listed at `listing`; it stays the tree's. */
static enum fault open_directory(struct source_tree *tree, uint64_t listing, int *fd,
				 struct err *err)
{
	struct open_directory *at = NULL;
	size_t count = 0;
	while (listing != tree->base && !(at = find_open(tree, listing))) {
		struct manifest_block block;
		if (!chain_append(tree, count++, listing))
			return err_set(err, FAULT_NOMEM, "no memory for a path");
		if (manifest_read(tree->reader, listing, &block, err))
			return err->fault;
		listing = block.parent_listing;
	}
	while (count > 0) {
		if (descend(tree, tree->chain[--count], at ? at->fd : -1, &at, err))
			return err->fault;
	}
	assert(at);
	*fd = at->fd;
	return FAULT_NONE;
}

/* Whether what was found is of the type, and the one, that was planned. */
static enum fault check_planned(const struct source_tree *tree, const struct task *task,
				mode_t type, const struct stat *status, struct err *err)
{
	struct meta planned;
	if ((status->st_mode & S_IFMT) != type)
		return err_set(err, FAULT_CHANGED, "it is not a %s any more",
			       type == S_IFLNK ? "symlink" : "regular file");
	if (!tree->options.compare_ids || !meta_unpack(task->meta, task->meta_size, &planned))
		return FAULT_NONE;
	if (planned.dev != status->st_dev || planned.ino != status->st_ino)
		return err_set(err, FAULT_CHANGED, "it is another file than the one planned");
	return FAULT_NONE;
}

/* Opens the name without touching what it names, looks, and opens it for reading only then. */
static enum fault open_checked(struct source_tree *tree, const struct task *task, int directory,
			       const char *name, int *fd, struct err *err)
{
	struct meta planned;
	bool followed =
		directory == AT_FDCWD || (meta_unpack(task->meta, task->meta_size, &planned) &&
					  (planned.flags & META_FOLLOWED));
	int handle = openat(directory, name, O_PATH | O_CLOEXEC | (followed ? 0 : O_NOFOLLOW));
	if (handle < 0)
		return open_fault(errno, "cannot open it", err);
	struct stat status;
	enum fault fault = FAULT_NONE;
	if (fstat(handle, &status) != 0)
		fault = open_fault(errno, "cannot look at it", err);
	else
		fault = check_planned(tree, task, S_IFREG, &status, err);
	if (!fault) {
		char path[32];
		snprintf(path, sizeof path, "/proc/self/fd/%d", handle);
		*fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (*fd < 0)
			fault = open_fault(errno, "cannot open it for reading", err);
	}
	close(handle);
	return fault;
}

/* Where the name of a task is looked up: in a directory, or a source's whole path anywhere. */
struct address {
	int directory; /* the tree's, or AT_FDCWD */
	const char *name;
	char text[MANIFEST_NAME_MAX + 1];
};

/* Finds the open directory and the name below it by which the task's file is opened.  A source
 * itself is opened by its path. */
static enum fault find_file(struct source_tree *tree, const struct task *task,
			    struct address *address, struct err *err)
{
	enum fault fault = tree->base ? FAULT_NONE : find_base(tree, err);
	if (fault)
		return fault;
	address->directory = AT_FDCWD;
	if (task->listing == tree->base) {
		address->name = source_path(tree, task->name, task->name_size);
		return address->name ? FAULT_NONE
				     : err_set(err, FAULT_NOT_FOUND, "no source has this name");
	}
	fault = open_directory(tree, task->listing, &address->directory, err);
	if (fault)
		return fault;
	memcpy(address->text, task->name, task->name_size);
	address->text[task->name_size] = '\0';
	address->name = address->text;
	return FAULT_NONE;
}

enum fault source_tree_open_file(struct source_tree *tree, const struct task *task, int *fd,
				 struct stat *status, struct err *err)
{
	struct address at;
	int opened = -1;
	if (find_file(tree, task, &at, err) ||
	    open_checked(tree, task, at.directory, at.name, &opened, err))
		return err->fault;
	if (fstat(opened, status) != 0) {
		int os_error = errno;
		close(opened);
		return open_fault(os_error, "cannot look at it", err);
	}
	*fd = opened;
	return FAULT_NONE;
}

/* A symlink never changes but by another one in its place, so that one handle is one target. */
enum fault source_tree_read_link(struct source_tree *tree, const struct task *task,
				 char target[SYMLINK_TARGET_MAX], struct stat *status,
				 struct err *err)
{
	struct address at;
	struct stat found;
	char text[SYMLINK_TARGET_MAX + 1];
	if (find_file(tree, task, &at, err))
		return err->fault;
	int handle = openat(at.directory, at.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (handle < 0)
		return open_fault(errno, "cannot open it", err);
	enum fault fault = FAULT_NONE;
	if (fstat(handle, &found) != 0)
		fault = open_fault(errno, "cannot look at it", err);
	else
		fault = check_planned(tree, task, S_IFLNK, &found, err);
	ssize_t size = fault ? 0 : readlinkat(handle, "", text, sizeof text);
	if (size < 0)
		fault = open_fault(errno, "cannot read the symlink", err);
	else if (!fault && (size == 0 || size > SYMLINK_TARGET_MAX))
		fault = err_set(err, FAULT_IO, "the symlink's target is empty or too long");
	close(handle);
	if (fault)
		return fault;
	found.st_size = size;
	memcpy(target, text, (size_t)size);
	*status = found;
	return FAULT_NONE;
}
