/*
 * Missing shares of a small immutable object made anew, and put where there is room, without the
 * gateway.
 *
 *   its bytes, read -> all shares, encoded as the cap has it -> is it the cap? -> those that are
 *   missing are put to the storage servers
 *
 * Place      verify/proving.c, between two checks.
 * Ownership  borrows the store and the cap until `ended`.
 * Threads    the owner of the store.
 */
#pragma once

#include "store/store.h"

struct mending {
	struct store *store;
	const struct cap *cap;
	/* Hears of the end, which may be at once: whether all that could be put was. */
	void (*ended)(void *context, bool well);
	void *context;
	/* all zeros before the first start */
	struct cap file;
	unsigned char *bytes; /* of the file */
	uint64_t received;
	struct chk_shares *shares;
	struct store_call *call; /* in flight */
};

/* Returns whether it can be mended so: CHK, and small enough to be in memory with its shares. */
bool mending_can(const struct cap *cap);

/* Starts; `store`, `cap` and what hears of the end are set. */
void mending_start(struct mending *mending);

/* Ends the call in flight, if there is one, without `ended`. */
void mending_cancel(struct mending *mending);

/* Wipes and frees what it holds.  All zeros are allowed. */
void mending_fini(struct mending *mending);
