#include "files/site.h"

#include "queue/file/manifest.h"

#include <unistd.h>

enum { OPEN_DIRECTORIES = 64 };

struct kept {
	uint64_t listing; /* 0: free */
	uint64_t used;    /* tick of the last use */
	struct spot *spot;
};

struct site {
	struct manifest_reader *reader;
	struct spot *root;
	uint64_t tick;
	struct kept kept[OPEN_DIRECTORIES];
	uint64_t *chain; /* listings between an open directory and the one wanted */
	size_t chain_capacity;
};

static struct spot *spot_new(int fd, unsigned depth)
{
	struct spot *spot = malloc(sizeof *spot);
	if (!spot)
		return NULL;
	spot->fd = fd;
	spot->depth = depth;
	atomic_init(&spot->references, 1);
	return spot;
}

void spot_ref(struct spot *spot)
{
	atomic_fetch_add_explicit(&spot->references, 1, memory_order_relaxed);
}

void spot_unref(struct spot *spot)
{
	if (!spot || atomic_fetch_sub_explicit(&spot->references, 1, memory_order_acq_rel) > 1)
		return;
	close(spot->fd);
	free(spot);
}

enum fault site_new(const char *manifest, int root, struct site **site, struct err *err)
{
	int fd;
	struct site *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for the target's directories");
	enum fault fault = manifest_open(manifest, &made->reader, err);
	if (!fault)
		fault = beneath_open(root, "", &fd, err);
	if (!fault) {
		made->root = spot_new(fd, 0);
		if (!made->root) {
			close(fd);
			fault = err_set(err, FAULT_NOMEM, "no memory for the target's directories");
		}
	}
	if (fault)
		site_free(made);
	else
		*site = made;
	return fault;
}

void site_free(struct site *site)
{
	if (!site)
		return;
	for (size_t i = 0; i < OPEN_DIRECTORIES; i++)
		spot_unref(site->kept[i].spot);
	spot_unref(site->root);
	manifest_close(site->reader);
	free(site->chain);
	free(site);
}

static struct spot *find_kept(struct site *site, uint64_t listing)
{
	for (size_t i = 0; i < OPEN_DIRECTORIES; i++) {
		if (site->kept[i].listing == listing) {
			site->kept[i].used = ++site->tick;
			return site->kept[i].spot;
		}
	}
	return NULL;
}

/* Keeps `spot`, which it takes, in the place of the one used longest ago. */
static void keep(struct site *site, uint64_t listing, struct spot *spot)
{
	struct kept *oldest = &site->kept[0];
	for (size_t i = 1; i < OPEN_DIRECTORIES; i++)
		if (site->kept[i].used < oldest->used)
			oldest = &site->kept[i];
	spot_unref(oldest->spot);
	*oldest = (struct kept){ .listing = listing, .used = ++site->tick, .spot = spot };
}

static bool chain_append(struct site *site, size_t count, uint64_t listing)
{
	if (count == site->chain_capacity) {
		size_t capacity = count ? 2 * count : 64;
		uint64_t *grown = reallocarray(site->chain, capacity, sizeof *grown);
		if (!grown)
			return false;
		site->chain = grown;
		site->chain_capacity = capacity;
	}
	site->chain[count] = listing;
	return true;
}

/* Makes and opens the directory listed at `listing` inside `parent`. */
static enum fault descend(struct site *site, uint64_t listing, const struct spot *parent,
			  struct spot **spot, struct err *err)
{
	struct manifest_block block;
	char name[BENEATH_NAME_MAX + 1];
	bool made;
	int fd;
	if (manifest_read(site->reader, listing, &block, err))
		return err->fault;
	if (block.name_size > BENEATH_NAME_MAX)
		return err_set(err, FAULT_USAGE, "a directory's name is too long here");
	memcpy(name, block.name, block.name_size);
	name[block.name_size] = '\0';
	if (beneath_make(parent->fd, name, &made, err) || beneath_open(parent->fd, name, &fd, err))
		return err_wrap(err, "directory '%.40s'", name);
	struct spot *opened = spot_new(fd, parent->depth + 1);
	if (!opened) {
		close(fd);
		return err_set(err, FAULT_NOMEM, "no memory for the target's directories");
	}
	keep(site, listing, opened);
	*spot = opened;
	return FAULT_NONE;
}

enum fault site_open(struct site *site, uint64_t listing, struct spot **spot, struct err *err)
{
	struct spot *at = NULL;
	size_t count = 0;
	while (!(at = find_kept(site, listing))) {
		struct manifest_block block;
		if (manifest_read(site->reader, listing, &block, err))
			return err->fault;
		if (block.id == 0) {
			at = site->root;
			break;
		}
		if (!chain_append(site, count++, listing))
			return err_set(err, FAULT_NOMEM, "no memory for a path");
		listing = block.parent_listing;
	}
	while (count > 0) {
		if (descend(site, site->chain[--count], at, &at, err))
			return err->fault;
	}
	spot_ref(at);
	*spot = at;
	return FAULT_NONE;
}
