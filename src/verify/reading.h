/*
 * One reading of a file on a grid, or of a range of it: asked for, counted, its length judged.
 *
 *   reading_start       -> take ... take -> as many as there are? -> ended
 *   reading_check_tail  -> its last bytes once more, as a range of their own -> equal? -> ended
 *
 * Place      inside whoever gets bytes and proves them (single.h, proving.h).
 * Ownership  borrows the store, the cap and what it is compared with.
 * Threads    the owner of the store.
 */
#pragma once

#include "store/store.h"
#include "verify/proof.h"

struct reading_options {
	struct store *store;
	const struct cap *cap;
	/* Takes bytes, in order.  A fault ends the reading with it. */
	enum fault (*take)(void *context, const void *data, size_t size, struct err *err);
	/* Hears of the end, which may be at once; `err` NULL: well.  May start it again. */
	void (*ended)(void *context, const struct err *err);
	void *context; /* of both */
	bool hurried;  /* as of store_get, and */
	bool written;  /* the same */
};

struct reading {
	struct reading_options options;
	uint64_t offset, length; /* of the range; length UINT64_MAX: the whole file */
	uint64_t received;       /* bytes */
	bool proven;             /* the store itself has proven them */
	struct store_call *call; /* in flight */
	struct err local;        /* what ended it from our side */
	const struct proof *proof;
	unsigned char tail[PROOF_TAIL_MAX];
	size_t tail_size, tail_read;
};

/* Starts reading; `options`, `offset` and `length` are set. */
void reading_start(struct reading *reading);

/*
 * Asks for the end of what was read, of which `proof` knows, again when it looks like the beginning
 * of an error's words, then calls `ended`; at once when it does not.
 */
void reading_check_tail(struct reading *reading, const struct proof *proof);

/* Ends the call in flight, if there is one, without `ended`. */
void reading_cancel(struct reading *reading);
