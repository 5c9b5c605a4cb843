/*
 * Bodies put into files at a local target: the copy between local places.
 *
 * Place      src/read delivers bodies -> [local writer] -> src/land/arrival.h.  A whole body is
 *            written in the reader's thread, a stream by threads of the local writer's own.
 * Ownership  a body delivered belongs to the local writer.
 * Threads    local_writer_deliver and local_writer_keeps from any.
 */
#pragma once

#include "land/arrival.h"
#include "net/pace.h"
#include "read/body.h"

struct local_writer_options {
	struct catalog *catalog;
	int root;        /* the target's directory, open */
	unsigned opened; /* directories kept open below it; 0: many */
	struct arrivals *arrivals;
	/* Whether a file of so many bytes may be written; else it is given back.  May be NULL. */
	bool (*admits)(void *context, uint64_t bytes);
	void (*moved)(void *context, uint64_t bytes); /* hears of bytes written */
	/* Hears how many bytes of files on their way are there, more or (negative) fewer:
	 * those of a file that has ended are taken back.  May be NULL. */
	void (*underway)(void *context, int64_t bytes);
	void *context;
	struct pace *pace;         /* of what is written; NULL: no limit */
	const atomic_bool *cancel; /* true: wait no longer for the pace.  May be NULL without one */
};

struct local_writer;

/* Starts the threads.  Faults: those of target_tree_new, and NOMEM. */
MUST_USE enum fault local_writer_new(const struct local_writer_options *options,
				     struct local_writer **local_writer, struct err *err);

/* Ends what was delivered, joins the threads and frees; no reader may deliver any more.  NULL is
 * allowed. */
void local_writer_free(struct local_writer *local_writer);

/* Returns true when what is at the target is to be kept, or is in the way: then the work has ended.
 */
bool local_writer_keeps(struct local_writer *local_writer, struct work *work);

/* Takes a body (readers_options.deliver).  `context` is the local_writer. */
void local_writer_deliver(void *context, struct body *body);
