/*
 * Erasure codes: k blocks of n turned back into the k that the data was cut into.
 *
 * Place      direct/direct, where a file's first k shares are not all to be had.
 * Ownership  a struct erasure has one owner; blocks are borrowed for the call.
 * Threads    erasure_decode may run concurrently.
 *
 * Source: zfec's code over GF(2^8) with polynomial 0x11d, which tahoe-lafs 1.20.0 uses for CHK.
 */
#pragma once

#include "queue/core/fault.h"

enum { ERASURE_BLOCKS_MAX = 256 };

struct erasure;

/*
 * Prepares decoding of a k-of-n code from the blocks of these k different `numbers`, each below n,
 * in any order.  FAULT_USAGE for parameters outside 1 <= k <= n <= ERASURE_BLOCKS_MAX, a number
 * twice or too large; FAULT_NOMEM.
 */
MUST_USE enum fault erasure_new(unsigned k, unsigned n, const unsigned char *numbers,
				struct erasure **erasure, struct err *err);

/* Frees.  NULL is allowed. */
void erasure_free(struct erasure *erasure);

/* Stores the k primary blocks in `out`, one behind the other, from the k `blocks` of `size` bytes
 * each, which are in the order of the numbers.  `out` does not overlap them. */
void erasure_decode(const struct erasure *erasure, const unsigned char *const *blocks, size_t size,
		    unsigned char *out);
