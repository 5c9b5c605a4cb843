/*
 * The dispatcher: leases transfer segments and hands their works to whoever does them.
 *
 * Place      queue -> [dispatch] -> src/read, or src/commit for what is to be settled from a
 *            listing.
 * Threads    runs one of its own.
 */
#pragma once

#include "queue/lease.h"

struct dispatch_options {
	struct lease_options lease;
	void (*file)(void *context, struct work *work);  /* a file, a symlink, or what is
							    linked whole */
	void (*below)(void *context, struct work *work); /* TASK_BELOW_DONE */
	void *context;
};

struct dispatch;

/* Starts the thread.  Faults: NOMEM. */
MUST_USE enum fault dispatch_start(const struct dispatch_options *options,
				   struct dispatch **dispatch, struct err *err);

/* Waits until there is nothing more to lease (all settled, or the queue stopped) and frees.  NULL
 * is allowed. */
void dispatch_join(struct dispatch *dispatch);
