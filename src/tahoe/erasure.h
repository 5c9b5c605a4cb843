/*
 * Erasure codes: data cut into k blocks, n blocks made of them, and any k turned back into data.
 *
 * Place      tahoe/chk_encoder; direct/direct, where a file's first k shares are not all to be had.
 * Ownership  a struct erasure has one owner; blocks are borrowed for the call.
 * Threads    erasure_encode and erasure_decode may run concurrently.
 *
 * Source: zfec's code over GF(2^8) with polynomial 0x11d, which tahoe-lafs 1.20.0 uses for CHK.
 */
#pragma once

#include "queue/core/fault.h"

enum {
	ERASURE_BLOCKS_MAX = 256,
	ERASURE_GROUP = 6, /* blocks made at once: what ISA-L makes in one pass over the data */
};

struct erasure;

/*
 * Prepares decoding of a k-of-n code from the blocks of these k different `numbers`, each below n,
 * in any order.  FAULT_USAGE for parameters outside 1 <= k <= n <= ERASURE_BLOCKS_MAX, a number
 * twice or too large; FAULT_NOMEM.
 */
MUST_USE enum fault erasure_new(unsigned k, unsigned n, const unsigned char *numbers,
				struct erasure **erasure, struct err *err);

/*
 * Prepares encoding: the k primary blocks, which are the data, give blocks k..n-1.  FAULT_USAGE for
 * parameters outside 1 <= k <= n <= ERASURE_BLOCKS_MAX; FAULT_NOMEM.
 */
MUST_USE enum fault erasure_new_encoder(unsigned k, unsigned n, struct erasure **erasure,
					struct err *err);

/* Frees.  NULL is allowed. */
void erasure_free(struct erasure *erasure);

/* Stores the k primary blocks in `out`, one behind the other, from the k `blocks` of `size` bytes
 * each, which are in the order of the numbers.  `out` does not overlap them. */
void erasure_decode(const struct erasure *erasure, const unsigned char *const *blocks, size_t size,
		    unsigned char *out);

/*
 * Makes blocks from the k primary ones in `data`, one behind the other, of `size` bytes each: up to
 * ERASURE_GROUP of them from block `first`, which is k or that plus a multiple of ERASURE_GROUP.
 * Stores them in `out`, one behind the other, which does not overlap `data`, and returns how many.
 */
unsigned erasure_encode(const struct erasure *erasure, unsigned first, const unsigned char *data,
			size_t size, unsigned char *out);
