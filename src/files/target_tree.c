#include "files/target_tree.h"

#include "files/respelled.h"
#include "files/restore.h"
#include "queue/core/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Makes sure that the directory is there, and opens it. */
static enum fault enter(void *context, struct tree_dir *parent, const char *name, int *fd,
			struct err *err)
{
	struct catalog *catalog = context;
	struct stat st;
	bool made, there = false;
	if (strlen(name) > DIRFD_NAME_MAX)
		return err_set(err, FAULT_USAGE, "a directory's name is too long here");
	enum fault fault = dirfd_make(parent->fd, name, &made, err);
	if (restore_opens(parent->fd, fault, err))
		fault = dirfd_make(parent->fd, name, &made, err);
	if (!fault && !made)
		fault = dirfd_look(parent->fd, name, &st, &there, err);
	if (!fault && there)
		fault = respelled_check(catalog, parent, name, &st, err);
	if (fault || dirfd_open(parent->fd, name, fd, err))
		return err_wrap(err, "directory '%.40s'", name);
	restore_note_name(*fd);
	return FAULT_NONE;
}

/* Opens it if it is there. */
static enum fault look(void *context, struct tree_dir *parent, const char *name, int *fd,
		       struct err *err)
{
	(void)context;
	return dirfd_open(parent->fd, name, fd, err);
}

static enum fault new_tree(struct tree_options *options, int root, struct tree **tree,
			   struct err *err)
{
	options->opened = options->opened ? options->opened : TREE_OPEN_MAX;
	enum fault fault = dirfd_open(root, "", &options->root, err);
	return fault ? fault : tree_new(options, tree, err);
}

enum fault target_tree_new(struct catalog *catalog, int root, unsigned opened, struct tree **tree,
			   struct err *err)
{
	struct tree_options options = {
		.catalog = catalog,
		.opened = opened,
		.enter = enter,
		.context = catalog,
	};
	return new_tree(&options, root, tree, err);
}

enum fault target_tree_new_looking(struct catalog *catalog, int root, unsigned opened,
				   struct tree **tree, struct err *err)
{
	struct tree_options options = { .catalog = catalog, .opened = opened, .enter = look };
	return new_tree(&options, root, tree, err);
}

/* ---- is it still there ---- */

static enum fault moved(const struct tree_dir *dir, const char *root, struct err *err)
{
	return err_set(err, FAULT_EXISTS,
		       "the directory '%.60s%s%.60s' was moved away or replaced while it was being "
		       "filled",
		       root, *dir->path ? "/" : "", dir->path);
}

enum fault target_dir_check(struct tree_dir *dir, const char *root, struct err *err)
{
	struct stat ours, theirs;
	int at = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	if (at < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
		return err_os(err, FAULT_IO, errno, "cannot open '%.120s'", root);
	enum fault fault = at < 0 ? FAULT_NOT_FOUND : dirfd_open(at, dir->path, &fd, err);
	bool same = !fault && fstat(dir->fd, &ours) == 0 && fstat(fd, &theirs) == 0 &&
		    ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
	if (fd >= 0)
		close(fd);
	if (at >= 0)
		close(at);
	if (fault && fault != FAULT_NOT_FOUND && fault != FAULT_EXISTS)
		return fault;
	if (!same)
		return moved(dir, root, err);
	atomic_store_explicit(&dir->seen_ms, clock_ms(), memory_order_relaxed);
	return FAULT_NONE;
}
