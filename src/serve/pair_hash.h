/*
 * Tahoe's P(tag, a, b): the tagged hash of two strings as netstrings.
 *
 * Place      keys and macs of mutable directories.
 * Threads    may run concurrently.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/util/hashutil.py tagged_pair_hash.
 */
#pragma once

#include "tahoe/hashes.h"

struct hash_input {
	const void *data;
	size_t size;
};

/* Stores P(tag, a, b).  FAULT_NOMEM. */
MUST_USE enum fault pair_hash(const char *tag, struct hash_input a, struct hash_input b,
			      unsigned char out[DIGEST_SIZE]);
