/*
 * Shares cut into rows: what an encoder makes, gathered until there is enough for a request.
 *
 *   chk_encoder --pieces--> [slab_writer] --slabs--> whoever sends them, row by row
 *
 * A row is a run of bytes of one share.  The rows of a share follow each other without gaps, from
 * its first byte to its last, over all slabs of a pass.  Blocks of a file come for all shares in
 * turn, so that a slab has a row for each; what follows the blocks comes share by share.
 *
 * Place      between an encoder and the stream of a body.
 * Ownership  whoever made a slab frees it; a writer borrows one after the other.
 * Threads    one owner at a time.
 */
#pragma once

#include "tahoe/chk.h"
#include "tahoe/erasure.h"

enum {
	SLAB_ROW = 2 << 20,  /* bytes of a row, more or less: small requests cost servers more */
	SLAB_MAX = 12 << 20, /* bytes of a slab where nobody wants less */
};

struct slab_row {
	unsigned share;
	uint64_t offset; /* in the share */
	size_t size;
};

struct slab {
	unsigned char *data;
	size_t stride;       /* bytes of room for each row */
	unsigned rows, used; /* one a share; those that are filled */
	struct slab_row row[ERASURE_BLOCKS_MAX];
};

/* How large slabs are to be. */
struct slab_shape {
	const struct chk_params *params;
	uint64_t size; /* of the file */
	uint64_t most; /* bytes of a slab, more or less, unless a block of each share is more */
};

/* Returns the bytes behind `data` of a slab; 0 for parameters out of range. */
uint64_t slab_memory(const struct slab_shape *shape);

/* Makes an empty one.  NULL: no memory, or parameters out of range. */
struct slab *slab_new(const struct slab_shape *shape);

/* Wipes nothing, as shares are no secret, and frees.  NULL is allowed. */
void slab_free(struct slab *slab);

struct slab_writer {
	bool wanted[ERASURE_BLOCKS_MAX]; /* the shares that are kept */
	/* Returns an empty slab; NULL: nobody wants the rest. */
	struct slab *(*room)(void *context);
	/* Takes one that is full, or the last. */
	void (*filled)(void *context, struct slab *slab);
	void *context;
	struct slab *slab; /* open, or NULL */
	uint16_t row_of[ERASURE_BLOCKS_MAX];
};

/* Adds a piece of a share (a chk_sink; `user` is the writer).  FAULT_CANCELLED. */
MUST_USE enum fault slab_writer_take(void *user, const struct chk_piece *piece, struct err *err);

/* Hands the last slab on. */
void slab_writer_end(struct slab_writer *writer);
