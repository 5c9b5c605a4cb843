#include "queue/cursor.h"

/* Slots read at once.  A page of ordinary names has fewer entries; chunks make gaps of ids. */
enum { WINDOW = 1024 };

struct cursor {
	struct outcomes *outcomes;
	struct catalog_reader *reader;
	struct catalog_page page;
	size_t index;     /* of the next entry */
	bool inside;      /* of `page`, which has entries left or is still to be closed */
	uint64_t next_id; /* lowest that the next entry may have */
	uint64_t first;   /* id of window[0] */
	size_t count;     /* slots in the window */
	struct outcome window[WINDOW];
};

enum fault cursor_new(struct catalog *catalog, struct cursor **cursor, struct err *err)
{
	struct cursor *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "out of memory");
	made->outcomes = catalog->outcomes;
	made->next_id = 1;
	enum fault fault = catalog_reader_new(catalog, &made->reader, err);
	if (fault == FAULT_NONE)
		*cursor = made;
	else
		free(made);
	return fault;
}

void cursor_free(struct cursor *cursor)
{
	if (!cursor)
		return;
	catalog_reader_free(cursor->reader);
	explicit_bzero(cursor, sizeof *cursor); /* slots hold capabilities */
	free(cursor);
}

static enum fault read_page(struct cursor *cursor, struct err *err)
{
	enum fault fault = catalog_read(cursor->reader, &cursor->page, err);
	if (fault == FAULT_NOT_FOUND)
		return err_set(err, FAULT_CORRUPT, "the manifest ends without its trailer");
	if (fault != FAULT_NONE)
		return fault;
	cursor->index = 0;
	cursor->inside = !cursor->page.is_end;
	return FAULT_NONE;
}

/* Has the slot of the entry at `index` in the window.  Never reads slots beyond the page's last
 * entry: the planner may still be writing those. */
static enum fault read_slots(struct cursor *cursor, struct err *err)
{
	const struct catalog_page *page = &cursor->page;
	uint64_t id = page->entry[cursor->index].id;
	uint64_t last = page->entry[page->count - 1].id;
	if (id < cursor->next_id || last < id)
		return err_set(err, FAULT_CORRUPT, "the manifest numbers task %llu twice",
			       (unsigned long long)id);
	if (cursor->count > 0 && id - cursor->first < cursor->count)
		return FAULT_NONE;
	cursor->first = id;
	cursor->count = (size_t)min_u64(last - id + 1, WINDOW);
	enum fault fault = outcomes_read(cursor->outcomes, id, cursor->count, cursor->window, err);
	if (fault != FAULT_NONE)
		cursor->count = 0;
	return fault;
}

static bool has_entries(const struct cursor *cursor)
{
	return cursor->inside && cursor->index < cursor->page.count;
}

/* Stands on a page with entries left, or stores the step that comes before one. */
static enum fault find_entries(struct cursor *cursor, struct listing_id limit,
			       enum cursor_step *step, struct err *err)
{
	*step = CURSOR_ENTRY;
	while (!has_entries(cursor)) {
		bool closed = cursor->inside && cursor->page.last;
		cursor->inside = false;
		*step = closed ? CURSOR_CLOSED : CURSOR_EDGE;
		if (closed || catalog_at(cursor->reader).value >= limit.value)
			return FAULT_NONE;
		enum fault fault = read_page(cursor, err);
		if (fault != FAULT_NONE)
			return fault;
		*step = cursor->page.is_end ? CURSOR_TRAILER : CURSOR_OPENED;
		if (*step == CURSOR_TRAILER || cursor->page.first)
			return FAULT_NONE;
		*step = CURSOR_ENTRY;
	}
	return FAULT_NONE;
}

enum fault cursor_next(struct cursor *cursor, struct listing_id limit, enum cursor_step *step,
		       struct err *err)
{
	enum fault fault = find_entries(cursor, limit, step, err);
	if (fault != FAULT_NONE || *step != CURSOR_ENTRY)
		return fault;
	fault = read_slots(cursor, err);
	if (fault != FAULT_NONE)
		return fault;
	const struct manifest_entry *entry = &cursor->page.entry[cursor->index++];
	cursor->next_id = entry->id + manifest_entry_ids(entry);
	return FAULT_NONE;
}

const struct catalog_page *cursor_page(const struct cursor *cursor) { return &cursor->page; }

const struct manifest_entry *cursor_entry(const struct cursor *cursor)
{
	return &cursor->page.entry[cursor->index - 1];
}

const struct outcome *cursor_outcome(const struct cursor *cursor)
{
	return &cursor->window[cursor_entry(cursor)->id - cursor->first];
}
