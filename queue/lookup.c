#include "queue/lookup.h"

struct lookup {
	struct catalog_reader *own;   /* reads the directory's own listing */
	struct catalog_reader *above; /* reads the listing its entry stands in */
	struct catalog_page page;     /* last read by `above` */
	bool have_page;
};

enum fault lookup_open(struct catalog *catalog, struct lookup **lookup, struct err *err)
{
	struct lookup *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "out of memory");
	enum fault fault = catalog_reader_new(catalog, &made->own, err);
	if (fault == FAULT_NONE)
		fault = catalog_reader_new(catalog, &made->above, err);
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
	catalog_reader_free(lookup->own);
	catalog_reader_free(lookup->above);
	free(lookup);
}

static enum fault lost(uint64_t id, struct err *err)
{
	return err_set(err, FAULT_CORRUPT, "directory %llu is not where the manifest says it is",
		       (unsigned long long)id);
}

/* Reads the next page of the listing above. */
static enum fault read_above(struct lookup *lookup, struct err *err)
{
	enum fault fault = catalog_read(lookup->above, &lookup->page, err);
	lookup->have_page = fault == FAULT_NONE;
	return fault == FAULT_NOT_FOUND
		       ? err_set(err, FAULT_CORRUPT, "the manifest ends within a listing")
		       : fault;
}

/* Whether the page at hand, or one behind it, has `id` if the listing at `listing` does. */
static bool stands_before(const struct lookup *lookup, uint64_t id, struct listing_id listing)
{
	const struct catalog_page *page = &lookup->page;
	return lookup->have_page && !page->is_end && listing_is(page->listing, listing) &&
	       page->count > 0 && page->entry[0].id <= id;
}

static const struct manifest_entry *find_in_page(const struct catalog_page *page, uint64_t id)
{
	size_t low = 0, high = page->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (page->entry[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < page->count && page->entry[low].id == id ? &page->entry[low] : NULL;
}

/* Finds the entry `id` of the listing; `*entry` stays NULL on a fault. */
static enum fault find_entry(struct lookup *lookup, uint64_t id, struct listing_id listing,
			     const struct manifest_entry **entry, struct err *err)
{
	enum fault fault = FAULT_NONE;
	if (!stands_before(lookup, id, listing)) {
		catalog_seek(lookup->above, listing);
		fault = read_above(lookup, err);
	}
	while (fault == FAULT_NONE) {
		const struct catalog_page *page = &lookup->page;
		if (page->is_end || !listing_is(page->listing, listing))
			return lost(id, err);
		*entry = find_in_page(page, id);
		if (*entry)
			return FAULT_NONE;
		if (page->last)
			return lost(id, err);
		fault = read_above(lookup, err);
	}
	return fault;
}

enum fault lookup_directory(struct lookup *lookup, uint64_t id, struct listing_id listing,
			    struct task *task, struct err *err)
{
	struct catalog_page page;
	catalog_seek(lookup->own, listing);
	enum fault fault = catalog_read(lookup->own, &page, err);
	if (fault == FAULT_NOT_FOUND)
		return lost(id, err);
	if (fault != FAULT_NONE)
		return fault;
	if (page.is_end || !page.first || page.id != id)
		return lost(id, err);
	*task = (struct task){ .id = id,
			       .directory = page.parent_id,
			       .listing = listing,
			       .kind = MANIFEST_DIRECTORY,
			       .name = page.name,
			       .name_size = page.name_size };
	if (id == 0)
		return FAULT_NONE;
	const struct manifest_entry *entry = NULL;
	fault = find_entry(lookup, id, page.parent, &entry, err);
	if (!entry)
		return fault;
	task->bytes = entry->bytes;
	task->meta = entry->meta;
	task->meta_size = entry->meta_size;
	return FAULT_NONE;
}
