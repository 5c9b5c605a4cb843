/*
 * The body of one request: in memory while small, in an unlinked file of DIR beyond that.
 *
 * Place      http -> [spool] -> grid, which reads it twice (key, then shares).
 * Ownership  a struct spool owns its memory or file until spool_fini.
 * Threads    one owner at a time.
 */
#pragma once

#include "base/bytes.h"

enum { SPOOL_MEMORY_MAX = 1024 * 1024 }; /* bytes kept in memory, as in Tahoe-LAFS */

struct spool {
	const char *directory; /* for the file; borrowed */
	struct bytes memory;   /* everything, or nothing when there is a file */
	int fd;                /* -1: no file */
	uint64_t size;
	const void *borrowed; /* spool_borrow's bytes, or NULL */
	void *view;           /* of the file, or NULL */
};

struct piece {
	const void *data;
	size_t size;
};

/* Makes an empty body; files would go into `directory`, which outlives it. */
void spool_init(struct spool *spool, const char *directory);

/* Makes a body of `size` bytes that live elsewhere and outlive it.  spool_fini is allowed. */
void spool_borrow(struct spool *spool, const void *data, size_t size);

/* Frees.  All zeros are not allowed, a second call is. */
void spool_fini(struct spool *spool);

/* Makes room for a body of `size` bytes if that is to lie in memory; a hint. */
void spool_expect(struct spool *spool, uint64_t size);

/* Adds `size` bytes.  FAULT_FULL, FAULT_IO, FAULT_NOMEM. */
MUST_USE enum fault spool_append(struct spool *spool, const void *data, size_t size,
				 struct err *err);

/*
 * Stores in `piece` where the bytes at `offset` are, and how many, at most `piece->size` as it was:
 * in memory, or read into `buffer` of that size.  The size is 0 at the end only.  FAULT_IO.
 */
MUST_USE enum fault spool_read(const struct spool *spool, uint64_t offset, void *buffer,
			       struct piece *piece, struct err *err);

/* Stores the whole as one piece of memory, valid until spool_fini.  FAULT_NOMEM. */
MUST_USE enum fault spool_view(struct spool *spool, const char **data, size_t *size,
			       struct err *err);
