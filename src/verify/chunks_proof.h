/*
 * A file in chunks, proven: its directory, and its chunks, some of them at once.
 *
 *   [list the directory: are they the chunks of this file?] -> [its shares], [chunk 1], [chunk 2],
 *   ... -> all are: ended
 *       -> one has failed: no more are begun; those in flight end -> ended
 *
 * Started again after an attempt that failed, it goes on with what is not proven yet.
 *
 * Place      src/audit, and a backup that looks again at what it knows -> [chunks_proof] ->
 *            proving.h.
 * Ownership  borrows what is in its options until `ended`; owns the chunks' caps.
 * Threads    the owner of the store.
 */
#pragma once

#include "tahoe/chunked.h"
#include "verify/proving.h"

struct chunks_proof_options {
	struct store *store;
	const struct cap *cap; /* of the directory */
	uint64_t bytes;        /* of the file */
	unsigned levels;       /* enum verify_level: COUNT, CHECK, READ */
	bool add_lease, repair;
	unsigned width;                  /* objects in flight at once; 0: one */
	const struct chk_params *secret; /* the gateway's, or NULL: unknown */
	/* Hears of bytes that arrived.  May be NULL. */
	void (*moved)(void *context, uint64_t bytes);
	/* Hears that one object more is proven.  May be NULL. */
	void (*advanced)(void *context);
	/* Hears of the end; `err` NULL: all is proven. */
	void (*ended)(void *context, const struct err *err);
	void *context; /* of all three */
};

struct chunks_hand;

/* All zeros before the first start, but for chunks that are known already. */
struct chunks_proof {
	struct chunks_proof_options options;
	struct chunked chunked;
	bool *proven;               /* for each object: the directory, then the chunks */
	bool checked;               /* shares were looked at, */
	struct store_health health; /* and this is the worst that was found */

	struct store_call *call; /* the listing in flight */
	/* of an attempt: */
	struct chunks_hand *hand; /* as many as may be in flight */
	unsigned hands, busy;
	size_t next;    /* object to be begun */
	bool beginning; /* some are begun just now */
	struct err err; /* of the first object that failed, */
	size_t failed;  /* which it is */
};

/* Proves what is not proven yet. */
void chunks_proof_start(struct chunks_proof *proof, const struct chunks_proof_options *options);

/* Ends the call in flight, if there is one, without `ended`. */
void chunks_proof_cancel(struct chunks_proof *proof);

/* Wipes and frees what it holds. */
void chunks_proof_fini(struct chunks_proof *proof);
