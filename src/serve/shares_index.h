/*
 * Storage index -> share: an open-addressing table.
 *
 * Place      inside serve/shares.h.
 * Ownership  a struct shares_index owns its slots until shares_index_fini.
 * Threads    one owner at a time.
 */
#pragma once

#include "serve/shares.h"

struct shares_index {
	struct share *slots; /* kind 0: free */
	size_t capacity;     /* a power of two, or 0 */
	size_t count;
};

/* Frees.  All zeros are allowed and are an empty index. */
void shares_index_fini(struct shares_index *index);

/* Returns the entry, valid until the next change, or NULL. */
const struct share *shares_index_find(const struct shares_index *index,
				      const unsigned char key[CAP_KEY_SIZE]);

/* Adds `share`, or puts it in the place of the one with its storage index.  FAULT_NOMEM. */
MUST_USE enum fault shares_index_put(struct shares_index *index, const struct share *share,
				     struct err *err);
