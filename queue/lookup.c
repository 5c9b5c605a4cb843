#include "queue/lookup.h"

struct lookup {
	struct manifest_reader *own;   /* reads the directory's own listing */
	struct manifest_reader *above; /* reads the listing its entry stands in */
	struct manifest_block block;   /* last read by `above` */
	bool have_block;
};

enum fault lookup_open(const char *path, struct lookup **lookup, struct err *err)
{
	struct lookup *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "out of memory");
	enum fault fault = manifest_open(path, &made->own, err);
	if (fault == FAULT_NONE)
		fault = manifest_open(path, &made->above, err);
	if (fault == FAULT_NONE)
		*lookup = made;
	else
		lookup_close(made);
	return fault;
}

void lookup_close(struct lookup *lookup)
{
	if (!lookup)
		return;
	manifest_close(lookup->own);
	manifest_close(lookup->above);
	free(lookup);
}

static enum fault lost(uint64_t id, struct err *err)
{
	return err_set(err, FAULT_CORRUPT, "directory %llu is not where the manifest says it is",
		       (unsigned long long)id);
}

/* Reads the block at `offset` into the one place for blocks. */
static enum fault read_above(struct lookup *lookup, uint64_t offset, struct err *err)
{
	lookup->have_block = false;
	enum fault fault = manifest_read(lookup->above, offset, &lookup->block, err);
	if (fault == FAULT_NOT_FOUND)
		return err_set(err, FAULT_CORRUPT, "the manifest ends within a listing");
	lookup->have_block = fault == FAULT_NONE;
	return fault;
}

/* Whether the block at hand, or one behind it, has `id` if the listing at `listing` does. */
static bool stands_before(const struct lookup *lookup, uint64_t id, uint64_t listing)
{
	const struct manifest_block *block = &lookup->block;
	return lookup->have_block && !block->is_trailer && block->listing == listing &&
	       block->count > 0 && block->entry[0].id <= id;
}

static const struct manifest_entry *find_in_block(const struct manifest_block *block, uint64_t id)
{
	size_t low = 0, high = block->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (block->entry[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < block->count && block->entry[low].id == id ? &block->entry[low] : NULL;
}

/* Finds the entry `id` of the listing at `listing`; `*entry` stays NULL on a fault. */
static enum fault find_entry(struct lookup *lookup, uint64_t id, uint64_t listing,
			     const struct manifest_entry **entry, struct err *err)
{
	enum fault fault = FAULT_NONE;
	if (!stands_before(lookup, id, listing))
		fault = read_above(lookup, listing, err);
	while (fault == FAULT_NONE) {
		const struct manifest_block *block = &lookup->block;
		if (block->is_trailer || block->listing != listing)
			return lost(id, err);
		*entry = find_in_block(block, id);
		if (*entry)
			return FAULT_NONE;
		if (block->last)
			return lost(id, err);
		fault = read_above(lookup, block->next, err);
	}
	return fault;
}

enum fault lookup_directory(struct lookup *lookup, uint64_t id, uint64_t listing, struct task *task,
			    struct err *err)
{
	struct manifest_block block;
	enum fault fault = manifest_read(lookup->own, listing, &block, err);
	if (fault == FAULT_NOT_FOUND)
		return lost(id, err);
	if (fault != FAULT_NONE)
		return fault;
	if (block.is_trailer || !block.first || block.id != id)
		return lost(id, err);
	*task = (struct task){ .id = id,
			       .directory = block.parent_id,
			       .listing = listing,
			       .kind = MANIFEST_DIRECTORY,
			       .name = block.name,
			       .name_size = block.name_size };
	if (id == 0)
		return FAULT_NONE;
	const struct manifest_entry *entry = NULL;
	fault = find_entry(lookup, id, block.parent_listing, &entry, err);
	if (!entry)
		return fault;
	task->bytes = entry->bytes;
	task->meta = entry->meta;
	task->meta_size = entry->meta_size;
	return FAULT_NONE;
}
