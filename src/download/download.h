/*
 * Files of a grid on their way to a local target: by cap, in ranges, every byte proven.
 *
 *   pieces in parallel -> blocks -> temporary file; in order: key and hash over all bytes
 *      -> the key is the cap's, or the store has proven every piece: proven
 *      -> else every piece a second time: equal, and its end no error's words: proven
 *
 * download_take.c says how a file is brought; what is at the target already is compared, if it is
 * to be, by threads of its own.  A lane (download.c decides, piece.c reads one range) only moves
 * bytes into blocks; whatever touches the file or computes over its bytes is a job for the writers
 * (land/partial.h).
 *
 * A file without chunks is one piece, asked for without a range.  Of one with chunks each piece
 * that is there has an outcome of its own (its hash, its length), and the next attempt, in this run
 * or another, takes from the temporary file what still agrees with it.
 *
 * Place      dispatcher -> [downloads] -> store calls in lanes -> src/land/partial.h.
 * Ownership  a download owns its arrival until it hands that on.
 * Threads    download_take belongs to one thread; the rest runs in the lane of each download.
 */
#pragma once

#include "calls/lanes.h"
#include "land/arrival.h"
#include "queue/core/workers.h"
#include "tahoe/chk.h"

struct downloads {
	struct lanes *lanes;
	struct workers *workers;   /* what waits for the disk */
	struct workers *comparers; /* files at the target, with caps; NULL: none is compared */
	uint64_t queue_max;        /* bytes of one file after which it waits for it */
	struct arrivals *arrivals;
	struct tree *target_tree;
	struct outcomes *outcomes;       /* where the pieces of earlier attempts stand */
	struct outcomes *sources;        /* where the caps of chunks stand */
	bool caps_only;                  /* files get the text of their read caps, not the data */
	const struct chk_params *secret; /* the gateway's, or NULL: unknown */
	const atomic_bool *cancel;       /* true: end soon */
	/* Whether a file of so many bytes may be fetched; else it is given back.  May be NULL. */
	bool (*admits)(void *context, uint64_t bytes);
	void (*moved)(void *context, uint64_t bytes); /* hears of bytes that arrived */
	/* Hears how many bytes of files on their way are there, more or (negative) fewer: those
	 * of a file that has ended are taken back.  May be NULL. */
	void (*underway)(void *context, int64_t bytes);
	void *context;
	atomic_uint_least64_t reread; /* files proven by a second reading */
	atomic_uint_least64_t direct; /* files of which the store has proven every piece */
};

/* Fetches the file of `work`, whose source's cap is in `source` (a slot of state planned). */
void download_take(struct downloads *downloads, struct work *work, const struct outcome *source);
