/*
 * A set of names that tells when one comes again.
 *
 * Place      store/listing.
 * Threads    one owner at a time.
 *
 * Only 63-bit hashes are kept: two of a hundred thousand different names are taken for one with a
 * probability of 5e-10, which fails that listing and nothing else.
 */
#pragma once

#include "queue/core/fault.h"

struct names_seen {
	uint64_t *slot; /* hashes; 0: free */
	size_t capacity;
	size_t count;
};

/* Adds a name.  FAULT_EXISTS: it is there already; FAULT_NOMEM.  All zeros is the empty set. */
MUST_USE enum fault names_seen_add(struct names_seen *seen, const void *name, size_t size);

/* Frees the set and leaves it empty. */
void names_seen_fini(struct names_seen *seen);
