/*
 * Sparse files: long runs of zeros that take no room on a disk.
 *
 * Place      what writes files at a local target.
 * Ownership  nothing is kept.
 * Threads    any; ranges of one file that do not overlap may be written side by side.
 */
#pragma once

#include "queue/core/fault.h"

#include <sys/stat.h>

enum {
	HOLE_BLOCK = 4096,   /* what is zero is looked for in blocks of this size */
	HOLE_MIN = 16 << 10, /* shorter runs of zeros are written: to punch them would cost more */
};

/* Returns whether a file takes less room than its size, as one with holes does. */
bool holes_are_in(const struct stat *st);

/*
 * Writes all of `data` at `offset`, making holes of long runs of zeros, whatever stood there.  Its
 * last block is written all the same where the file does not reach as far yet.  Where the file
 * system makes no holes, zeros are written.  Faults: IO, FULL as dirfd_write_at.
 */
MUST_USE enum fault holes_write_at(int fd, uint64_t offset, const void *data, size_t size,
				   struct err *err);
