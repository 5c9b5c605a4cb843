/*
 * One share of a CHK file proven as its bytes come, from the first to the last: everything in it
 * that any reader looks at.
 *
 *   header -> blocks, hashed one by one -> [plaintext tree, which nobody reads]
 *          -> crypttext tree | block tree | chain | UEB: kept, and compared at the end
 *   the cap has the hash of the UEB; that has the roots of both trees; the chain leads from the
 *   share's own tree to the second
 *
 * Place      direct/direct_check.c feeds it.
 * Ownership  one owner; it holds 32 bytes a segment, and the trees of the share.
 * Threads    one owner at a time.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/immutable/{layout,checker}.py, allmydata/hashtree.py.
 */
#pragma once

#include "tahoe/chk.h"

struct chk_proof;

/* Begins with share `number` of the file of `cap`, a CHK or its verifier.  FAULT_NOMEM. */
MUST_USE enum fault chk_proof_new(const struct cap *cap, unsigned number, struct chk_proof **proof,
				  struct err *err);

/* Frees.  NULL is allowed. */
void chk_proof_free(struct chk_proof *proof);

/* Takes the bytes that come next.  Faults: CORRUPT as soon as they cannot be the share's, TOO_LARGE
 * (its trees), NOMEM. */
MUST_USE enum fault chk_proof_take(struct chk_proof *proof, const void *data, size_t size,
				   struct err *err);

/* Returns the bytes that are still to come; before the header has come, as many as it has at least.
 */
uint64_t chk_proof_left(const struct chk_proof *proof);

/* Ends it, once nothing is left: FAULT_CORRUPT when it is not that share of the file. */
MUST_USE enum fault chk_proof_end(struct chk_proof *proof, struct err *err);
