/*
 * Bodies put into files at a local target: the copy between local places.
 *
 * Place      src/read delivers bodies -> [shelf] -> src/land/arrival.h.  A whole body is written
 * in the reader's thread, a stream by threads of the shelf's own. Ownership  a body delivered
 * belongs to the shelf. Threads    shelf_deliver and shelf_keeps from any.
 */
#pragma once

#include "land/arrival.h"
#include "net/pace.h"
#include "read/body.h"

struct shelf_options {
	const char *manifest; /* path */
	int root;             /* the target's directory, open */
	struct arrivals *arrivals;
	/* Whether a file of so many bytes may be written; else it is given back.  May be NULL. */
	bool (*admits)(void *context, uint64_t bytes);
	void (*moved)(void *context, uint64_t bytes); /* hears of bytes written */
	void *context;
	struct pace *pace;         /* of what is written; NULL: no limit */
	const atomic_bool *cancel; /* true: wait no longer for the pace.  May be NULL without one */
};

struct shelf;

/* Starts the threads.  Faults: those of site_new, and NOMEM. */
MUST_USE enum fault shelf_new(const struct shelf_options *options, struct shelf **shelf,
			      struct err *err);

/* Ends what was delivered, joins the threads and frees; no reader may deliver any more.  NULL is
 * allowed. */
void shelf_free(struct shelf *shelf);

/* Returns true when what is at the target is to be kept, or is in the way: then the work has ended.
 */
bool shelf_keeps(struct shelf *shelf, struct work *work);

/* Takes a body (readers_options.deliver).  `context` is the shelf. */
void shelf_deliver(void *context, struct body *body);
