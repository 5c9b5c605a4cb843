/*
 * The sender's side of a body: what a store is given of it.
 *
 *   whole       bytes in memory, and their shares
 *   stream      bytes as they come, read once
 *   asked for   what the store wants: bytes, again and again, or shares in passes
 *
 * Place      read/body -> [sending] -> a store call of upload/put.
 * Ownership  borrows the body; a struct store_body borrows the struct sending.
 * Threads    the sender's.
 */
#pragma once

#include "read/body.h"
#include "store/store.h"

struct sending {
	struct body *body;
	size_t used;  /* bytes of the piece at hand that were sent */
	bool paused;  /* the request waits for its reader */
	bool begun;   /* of a body that is asked for: some pass is */
	bool encodes; /* it makes shares */
	struct store_feed feed;
};

/* Describes the body for a call of a store.  `params` are those of its shares. */
struct store_body sending_start(struct sending *sending, struct body *body,
				const struct chk_params *params);

/* Stores the cap that the reader has predicted for the body, with these parameters. */
void sending_predicted(const struct body *body, const struct chk_params *params, struct cap *cap);
