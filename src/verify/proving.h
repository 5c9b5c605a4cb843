/*
 * Whether what a grid holds under a cap is what was stored, by the proofs that are owed, one after
 * the other:
 *
 *   [CHECK: all shares are there and good; COUNT: they are there] ->
 *   [READ: read back, the same bytes] -> ended
 *
 * A repair stands between two checks: what is small is mended at the storage servers, and where
 * that was not enough the gateway is told to repair it.
 *
 * Where no hash of the bytes is known, as of a file found in a listing, they are proven by the key
 * in their cap, or by the store; else they are read, and nothing is said of them but that.
 *
 * Place      src/upload, for what was sent just now; src/audit, for what was sent once.
 * Ownership  borrows the store, the cap and the content until `ended`.
 * Threads    the owner of the store.
 */
#pragma once

#include "verify/mending.h"
#include "verify/policy.h"
#include "verify/proof.h"
#include "verify/reading.h"

struct proving_options {
	struct store *store;
	bool add_lease, repair; /* with its check */
	bool believes;          /* what a check says the first time, unless it is unsure:
				   it was stored long ago */
	const struct cap *cap;
	const unsigned char *content; /* xxh3-128 of the bytes, NULL where not known; READ only */
	const struct chk_params *secret; /* the gateway's, where `content` is NULL; or NULL */
	uint64_t size;                   /* of them */
	void (*moved)(void *context,
		      uint64_t bytes); /* hears of bytes that arrived; NULL: nobody */
	/* Hears of the end, which may be at once; `err` NULL: all is proven. */
	void (*ended)(void *context, const struct err *err);
	void *context; /* of both */
};

/* All zeros before the first start. */
struct proving {
	struct proving_options options;
	unsigned owed;           /* enum verify_level: not proven yet */
	struct store_call *call; /* the check in flight */
	struct reading reading;
	struct proof proof; /* of what is read back */
	bool checked;
	struct store_health health; /* as the check found it */
	struct mending mending;     /* of what was missing */
	bool mended, asks_repair;   /* was tried; the gateway is to do it */
};

/* Proves the levels `owed`, of COUNT, CHECK and READ; may be none. */
void proving_start(struct proving *proving, const struct proving_options *options, unsigned owed);

/* Returns whether the check that has ended badly found enough good shares, and bad ones, which no
 * repair takes away: what is stored again is refused by their servers, which have it. */
bool proving_stays_bad(const struct proving *proving);

/* Ends the call in flight, if there is one, without `ended`. */
void proving_cancel(struct proving *proving);

/* Frees what it holds.  All zeros are allowed. */
void proving_fini(struct proving *proving);

/* Judges what a check that went well has found: all shares have to be good, where there are any.
 * Faults: CORRUPT, excused where the grid is in trouble. */
MUST_USE enum fault proving_health(const struct store_reply *reply, struct err *err);
