/*
 * The file here that a content is brought into: touched only once there is something to put into
 * it, written from front to back, cut at its end.
 *
 * Place      keys.c, git-annex's exports -> [target] -> a file.
 * Ownership  a struct target owns its descriptor until target_close, and borrows the path.
 * Threads    one owner at a time; target_read may run concurrently.
 */
#pragma once

#include "queue/core/fault.h"

struct target {
	const char *path;
	int fd; /* -1: neither opened nor made yet */
};

/* Looks how many bytes there are; 0 where there is no regular file that can be written. */
uint64_t target_size(struct target *target);

/* Reads what is there (a likeness_read).  FAULT_IO. */
MUST_USE enum fault target_read(void *target, uint64_t offset, unsigned char *data, size_t size,
				struct err *err);

/* Writes over what is there; makes the file where there is none.  Faults: IO, FULL. */
MUST_USE enum fault target_write(struct target *target, uint64_t offset, const void *data,
				 size_t size, struct err *err);

/* Ends the file behind `size`, and syncs it. */
MUST_USE enum fault target_end(struct target *target, uint64_t size, struct err *err);

void target_close(struct target *target);
