#include "files/tree.h"

#include "queue/core/array.h"
#include "queue/core/thread.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct kept {
	struct listing_id listing; /* 0: free */
	uint64_t used;             /* tick of the last use */
	struct tree_dir *dir;
};

struct tree {
	struct tree_options options;
	struct catalog_reader *reader;
	struct tree_dir *root;
	struct listing_id base; /* the root's listing; 0 until it is known */
	uint64_t tick;
	struct kept kept[TREE_OPEN_MAX];
	struct listing_id *chain; /* between an open directory and the one wanted */
	size_t chain_capacity;
};

static enum fault no_memory(struct err *err)
{
	return err_set(err, FAULT_NOMEM, "no memory for the directories of a plan");
}

/* Takes the descriptor, also on failure, which is NULL.  `parent` is NULL for a root. */
static struct tree_dir *dir_new(int fd, struct listing_id listing, const struct tree_dir *parent,
				const char *name)
{
	struct tree_dir *dir = malloc(sizeof *dir);
	const char *above = parent ? parent->path : "";
	if (!dir || asprintf(&dir->path, "%s%s%s", above, *above ? "/" : "", name) < 0) {
		if (fd >= 0)
			close(fd);
		free(dir);
		return NULL;
	}
	dir->fd = fd;
	dir->listing = listing;
	dir->rank = 0;
	dir->depth = parent ? parent->depth + 1 : 0;
	atomic_init(&dir->seen_ms, clock_ms());
	atomic_init(&dir->alike, NULL);
	atomic_init(&dir->references, 1);
	return dir;
}

void tree_dir_ref(struct tree_dir *dir)
{
	atomic_fetch_add_explicit(&dir->references, 1, memory_order_relaxed);
}

void tree_dir_unref(struct tree_dir *dir)
{
	if (!dir || atomic_fetch_sub_explicit(&dir->references, 1, memory_order_acq_rel) > 1)
		return;
	if (dir->fd >= 0)
		close(dir->fd);
	free(atomic_load_explicit(&dir->alike, memory_order_acquire));
	free(dir->path);
	free(dir);
}

enum fault tree_new(const struct tree_options *options, struct tree **tree, struct err *err)
{
	struct tree_dir *root = dir_new(options->root, LISTING_NONE, NULL, "");
	struct tree *made = calloc(1, sizeof *made);
	if (!made || !root) {
		tree_dir_unref(root);
		free(made);
		return no_memory(err);
	}
	assert(options->opened > 0 && options->opened <= TREE_OPEN_MAX);
	made->options = *options;
	made->root = root;
	enum fault fault = catalog_reader_new(options->catalog, &made->reader, err);
	if (fault)
		tree_free(made);
	else
		*tree = made;
	return fault;
}

void tree_free(struct tree *tree)
{
	if (!tree)
		return;
	for (size_t i = 0; i < TREE_OPEN_MAX; i++)
		tree_dir_unref(tree->kept[i].dir);
	tree_dir_unref(tree->root);
	catalog_reader_free(tree->reader);
	free(tree->chain);
	free(tree);
}

/* Reads the page at `at`, which is there. */
static enum fault read_at(struct tree *tree, struct listing_id at, struct catalog_page *page,
			  struct err *err)
{
	catalog_seek(tree->reader, at);
	enum fault fault = catalog_read(tree->reader, page, err);
	if (fault == FAULT_NOT_FOUND || (!fault && page->is_end))
		return err_set(err, FAULT_CORRUPT, "the plan lacks a listing");
	return fault;
}

/* The listings above come first in the plan, in a page or more each (a kill may cut one off in the
 * middle). */
static enum fault find_base(struct tree *tree, struct err *err)
{
	struct catalog_page page;
	enum fault fault = read_at(tree, tree->base, &page, err);
	for (size_t i = 0; i < tree->options.skipped && !fault;) {
		i += page.last;
		fault = catalog_read(tree->reader, &page, err);
	}
	if (!fault)
		tree->base = tree->root->listing = page.here;
	return fault;
}

