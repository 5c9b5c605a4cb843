/*
 * The reply of a storage server that lists the shares it has: a set of numbers in CBOR.
 *
 * Place      inside direct/direct.
 * Ownership  plain memory of the caller.
 * Threads    may run concurrently.
 *
 * Source: tahoe-lafs 1.20.0 docs/specifications/http-storage-node-protocol.rst; a set is an array
 * with tag 258.
 */
#pragma once

#include "queue/core/fault.h"

enum {
	SHARE_NUMBERS_MAX = 256,
	SHARE_NUMBERS_TAG = 258, /* says that an array is a set */
};

/* The same, a bit each. */
struct share_set {
	uint64_t word[SHARE_NUMBERS_MAX / 64];
};

static inline bool share_set_has(const struct share_set *set, unsigned number)
{
	return set->word[number / 64] >> number % 64 & 1;
}

static inline void share_set_add(struct share_set *set, unsigned number)
{
	set->word[number / 64] |= UINT64_C(1) << number % 64;
}

/* Reads one such set at *at and steps over it.  False: there is none. */
MUST_USE bool share_numbers_take(const unsigned char **at, size_t *size,
				 bool found[SHARE_NUMBERS_MAX]);

/* Sets found[i] for each number i below SHARE_NUMBERS_MAX in the reply.  FAULT_CORRUPT when it is
 * not such a set. */
MUST_USE enum fault share_numbers_read(const void *data, size_t size, bool found[SHARE_NUMBERS_MAX],
				       struct err *err);
