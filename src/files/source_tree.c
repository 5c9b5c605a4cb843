#include "files/source_tree.h"

#include "base/meta.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* With 8 readers 256 descriptors, a quarter of the usual limit. */
enum { OPEN_DIRECTORIES = 32, LOOK_MAX = 64 };

struct source_tree {
	struct source_tree_options options;
	struct tree *tree;
	uint32_t rank;        /* of the sources that are entered now */
	struct tree_dir *dir; /* of the task at hand */
};

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

int source_tree_root_compare(const void *left, const void *right)
{
	const struct source_tree_root *a = left, *b = right;
	int order = strcmp(a->name, b->name);
	return order ? order : (a->number > b->number) - (a->number < b->number);
}

static int compare_wanted_root(const void *name, const void *root)
{
	return strcmp(name, ((const struct source_tree_root *)root)->name);
}

/* Returns the path of the source of that name, which is no longer than an entry's, and of the rank
 * that is entered, or NULL. */
static const char *source_path(const struct source_tree *tree, const char *name, size_t size)
{
	const struct source_tree_root *source = tree->options.source;
	const struct source_tree_root *end = source + tree->options.source_count;
	char text[MANIFEST_NAME_MAX + 1];
	memcpy(text, name, size);
	text[size] = '\0';
	const struct source_tree_root *found = bsearch(text, source, tree->options.source_count,
						       sizeof *source, compare_wanted_root);
	while (found && found > source && strcmp(found[-1].name, text) == 0)
		found--;
	if (!found || tree->rank >= (size_t)(end - found))
		return NULL;
	found += tree->rank;
	return strcmp(found->name, text) == 0 ? found->path : NULL;
}

size_t source_tree_ranks(const struct source_tree *tree)
{
	const struct source_tree_root *source = tree->options.source;
	size_t most = 1;
	for (size_t i = 1, run = 1; i < tree->options.source_count; i++) {
		run = strcmp(source[i].name, source[i - 1].name) == 0 ? run + 1 : 1;
		most = max_u64(most, run);
	}
	return most;
}

/* Stores a reference to the directory of `listing` below the sources of `rank`. */
static enum fault open_ranked(struct source_tree *tree, struct listing_id listing, uint32_t rank,
			      struct tree_dir **dir, struct err *err)
{
	tree->rank = rank;
	return tree_open_ranked(tree->tree, listing, rank, dir, err);
}

/* Opens a directory: a source by its path, wherever that leads. */
static enum fault enter(void *context, struct tree_dir *parent, const char *name, int *fd,
			struct err *err)
{
	const struct source_tree *tree = context;
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	if (parent->fd < 0) {
		const char *path = source_path(tree, name, strlen(name));
		*fd = path ? open(path, flags) : -1;
		if (!path)
			errno = ENOENT;
	} else {
		*fd = openat(parent->fd, name, flags | (tree->options.follow ? 0 : O_NOFOLLOW));
	}
	return *fd < 0 ? open_fault(errno, "cannot open its directory", err) : FAULT_NONE;
}

enum fault source_tree_new(const struct source_tree_options *options, struct source_tree **tree,
			   struct err *err)
{
	struct source_tree *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for a reader");
	made->options = *options;
	const struct tree_options directories = {
		.catalog = options->catalog,
		.root = -1,
		.skipped = options->made_count,
		.opened = options->opened ? options->opened : OPEN_DIRECTORIES,
		.enter = enter,
		.context = made,
	};
	enum fault fault = tree_new(&directories, &made->tree, err);
	if (fault)
		free(made);
	else
		*tree = made;
	return fault;
}

void source_tree_free(struct source_tree *tree)
{
	if (!tree)
		return;
	tree_dir_unref(tree->dir);
	tree_free(tree->tree);
	free(tree);
}

/* Whether what was found is still of the type that was planned. */
static enum fault check_type(mode_t type, const struct stat *status, struct err *err)
{
	if ((status->st_mode & S_IFMT) == type)
		return FAULT_NONE;
	return err_set(err, FAULT_CHANGED, "it is not a %s any more",
		       type == S_IFLNK ? "symlink" : "regular file");
}

/* What the plan says of a task's file; all zeros where lstat was refused. */
static struct meta planned_meta(const struct task *task)
{
	struct meta planned;
	bool known = meta_unpack(task->meta, task->meta_size, &planned);
	return known ? planned : (struct meta){ 0 };
}

/* Whether the name, in `directory`, stands for what its symlink leads to. */
static bool is_followed(const struct task *task, int directory)
{
	return directory == AT_FDCWD || planned_meta(task).flags & META_FOLLOWED;
}

/* Where the name of a task is looked up: in a directory, or a source's whole path anywhere. */
struct address {
	int directory; /* the tree's, or AT_FDCWD */
	const char *name;
	char text[MANIFEST_NAME_MAX + 1];
};

/* Looks at what has the name, since to open a FIFO or a device is to touch it; opens it for reading
 * only then, and looks again at what was opened. */
