/*
 * Files of a grid on their way to a local target: by cap, in ranges, every byte proven.
 *
 *   pieces in parallel -> temporary file; in order: key and hash over all bytes
 *      -> the key is the cap's, or the store has proven every piece: proven
 *      -> else every piece a second time: equal, and its end no error's words: proven
 *
 * A file without chunks is one piece, asked for without a range.  Of one with chunks each piece
 * that is there has an outcome of its own (its hash, its length), and the next attempt, in this run
 * or another, takes from the temporary file what still agrees with it.
 *
 * Place      dispatcher -> [downloads] -> store calls in lanes -> src/land/arrival.h.
 * Ownership  a download owns its arrival until it hands that on.
 * Threads    download_take belongs to one thread; the rest runs in the lane of each download.
 */
#pragma once

#include "calls/lanes.h"
#include "land/arrival.h"
#include "tahoe/chk.h"

struct downloads {
	struct lanes *lanes;
	struct arrivals *arrivals;
	struct target_tree *target_tree;
	struct outcomes *outcomes;       /* where the pieces of earlier attempts stand */
	bool caps_only;                  /* files get the text of their read caps, not the data */
	const struct chk_params *secret; /* the gateway's, or NULL: unknown */
	const atomic_bool *cancel;       /* true: end soon */
	/* Whether a file of so many bytes may be fetched; else it is given back.  May be NULL. */
	bool (*admits)(void *context, uint64_t bytes);
	void (*moved)(void *context, uint64_t bytes); /* hears of bytes that arrived */
	void *context;
	atomic_uint_least64_t reread; /* files proven by a second reading */
	atomic_uint_least64_t direct; /* files of which the store has proven every piece */
};

/* Fetches the file of `work`, whose source's cap is in `source` (a slot of state planned). */
void download_take(struct downloads *downloads, struct work *work, const struct outcome *source);
