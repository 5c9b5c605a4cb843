#include "plan/walk_stack.h"

#include "queue/core/array.h"

/* The listings on the way up from one, that one first. */
struct chain {
	struct listing_id *listing;
	size_t count, capacity;
};

/* Reads the first page of a listing; its parent's must lie before it, or climbing would not end. */
static enum fault read_first(struct walk *walk, struct listing_id listing,
			     struct catalog_page *page, struct err *err)
{
	enum fault fault = walk_read_listed(walk, listing, listing, page, err);
	if (!fault && (!page->first || (page->id && page->parent.value >= listing.value)))
		return err_set(err, FAULT_CORRUPT, "the manifest has a listing out of place");
	return fault;
}

/* Notes the listing, its parent's, and so on up to the root's. */
static enum fault climb(struct walk *walk, struct listing_id listing, struct chain *chain,
			struct err *err)
{
	for (;;) {
		if (!array_reserve(&chain->listing, chain->count, &chain->capacity,
				   sizeof *chain->listing))
			return err_set(err, FAULT_NOMEM, "no memory for the way up");
		struct catalog_page page;
		enum fault fault = read_first(walk, listing, &page, err);
		if (fault)
			return fault;
		chain->listing[chain->count++] = listing;
		if (!page.id)
			return FAULT_NONE;
		listing = page.parent;
	}
}

/* Pushes the directory of `listing` with the one of `below` taken from it. */
static enum fault push_taken(struct walk *walk, struct listing_id listing, struct listing_id below,
			     struct err *err)
{
	struct catalog_page page;
	enum fault fault = read_first(walk, listing, &page, err);
	if (fault)
		return fault;
	struct walk_directory directory = { .id = page.id, .listing = listing, .fd = -1 };
	fault = walk_push(walk, &directory, err);
	if (!fault)
		fault = read_first(walk, below, &page, err);
	if (!fault)
		fault = walk_add_record(walk, page.id, page.name, page.name_size, err);
	if (fault)
		return fault;
	struct walk_frame *top = &walk->frame[walk->count - 1];
	top->taken = page.id;
	top->next = walk->records_size;
	return FAULT_NONE;
}

/*
 * Opens the frames of the stack that was rebuilt.  Their numbers are wanted for `..` and for loops;
 * what is gone is told when it is opened again.
 */
static enum fault reopen_all(struct walk *walk, struct err *err)
{
	bool local = true;
	for (size_t level = walk->first_local; level < walk->count; level++) {
		struct walk_frame *frame = &walk->frame[level];
		if (walk_recall(walk, &frame->at, err))
			return err->fault;
		if (walk_is_remote(&frame->at))
			continue;
		local = local && walk_reopen(walk, level) == 0;
		if (local && level >= walk->open_max)
			walk_close_frame(&walk->frame[level - walk->open_max]);
	}
	return FAULT_NONE;
}

enum fault walk_restore(struct walk *walk, struct listing_id listing, struct walk_child *child,
			struct err *err)
{
	struct chain chain = { .count = 0 };
	enum fault fault = climb(walk, listing, &chain, err);
	for (size_t i = chain.count; i-- > 1 && !fault;)
		fault = push_taken(walk, chain.listing[i], chain.listing[i - 1], err);
	free(chain.listing);
	if (fault)
		return fault;
	fault = reopen_all(walk, err);
	if (fault)
		return fault;
	*child = (struct walk_child){ .id = 0, .name = "" };
	if (!walk->count)
		return FAULT_NONE;
	const struct walk_frame *top = &walk->frame[walk->count - 1];
	child->id = top->taken;
	child->parent_id = top->at.id;
	child->parent_listing = top->at.listing;
	child->name = walk_record_name(walk, top->current, &child->name_size);
	return FAULT_NONE;
}
