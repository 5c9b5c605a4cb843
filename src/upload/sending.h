/*
 * The sender's side of a body: what a store is given of it.
 *
 *   whole       bytes in memory, and their shares
 *   stream      bytes as they come, read once
 *   asked for   what the store wants: bytes, again and again, or shares in passes
 *
 * How much of a stream has gone is told as it goes; what has to go again is taken back.
 *
 * Place      read/body -> [sending] -> a store call of upload/put.
 * Ownership  borrows the body; a struct store_body borrows the struct sending.
 * Threads    the sender's.
 */
#pragma once

#include "read/body.h"
#include "store/store.h"

/* Hears how many bytes more of a stream have gone, or (negative) fewer.  All zeros: nobody does. */
struct sending_watch {
	void (*gone)(void *context, int64_t bytes);
	void *context;
};

struct sending {
	struct body *body;
	struct sending_watch watch; /* set before sending_start */
	uint64_t gone;              /* bytes that were told */
	size_t used;                /* bytes of the piece at hand that were sent */
	bool paused;                /* the request waits for its reader */
	bool begun;                 /* of a body that is asked for: some pass is */
	bool encodes;               /* it makes shares */
	struct store_feed feed;
};

/* Describes the body for a call of a store.  `params` are those of its shares. */
struct store_body sending_start(struct sending *sending, struct body *body,
				const struct chk_params *params);

/* Takes back what was told of a stream: the try has ended, or it is begun anew. */
void sending_end(struct sending *sending);

/* Stores the cap that the reader has predicted for the body, with these parameters. */
void sending_predicted(const struct body *body, const struct chk_params *params, struct cap *cap);
