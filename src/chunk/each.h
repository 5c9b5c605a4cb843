/*
 * The same done for many numbers, by several threads.
 *
 * Place      the machines of this room.
 * Threads    chunk_each sleeps until all its threads are done.
 */
#pragma once

#include "queue/core/fault.h"

struct chunk_each {
	/* Does it for one.  By several threads at once. */
	enum fault (*one)(void *context, uint64_t number, struct err *err);
	void *context;
	uint64_t from, to; /* from <= number < to */
	unsigned width;    /* threads, at least 1 */
};

/* Does it for all, begun in order.  After a fault no more are begun.  Returns that of the smallest
 * number; or NOMEM. */
MUST_USE enum fault chunk_each(const struct chunk_each *each, struct err *err);
