/*
 * One reader: a work in, and out of it a body, a settled outcome, or the work given back.
 *
 * Place      inside src/read, one for each thread of read/readers.h.
 * Threads    one.
 */
#pragma once

#include "read/readers.h"

struct reader;

/* Makes a reader with a tree and hashes of its own.  `options` is borrowed.  Faults: those of
 * source_tree_new, NOMEM. */
MUST_USE enum fault reader_new(const struct readers_options *options, struct reader **reader,
			       struct err *err);
void reader_free(struct reader *reader);

/* Deals with one work.  Sleeps for the budget, the disk and, streaming, for the sender. */
void reader_take(struct reader *reader, struct work *work);
