/*
 * Asking a storage server for room for shares of a file: the question and its answer, in CBOR.
 *
 * Place      inside direct/direct.
 * Ownership  plain memory of the caller.
 * Threads    may run concurrently.
 *
 * Source: tahoe-lafs 1.20.0 docs/specifications/http-storage-node-protocol.rst (allocate).
 */
#pragma once

#include "direct/share_numbers.h"

enum { ALLOCATION_MAX = 1024 /* bytes of the question; the server takes 8192 */ };

struct allocation {
	bool has[SHARE_NUMBERS_MAX];       /* the server had these before, asked for or not */
	bool allocated[SHARE_NUMBERS_MAX]; /* may be written now */
};

/* Writes the question for the shares wanted[], of `share_size` bytes each.  Returns its size. */
size_t allocation_write(const bool wanted[SHARE_NUMBERS_MAX], uint64_t share_size,
			unsigned char data[ALLOCATION_MAX]);

/* Reads the answer.  FAULT_CORRUPT when it is none. */
MUST_USE enum fault allocation_read(const void *data, size_t size, struct allocation *allocation,
				    struct err *err);
