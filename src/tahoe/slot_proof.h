/*
 * One share of a mutable file or directory proven, once enough of its bytes have come, from the
 * first on: its version, or all of it.
 *
 * Place      direct/direct_check.c feeds it; tahoe/slot.h proves.
 * Ownership  one owner; it holds the bytes that have come.
 * Threads    one owner at a time.
 */
#pragma once

#include "tahoe/slot.h"

enum {
	SLOT_PROOF_MAX = 64 << 20,  /* bytes of a file; larger ones are not looked at */
	SLOT_PROOF_FIRST = 4 << 10, /* bytes that hold what proves the version, as a rule */
};

struct slot_proof;

/* Begins with share `number` of what the mutable `cap` names; `whole`: its blocks are to be proven,
 * too.  The cap is borrowed.  FAULT_NOMEM. */
MUST_USE enum fault slot_proof_new(const struct cap *cap, unsigned number, bool whole,
				   struct slot_proof **proof, struct err *err);

/* Frees.  NULL is allowed. */
void slot_proof_free(struct slot_proof *proof);

/* Takes the bytes that come next.  Faults: CORRUPT as soon as they cannot be the share's,
 * TOO_LARGE, NOMEM. */
MUST_USE enum fault slot_proof_take(struct slot_proof *proof, const void *data, size_t size,
				    struct err *err);

/* Returns the bytes that are still to come; before the header has come, SLOT_PROOF_FIRST. */
uint64_t slot_proof_left(const struct slot_proof *proof);

/* Ends it, once nothing is left: FAULT_CORRUPT when it is no such share.  FAULT_NOMEM. */
MUST_USE enum fault slot_proof_end(struct slot_proof *proof, struct err *err);

/* Returns which version it is of; it ended well. */
const struct slot_version *slot_proof_version(const struct slot_proof *proof);
