/*
 * One range of a file being read from a grid, or all of it.
 *
 * Place      inside src/download: a download starts pieces and hears of their end.
 * Ownership  a piece belongs to its download.
 * Threads    the download's lane.
 */
#pragma once

#include "store/store.h"
#include "verify/proof.h"

struct piece;

struct piece_options {
	struct store *store;
	const struct cap *cap;
	/* Takes the bytes at `offset` of the file.  A fault ends the piece with it. */
	enum fault (*take)(void *context, struct piece *piece, const void *data, size_t size,
			   struct err *err);
	/* Hears that the piece has ended, `err` NULL: all of it came.  May start it again. */
	void (*ended)(void *context, struct piece *piece, const struct err *err);
	void *context;
};

struct piece {
	const struct piece_options *options;
	uint64_t number;
	uint64_t offset, size; /* size UINT64_MAX: whatever there is, from 0 */
	bool whole;            /* asked for without a range */
	bool busy;
	bool proven;             /* the store itself has proven these bytes */
	bool tail_checked;       /* what ended is piece_check_tail */
	struct store_call *call; /* in flight */
	struct proof proof;      /* of this reading; `first` holds its hash once it has ended */
	struct err local;        /* what ended the reading from our side */
	unsigned char tail[PROOF_TAIL_MAX]; /* its end read as a range of its own */
	size_t tail_size, tail_read;
};

/* Starts reading.  `number`, `offset`, `size` and `whole` are set; ends in `ended`, at once on a
 * fault. */
void piece_start(struct piece *piece);

/*
 * Asks for the end of what was read again when it looks like the beginning of an error's words,
 * then calls `ended`; at once when it does not.
 */
void piece_check_tail(struct piece *piece);

/* Ends the call in flight without `ended`. */
void piece_cancel(struct piece *piece);

/* Frees what it holds. */
void piece_fini(struct piece *piece);
