/*
 * Bytes kept until all of them are there: in memory while few, in an unlinked file beyond that.
 *
 * Place      request bodies of the embedded gateway; what goes through a pipe of ours, which is
 *            hashed before it is sent, and proven before it is given on.
 * Ownership  a struct spool owns its memory or file until spool_fini.
 * Threads    one owner at a time.
 */
#pragma once

#include "base/bytes.h"

struct spool {
	const char *directory; /* for the file; borrowed */
	struct bytes memory;   /* everything, or nothing when there is a file */
	int fd;                /* -1: no file */
	uint64_t base;         /* where in it the first byte is */
	uint64_t size;
	const void *borrowed; /* spool_borrow's bytes, or NULL */
	void *view;           /* of the file, or NULL */
};

struct spool_piece {
	const void *data;
	size_t size;
};

/* Makes an empty one that keeps up to `memory_max` bytes in memory; files would go into
 * `directory`, which outlives it. */
void spool_init(struct spool *spool, const char *directory, size_t memory_max);

/* Makes one of the first `size` bytes of the open file `fd`, which it takes.  Not to be appended
 * to. */
void spool_adopt(struct spool *spool, int fd, uint64_t size);

/* The same from its byte `offset` on. */
void spool_adopt_part(struct spool *spool, int fd, uint64_t offset, uint64_t size);

/* Makes one of `size` bytes that live elsewhere and outlive it.  spool_fini is allowed. */
void spool_borrow(struct spool *spool, const void *data, size_t size);

/* Frees.  All zeros are not allowed, a second call is. */
void spool_fini(struct spool *spool);

/* Empties it, and gives up its file. */
void spool_clear(struct spool *spool);

/* Keeps the first `size` bytes alone.  FAULT_IO. */
MUST_USE enum fault spool_cut(struct spool *spool, uint64_t size, struct err *err);

/* Makes room for a body of `size` bytes if that is to lie in memory; a hint. */
void spool_expect(struct spool *spool, uint64_t size);

/* Adds `size` bytes.  FAULT_FULL, FAULT_IO, FAULT_NOMEM. */
MUST_USE enum fault spool_append(struct spool *spool, const void *data, size_t size,
				 struct err *err);

/*
 * Stores in `piece` where the bytes at `offset` are, and how many, at most `piece->size` as it was:
 * in memory, or read into `buffer` of that size.  The size is 0 at the end only.  FAULT_IO, and
 * FAULT_CORRUPT when an adopted file has become shorter.
 */
MUST_USE enum fault spool_read(const struct spool *spool, uint64_t offset, void *buffer,
			       struct spool_piece *piece, struct err *err);

/* Stores the whole as one piece of memory, valid until spool_fini.  FAULT_NOMEM. */
MUST_USE enum fault spool_view(struct spool *spool, const char **data, size_t *size,
			       struct err *err);
