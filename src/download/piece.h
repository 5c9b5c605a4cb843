/*
 * One range of a file being read from a grid, or all of it, into a partial file.
 *
 *   bytes -> blocks -> partial_push; too many wait to be written: paused until piece_resume
 *   all of them came -> the last block says so, and comes back with their hash
 *
 * Place      inside src/download: a download starts pieces and hears of their end.
 * Ownership  a piece belongs to its download.
 * Threads    the download's lane.
 */
#pragma once

#include "land/partial.h"
#include "verify/reading.h"

struct piece;

struct piece_options {
	struct store *store;
	bool hurried; /* as of store_get */
	struct partial *partial;
	/* Hears of bytes before they are taken.  A fault ends the piece with it. */
	enum fault (*came)(void *context, uint64_t size, struct err *err);
	/* Hears that the reading has failed, or the check of its tail is over (`err` NULL: well).
	 * May start it again. */
	void (*ended)(void *context, struct piece *piece, const struct err *err);
	void *context;
};

struct piece {
	const struct piece_options *options;
	const struct cap *cap;
	uint64_t number;
	unsigned slot;         /* of the partial */
	uint64_t offset, size; /* in the file; size UINT64_MAX: whatever there is, from 0 */
	bool whole;            /* asked for without a range: it is all that the cap has */
	unsigned steps;        /* enum partial_step: for all its bytes */
	unsigned last_steps;   /* and behind them, with PARTIAL_LAST */
	bool busy;             /* until the download clears it, after the job with PARTIAL_LAST */
	bool paused;
	bool checking;             /* its tail, which is the last step */
	uint64_t received;         /* bytes, put into blocks */
	struct partial_job *block; /* the bytes that came last */
	struct reading reading;    /* `proven`: the store itself has proven these bytes */
};

/* Starts reading.  Everything down to `last_steps` is set; a failure, also at once, goes to
 * `ended`, success through the partial. */
void piece_start(struct piece *piece);

/*
 * Asks for the end of what was read again when it looks like the beginning of an error's words,
 * then calls `ended`; at once when it does not.
 */
void piece_check_tail(struct piece *piece);

/* Goes on if it is paused. */
void piece_resume(struct piece *piece);

/* Ends the call in flight without `ended`, and frees what was not pushed. */
void piece_cancel(struct piece *piece);
