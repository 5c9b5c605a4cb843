#include "files/target_tree.h"

#include "files/restore.h"

#include <errno.h>

/* Makes sure that the directory is there, and opens it. */
static enum fault enter(void *context, const struct tree_dir *parent, const char *name, int *fd,
			struct err *err)
{
	bool made;
	(void)context;
	if (strlen(name) > DIRFD_NAME_MAX)
		return err_set(err, FAULT_USAGE, "a directory's name is too long here");
	enum fault fault = dirfd_make(parent->fd, name, &made, err);
	if (fault && err->os_error == EACCES && restore_open_directory(parent->fd))
		fault = dirfd_make(parent->fd, name, &made, err);
	if (fault || dirfd_open(parent->fd, name, fd, err))
		return err_wrap(err, "directory '%.40s'", name);
	return FAULT_NONE;
}

enum fault target_tree_new(struct catalog *catalog, int root, struct tree **tree, struct err *err)
{
	struct tree_options options = {
		.catalog = catalog,
		.opened = TREE_OPEN_MAX,
		.enter = enter,
	};
	enum fault fault = dirfd_open(root, "", &options.root, err);
	return fault ? fault : tree_new(&options, tree, err);
}
