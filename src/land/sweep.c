#include "land/sweep.h"

#include "files/target_tree.h"
#include "land/arrival.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEPT_OPEN = 4 /* directories: they come in the order of the plan */ };

enum { PATH_SIZE = 1 << 16 };

struct sweeper {
	const struct sweep_options *options;
	struct catalog_reader *reader;
	struct tree *tree;
	char prefix[DIRFD_TEMPORARY_SIZE];
	char path[PATH_SIZE];
	uint64_t count;
};

/* Whether the name is one that this job gives: its prefix and a number. */
static bool is_ours(const struct sweeper *sweeper, const char *name)
{
	size_t size = strlen(sweeper->prefix);
	return strncmp(name, sweeper->prefix, size) == 0 && name[size] != '\0' &&
	       name[size + strspn(name + size, "0123456789")] == '\0';
}

static void take_name(struct sweeper *sweeper, int at, const char *name, size_t path_size)
{
	const struct sweep_options *options = sweeper->options;
	if (options->removes && unlinkat(at, name, 0) != 0)
		return;
	sweeper->count++;
	if (!options->found)
		return;
	snprintf(sweeper->path + path_size, sizeof sweeper->path - path_size, "%s%s",
		 path_size > 0 ? "/" : "", name);
	options->found(options->context, sweeper->path);
	sweeper->path[path_size] = '\0';
}

static enum fault sweep_directory(struct sweeper *sweeper, const struct tree_dir *target_dir,
				  struct listing_id listing, struct err *err)
{
	int fd = openat(target_dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return FAULT_NONE;
	}
	enum fault fault = FAULT_NONE;
	bool named = false;
	for (struct dirent *entry; !fault && (entry = readdir(dir));) {
		if (!is_ours(sweeper, entry->d_name))
			continue;
		if (!named)
			fault = catalog_path(sweeper->reader, listing, sweeper->path,
					     sizeof sweeper->path / 2, err);
		named = true;
		if (!fault)
			take_name(sweeper, fd, entry->d_name, strlen(sweeper->path));
	}
	closedir(dir);
	return fault;
}

/* Visits the directory of each listing; one that is not there has nothing of ours. */
static enum fault sweep_all(struct sweeper *sweeper, struct err *err)
{
	for (;;) {
		struct catalog_page page;
		struct tree_dir *target_dir;
		struct err passed;
		if (catalog_next(sweeper->reader, &page, err))
			return err->fault;
		if (page.is_end)
			return FAULT_NONE;
		if (!page.first || tree_open(sweeper->tree, page.listing, &target_dir, &passed))
			continue;
		enum fault fault = sweep_directory(sweeper, target_dir, page.listing, err);
		tree_dir_unref(target_dir);
		if (fault)
			return fault;
	}
}

enum fault sweep(const struct sweep_options *options, uint64_t *count, struct err *err)
{
	struct sweeper *sweeper = calloc(1, sizeof *sweeper);
	*count = 0;
	if (!sweeper)
		return err_set(err, FAULT_NOMEM, "no memory to look for temporary files");
	int root = open(options->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum fault fault = FAULT_NONE;
	if (root < 0)
		fault = err_set(err, FAULT_NOT_FOUND, "'%.120s' is not there", options->directory);
	sweeper->options = options;
	arrival_prefix(options->job, sweeper->prefix);
	if (!fault)
		fault = catalog_reader_new(options->catalog, &sweeper->reader, err);
	if (!fault)
		fault = target_tree_new_looking(options->catalog, root, KEPT_OPEN, &sweeper->tree,
						err);
	if (!fault)
		fault = sweep_all(sweeper, err);
	*count = sweeper->count;
	tree_free(sweeper->tree);
	catalog_reader_free(sweeper->reader);
	if (root >= 0)
		close(root);
	free(sweeper);
	return fault;
}
