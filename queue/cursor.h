/*
 * Reads a plan forward, entry by entry, each with its slot of the outcomes.
 *
 * Place      private to the file backend.
 * Ownership  what cursor_next stores borrows from the cursor until its next call.
 * Threads    belongs to one thread at a time.
 */
#pragma once

#include "queue/catalog.h"

enum cursor_step {
	CURSOR_ENTRY,   /* an entry and its slot */
	CURSOR_OPENED,  /* the first page of a listing was read: see cursor_page */
	CURSOR_CLOSED,  /* the last entry of a listing has been read */
	CURSOR_TRAILER, /* the end of the plan */
	CURSOR_EDGE,    /* nothing more to be read below `limit` */
};

struct cursor;

/* Starts at the first listing of a catalog with outcomes.  Faults: those of catalog_reader_new. */
MUST_USE enum fault cursor_new(struct catalog *catalog, struct cursor **cursor, struct err *err);
void cursor_free(struct cursor *cursor);

/*
 * Goes one step on.  The page `limit` and those behind it are not read.  Faults: CORRUPT (also ids
 * that do not grow and a plan without an end), IO, NOMEM.
 */
MUST_USE enum fault cursor_next(struct cursor *cursor, struct listing_id limit,
				enum cursor_step *step, struct err *err);

/* The page last read. */
const struct catalog_page *cursor_page(const struct cursor *cursor);

/* The entry of the last CURSOR_ENTRY, and its slot. */
const struct manifest_entry *cursor_entry(const struct cursor *cursor);
const struct outcome *cursor_outcome(const struct cursor *cursor);
