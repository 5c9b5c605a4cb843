#include "queue/catalog.h"

#include <assert.h>

enum { SLOTS = 256 }; /* read at once */

void catalog_close(struct catalog *catalog)
{
	if (catalog)
		catalog->backend->close(catalog);
}

const unsigned char *catalog_job_id(const struct catalog *catalog)
{
	return catalog->backend->job_id(catalog);
}

const char *catalog_property(const struct catalog *catalog, const char *key, size_t *size)
{
	return catalog->backend->property(catalog, key, size);
}

bool catalog_is_complete(struct catalog *catalog) { return catalog->backend->is_complete(catalog); }

enum fault catalog_reader_new(struct catalog *catalog, struct catalog_reader **reader,
			      struct err *err)
{
	return catalog->backend->reader_new(catalog, reader, err);
}

void catalog_reader_free(struct catalog_reader *reader)
{
	if (reader)
		reader->catalog->backend->reader_free(reader);
}

void catalog_seek(struct catalog_reader *reader, struct listing_id at)
{
	reader->catalog->backend->seek(reader, at);
}

struct listing_id catalog_at(const struct catalog_reader *reader)
{
	return reader->catalog->backend->at(reader);
}

enum fault catalog_read(struct catalog_reader *reader, struct catalog_page *page, struct err *err)
{
	return reader->catalog->backend->read(reader, page, err);
}

enum fault catalog_path(struct catalog_reader *reader, struct listing_id listing, char *path,
			size_t capacity, struct err *err)
{
	return reader->catalog->backend->path(reader, listing, path, capacity, err);
}

enum fault catalog_next(struct catalog_reader *reader, struct catalog_page *page, struct err *err)
{
	enum fault fault = catalog_read(reader, page, err);
	if (fault != FAULT_NOT_FOUND && fault != FAULT_CORRUPT)
		return fault;
	if (!catalog_is_complete(reader->catalog)) {
		*page = (struct catalog_page){ .is_end = true };
		return FAULT_NONE;
	}
	/* It may have been completed since the page was read. */
	fault = catalog_read(reader, page, err);
	return fault == FAULT_NOT_FOUND ? err_set(err, FAULT_CORRUPT, "the plan has been cut")
					: fault;
}

/* Visits `count` entries whose ids lie within SLOTS numbers. */
static enum fault visit_some(struct catalog_reader *reader, const struct manifest_entry *entry,
			     size_t count, const struct catalog_visitor *visitor, struct err *err)
{
	struct outcomes *outcomes = reader->catalog->outcomes;
	struct outcome slot[SLOTS];
	size_t span = (size_t)(entry[count - 1].id - entry[0].id + 1);
	enum fault fault = FAULT_NONE;
	if (outcomes)
		fault = outcomes_read(outcomes, entry[0].id, span, slot, err);
	else
		memset(slot, 0, span * sizeof slot[0]);
	for (size_t i = 0; i < count && fault == FAULT_NONE; i++)
		fault = visitor->visit(visitor->context, &entry[i],
				       &slot[entry[i].id - entry[0].id], err);
	explicit_bzero(slot, span * sizeof slot[0]);
	return fault;
}

enum fault catalog_visit(struct catalog_reader *reader, const struct catalog_page *page,
			 const struct catalog_visitor *visitor, struct err *err)
{
	const struct manifest_entry *entry = page->entry;
	enum fault fault = FAULT_NONE;
	/* Chunks take numbers between entries, so a batch may hold fewer entries than slots. */
	for (size_t from = 0, to; from < page->count && fault == FAULT_NONE; from = to) {
		for (to = from + 1; to < page->count && entry[to].id - entry[from].id < SLOTS;)
			to++;
		fault = visit_some(reader, &entry[from], to - from, visitor, err);
	}
	return fault;
}

enum fault catalog_children(struct catalog_reader *reader, struct listing_id listing,
			    const struct catalog_visitor *visitor, struct err *err)
{
	struct catalog_page page;
	enum fault fault;
	catalog_seek(reader, listing);
	do {
		fault = catalog_read(reader, &page, err);
		if (fault == FAULT_NOT_FOUND)
			return err_set(err, FAULT_CORRUPT, "the plan ends within a listing");
		if (fault == FAULT_NONE && !listing_is(page.listing, listing))
			return err_set(err, FAULT_CORRUPT, "the plan lacks the rest of a listing");
		if (fault == FAULT_NONE)
			fault = catalog_visit(reader, &page, visitor, err);
	} while (fault == FAULT_NONE && !page.last);
	return fault;
}