static struct tree_dir *find_kept(struct tree *tree, struct listing_id listing, uint32_t rank)
{
	for (size_t i = 0; i < tree->options.opened; i++) {
		struct kept *kept = &tree->kept[i];
		if (kept->dir && listing_is(kept->listing, listing) && kept->dir->rank == rank) {
			kept->used = ++tree->tick;
			return kept->dir;
		}
	}
	return NULL;
}

/* Keeps `dir`, which it takes, in the place of the one used longest ago. */
static void keep(struct tree *tree, struct listing_id listing, struct tree_dir *dir)
{
	struct kept *oldest = &tree->kept[0];
	for (size_t i = 1; i < tree->options.opened; i++)
		if (tree->kept[i].used < oldest->used)
			oldest = &tree->kept[i];
	tree_dir_unref(oldest->dir);
	*oldest = (struct kept){ .listing = listing, .used = ++tree->tick, .dir = dir };
}

static bool chain_append(struct tree *tree, size_t count, struct listing_id listing)
{
	if (!array_reserve(&tree->chain, count, &tree->chain_capacity, sizeof *tree->chain))
		return false;
	tree->chain[count] = listing;
	return true;
}

/* Puts the listings from `listing` up to one that is open, or to the root's, on the chain, and
 * stores that directory. */
static enum fault climb(struct tree *tree, struct listing_id listing, uint32_t rank, size_t *count,
			struct tree_dir **at, struct err *err)
{
	*count = 0;
	for (;;) {
		struct catalog_page page;
		*at = listing_is(listing, tree->base) ? tree->root : find_kept(tree, listing, rank);
		if (*at)
			return FAULT_NONE;
		enum fault fault = read_at(tree, listing, &page, err);
		if (fault)
			return fault;
		if (page.id == 0)
			return err_set(err, FAULT_CORRUPT, "a listing is not below the root");
		if (!chain_append(tree, (*count)++, listing))
			return no_memory(err);
		listing = page.parent;
	}
}

/* Closes what is kept open, but for `used`, when descriptors have run out.  Returns whether there
 * was anything. */
static bool close_others(struct tree *tree, const struct tree_dir *used)
{
	bool any = false;
	for (size_t i = 0; i < tree->options.opened; i++) {
		struct kept *kept = &tree->kept[i];
		if (!kept->dir || kept->dir == used)
			continue;
		tree_dir_unref(kept->dir);
		*kept = (struct kept){ .used = 0 };
		any = true;
	}
	return any;
}

/* Enters the directory of `listing` from `*dir`, and keeps and stores it. */
static enum fault descend(struct tree *tree, struct listing_id listing, uint32_t rank,
			  struct tree_dir **dir, struct err *err)
{
	struct tree_dir *parent = *dir;
	struct catalog_page page;
	char name[MANIFEST_NAME_MAX + 1];
	int fd;
	enum fault fault = read_at(tree, listing, &page, err);
	if (fault)
		return fault;
	memcpy(name, page.name, page.name_size);
	name[page.name_size] = '\0';
	fault = tree->options.enter(tree->options.context, parent, name, &fd, err);
	if (fault == FAULT_NOMEM && close_others(tree, parent))
		fault = tree->options.enter(tree->options.context, parent, name, &fd, err);
	if (fault)
		return fault;
	*dir = dir_new(fd, listing, parent, name);
	if (!*dir)
		return no_memory(err);
	(*dir)->rank = rank;
	keep(tree, listing, *dir);
	return FAULT_NONE;
}

enum fault tree_open(struct tree *tree, struct listing_id listing, struct tree_dir **dir,
		     struct err *err)
{
	return tree_open_ranked(tree, listing, 0, dir, err);
}

enum fault tree_open_ranked(struct tree *tree, struct listing_id listing, uint32_t rank,
			    struct tree_dir **dir, struct err *err)
{
	struct tree_dir *at = NULL;
	size_t count = 0;
	enum fault fault = tree->base.value ? FAULT_NONE : find_base(tree, err);
	if (!fault)
		fault = climb(tree, listing, rank, &count, &at, err);
	while (!fault && count > 0)
		fault = descend(tree, tree->chain[--count], rank, &at, err);
	if (fault)
		return fault;
	tree_dir_ref(at);
	*dir = at;
	return FAULT_NONE;
}
