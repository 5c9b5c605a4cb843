/*
 * The children a directory is meant to have, to be compared with what a listing says it has.
 *
 * A child is its name in NFC, its kind and its cap, as one SHA-256 cut to 16 bytes; a set is a
 * sorted array of them.
 *
 * Place      filled from slots, matched in the lane that lists the directory.
 * Threads    one owner at a time.
 */
#pragma once

#include "store/store.h"

enum { CHILDSET_DIGEST_SIZE = 16 };

struct childset_member {
	unsigned char digest[CHILDSET_DIGEST_SIZE];
	uint32_t number; /* in the order of childset_add, from 0 */
	bool found;
};

struct childset {
	struct childset_member *member;
	size_t count, capacity;
	uint64_t listed; /* children seen since childset_begin */
	uint64_t found;  /* of them, members */
};

/* Adds a child.  `name` is UTF-8 in NFC.  Returns false when out of memory. */
MUST_USE bool childset_add(struct childset *set, const char *name, size_t name_size,
			   const struct cap *cap);

/* Sorts.  Nothing is added later. */
void childset_seal(struct childset *set);

/* Returns whether it is a child of the set, listed or not. */
bool childset_has(const struct childset *set, const char *name, size_t name_size,
		  const struct cap *cap);

/* Forgets what was listed. */
void childset_begin(struct childset *set);

/* Notes a child of the listing. */
void childset_see(struct childset *set, const struct store_child *child);

/* Returns whether every member was listed, and, with `exact`, nothing else. */
bool childset_matches(const struct childset *set, bool exact);

/* Frees.  All zeros are allowed. */
void childset_fini(struct childset *set);
