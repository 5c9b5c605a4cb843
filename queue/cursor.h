/*
 * Reads a manifest forward, entry by entry, each with its slot of the outcomes.
 *
 * Place      private to the file backend.
 * Ownership  what cursor_next stores borrows from the cursor until its next call.
 * Threads    belongs to one thread at a time.
 */
#pragma once

#include "queue/file/manifest.h"
#include "queue/file/outcomes.h"

enum cursor_step {
	CURSOR_ENTRY,   /* an entry and its slot */
	CURSOR_OPENED,  /* the first block of a listing was read: see cursor_block */
	CURSOR_CLOSED,  /* the last entry of a listing has been read */
	CURSOR_TRAILER, /* the end of the manifest */
	CURSOR_EDGE,    /* nothing more to be read below `limit` */
};

struct cursor;

/* Starts at the first listing.  `reader` and `outcomes` are borrowed. */
MUST_USE enum fault cursor_new(struct manifest_reader *reader, struct outcomes *outcomes,
			       struct cursor **cursor, struct err *err);
void cursor_free(struct cursor *cursor);

/*
 * Goes one step on.  Blocks at `limit` and above are not read.  Faults: CORRUPT (also ids that do
 * not grow and a manifest without a trailer), IO, NOMEM.
 */
MUST_USE enum fault cursor_next(struct cursor *cursor, uint64_t limit, enum cursor_step *step,
				struct err *err);

/* The block last read. */
const struct manifest_block *cursor_block(const struct cursor *cursor);

/* The entry of the last CURSOR_ENTRY, and its slot. */
const struct manifest_entry *cursor_entry(const struct cursor *cursor);
const struct outcome *cursor_outcome(const struct cursor *cursor);
