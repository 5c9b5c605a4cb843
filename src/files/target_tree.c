#include "files/target_tree.h"

#include "queue/file/manifest.h"

#include <unistd.h>

enum { OPEN_DIRECTORIES = 64 };

struct kept {
	uint64_t listing; /* 0: free */
	uint64_t used;    /* tick of the last use */
	struct target_dir *target_dir;
};

struct target_tree {
	struct manifest_reader *reader;
	struct target_dir *root;
	uint64_t tick;
	struct kept kept[OPEN_DIRECTORIES];
	uint64_t *chain; /* listings between an open directory and the one wanted */
	size_t chain_capacity;
};

static struct target_dir *target_dir_new(int fd, unsigned depth)
{
	struct target_dir *target_dir = malloc(sizeof *target_dir);
	if (!target_dir)
		return NULL;
	target_dir->fd = fd;
	target_dir->depth = depth;
	atomic_init(&target_dir->references, 1);
	return target_dir;
}

void target_dir_ref(struct target_dir *target_dir)
{
	atomic_fetch_add_explicit(&target_dir->references, 1, memory_order_relaxed);
}

void target_dir_unref(struct target_dir *target_dir)
{
	if (!target_dir ||
	    atomic_fetch_sub_explicit(&target_dir->references, 1, memory_order_acq_rel) > 1)
		return;
	close(target_dir->fd);
	free(target_dir);
}

enum fault target_tree_new(const char *manifest, int root, struct target_tree **target_tree,
			   struct err *err)
{
	int fd;
	struct target_tree *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for the target's directories");
	enum fault fault = manifest_open(manifest, &made->reader, err);
	if (!fault)
		fault = dirfd_open(root, "", &fd, err);
	if (!fault) {
		made->root = target_dir_new(fd, 0);
		if (!made->root) {
			close(fd);
			fault = err_set(err, FAULT_NOMEM, "no memory for the target's directories");
		}
	}
	if (fault)
		target_tree_free(made);
	else
		*target_tree = made;
	return fault;
}

void target_tree_free(struct target_tree *target_tree)
{
	if (!target_tree)
		return;
	for (size_t i = 0; i < OPEN_DIRECTORIES; i++)
		target_dir_unref(target_tree->kept[i].target_dir);
	target_dir_unref(target_tree->root);
	manifest_close(target_tree->reader);
	free(target_tree->chain);
	free(target_tree);
}

static struct target_dir *find_kept(struct target_tree *target_tree, uint64_t listing)
{
	for (size_t i = 0; i < OPEN_DIRECTORIES; i++) {
		if (target_tree->kept[i].listing == listing) {
			target_tree->kept[i].used = ++target_tree->tick;
			return target_tree->kept[i].target_dir;
		}
	}
	return NULL;
}

/* Keeps `directory`, which it takes, in the place of the one used longest ago. */
static void keep(struct target_tree *target_tree, uint64_t listing, struct target_dir *target_dir)
{
	struct kept *oldest = &target_tree->kept[0];
	for (size_t i = 1; i < OPEN_DIRECTORIES; i++)
		if (target_tree->kept[i].used < oldest->used)
			oldest = &target_tree->kept[i];
	target_dir_unref(oldest->target_dir);
	*oldest = (struct kept){ .listing = listing,
				 .used = ++target_tree->tick,
				 .target_dir = target_dir };
}

static bool chain_append(struct target_tree *target_tree, size_t count, uint64_t listing)
{
	if (count == target_tree->chain_capacity) {
		size_t capacity = count ? 2 * count : 64;
		uint64_t *grown = reallocarray(target_tree->chain, capacity, sizeof *grown);
		if (!grown)
			return false;
		target_tree->chain = grown;
		target_tree->chain_capacity = capacity;
	}
	target_tree->chain[count] = listing;
	return true;
}

/* Makes and opens the directory listed at `listing` inside `parent`. */
static enum fault descend(struct target_tree *target_tree, uint64_t listing,
			  const struct target_dir *parent, struct target_dir **target_dir,
			  struct err *err)
{
	struct manifest_block block;
	char name[DIRFD_NAME_MAX + 1];
	bool made;
	int fd;
	if (manifest_read(target_tree->reader, listing, &block, err))
		return err->fault;
	if (block.name_size > DIRFD_NAME_MAX)
		return err_set(err, FAULT_USAGE, "a directory's name is too long here");
	memcpy(name, block.name, block.name_size);
	name[block.name_size] = '\0';
	if (dirfd_make(parent->fd, name, &made, err) || dirfd_open(parent->fd, name, &fd, err))
		return err_wrap(err, "directory '%.40s'", name);
	struct target_dir *opened = target_dir_new(fd, parent->depth + 1);
	if (!opened) {
		close(fd);
		return err_set(err, FAULT_NOMEM, "no memory for the target's directories");
	}
	keep(target_tree, listing, opened);
	*target_dir = opened;
	return FAULT_NONE;
}

enum fault target_tree_open(struct target_tree *target_tree, uint64_t listing,
			    struct target_dir **target_dir, struct err *err)
{
	struct target_dir *at = NULL;
	size_t count = 0;
	while (!(at = find_kept(target_tree, listing))) {
		struct manifest_block block;
		if (manifest_read(target_tree->reader, listing, &block, err))
			return err->fault;
		if (block.id == 0) {
			at = target_tree->root;
			break;
		}
		if (!chain_append(target_tree, count++, listing))
			return err_set(err, FAULT_NOMEM, "no memory for a path");
		listing = block.parent_listing;
	}
	while (count > 0) {
		if (descend(target_tree, target_tree->chain[--count], at, &at, err))
			return err->fault;
	}
	target_dir_ref(at);
	*target_dir = at;
	return FAULT_NONE;
}
