/*
 * Missing and damaged shares of an immutable object made anew, and put where there is room, without
 * the gateway and in little memory, whatever the size.
 *
 *   its bytes, read piece by piece -> shares, encoded as the cap has it -> those that are missing,
 *     ^      paused while slabs wait                                        slab by slab, put
 *     |                                                                        |
 *     '--- from the start again: another pass of the put, or the size of segments was not that one
 *
 * What stands behind the blocks of a share, and so completes it, is made only once the cap has come
 * out again: nothing else is ever stored under it.
 *
 * Place      verify/proving.c, between two checks.
 * Ownership  borrows the store, the cap and the damage until `ended`.
 * Threads    the owner of the store.
 */
#pragma once

#include "store/store.h"

struct mending {
	struct store *store;
	const struct cap *cap;
	const struct store_damage *damage; /* as a check found it */
	/* Hears of the end, which may be at once: whether all that could be put was. */
	void (*ended)(void *context, bool well);
	void *context;
	/* all zeros before the first start */
	struct cap file;
	unsigned attempt; /* which size of segments */
	struct chk_params params;
	struct chk_encoder *encoder;
	struct store_feed feed;
	struct slab_writer writer;
	struct slab **ready; /* waiting to be sent, oldest first */
	size_t ready_count, ready_room;
	struct slab *spare;           /* to be filled next, or NULL */
	struct store_call *get, *put; /* in flight */
	bool paused;                  /* the get is */
	bool encoded;                 /* all of this pass */
	struct err err;               /* why there will be no more of it */
};

/* Returns whether it can be mended so: CHK, and not so large that its hash trees fill memory. */
bool mending_can(const struct cap *cap);

/* Starts; what borrows and hears is set. */
void mending_start(struct mending *mending);

/* Ends the calls in flight, if there are any, without `ended`. */
void mending_cancel(struct mending *mending);

/* Wipes and frees what it holds.  All zeros are allowed. */
void mending_fini(struct mending *mending);