static enum fault open_checked(const struct task *task, const struct address *at, int *fd,
			       struct stat *status, struct err *err)
{
	bool followed = is_followed(task, at->directory);
	if (fstatat(at->directory, at->name, status, followed ? 0 : AT_SYMLINK_NOFOLLOW) != 0)
		return open_fault(errno, "cannot open it", err);
	if (check_type(S_IFREG, status, err))
		return err->fault;
	int opened =
		openat(at->directory, at->name,
		       O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (followed ? 0 : O_NOFOLLOW));
	if (opened < 0)
		return open_fault(errno, "cannot open it for reading", err);
	if (fstat(opened, status) != 0)
		(void)open_fault(errno, "cannot look at it", err);
	else if (!check_type(S_IFREG, status, err)) {
		*fd = opened;
		return FAULT_NONE;
	}
	close(opened);
	return err->fault;
}

/* Finds the open directory and the name below it by which the task's file is opened.  A source
 * itself is opened by its path. */
static enum fault find_file(struct source_tree *tree, const struct task *task,
			    struct address *address, struct err *err)
{
	tree_dir_unref(tree->dir);
	tree->dir = NULL;
	enum fault fault =
		open_ranked(tree, task->listing, planned_meta(task).rank, &tree->dir, err);
	if (fault)
		return fault;
	memcpy(address->text, task->name, task->name_size);
	address->text[task->name_size] = '\0';
	address->name = address->text;
	address->directory = tree->dir->fd;
	if (address->directory >= 0)
		return FAULT_NONE;
	address->directory = AT_FDCWD;
	address->name = source_path(tree, task->name, task->name_size);
	if (address->name)
		return FAULT_NONE;
	err_set(err, FAULT_NOT_FOUND, "no source has this name");
	return FAULT_NOT_FOUND;
}

enum fault source_tree_open_file(struct source_tree *tree, const struct task *task, int *fd,
				 struct stat *status, struct err *err)
{
	struct address at;
	if (find_file(tree, task, &at, err))
		return err->fault;
	return open_checked(task, &at, fd, status, err);
}

/* Reads the beginning of a source, by its path.  Returns 0 or an errno. */
static int try_source(const char *path)
{
	union {
		char bytes[4096];
		struct dirent64 aligned;
	} some;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	struct stat st;
	ssize_t got = 0;
	if (fstat(fd, &st) != 0)
		got = -1;
	else if (S_ISDIR(st.st_mode))
		got = getdents64(fd, &some, sizeof some);
	else if (S_ISREG(st.st_mode))
		got = pread(fd, &some, sizeof some, 0);
	int os_error = got < 0 ? errno : 0;
	close(fd);
	return os_error;
}

enum fault sources_there(const struct source_tree_root *source, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (!anchor_check(&source[i].anchor, source[i].path, err))
			continue;
		err->side = ERR_SOURCE;
		return err_wrap(err, "the source");
	}
	return FAULT_NONE;
}

enum fault source_tree_answers(const struct source_tree *tree, struct err *err)
{
	if (sources_there(tree->options.source, tree->options.source_count, err))
		return err->fault;
	for (size_t i = 0; i < tree->options.source_count && i < LOOK_MAX; i++) {
		const char *path = tree->options.source[i].path;
		int os_error = try_source(path);
		struct err found = { .side = ERR_SOURCE, .os_error = os_error };
		if (os_error == 0 || !err_is_doubtful(&found))
			continue;
		err_os(err, FAULT_GONE, os_error, "the source '%.120s' cannot be read", path);
		err->side = ERR_SOURCE;
		return err->fault = FAULT_GONE;
	}
	return FAULT_NONE;
}

enum fault source_tree_directory(struct source_tree *tree, struct listing_id listing, size_t rank,
				 int *fd, struct err *err)
{
	struct tree_dir *dir;
	if (open_ranked(tree, listing, (uint32_t)rank, &dir, err))
		return err->fault;
	*fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int os_error = errno;
	tree_dir_unref(dir);
	return *fd < 0 ? open_fault(os_error, "cannot open a directory", err) : FAULT_NONE;
}

enum fault source_tree_stat(struct source_tree *tree, struct listing_id listing,
			    const struct manifest_entry *entry, struct stat *status,
			    struct err *err)
{
	const struct task task = {
		.listing = listing,
		.kind = entry->kind,
		.name = entry->name,
		.name_size = entry->name_size,
		.meta = entry->meta,
		.meta_size = entry->meta_size,
	};
	struct address at;
	if (find_file(tree, &task, &at, err))
		return err->fault;
	int flags = is_followed(&task, at.directory) ? 0 : AT_SYMLINK_NOFOLLOW;
	if (fstatat(at.directory, at.name, status, flags) != 0)
		return open_fault(errno, "cannot look at it", err);
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
		fault = check_type(S_IFLNK, &found, err);
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
