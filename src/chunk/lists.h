/*
 * Which objects a key may consist of: itself, or chunks of one size or another.
 *
 *   not in chunks   the key itself, then what the log has
 *   in chunks       what the log has, the key itself, and last, where the log has none of the size
 *                   that is configured, those it would have: an upload that nobody logged
 *
 * What the log has comes by the chunks' size, the smallest first.  Rules C30 to C33.
 *
 * Place      configuration, key and log -> [lists] -> the machines.
 * Threads    all may run concurrently.
 */
#pragma once

#include "chunk/key.h"
#include "chunk/log.h"
#include "chunk/size.h"

struct chunk_list {
	uint64_t size;  /* of a chunk; 0: the key itself */
	uint64_t count; /* objects, at least 1 */
	bool guessed;   /* the log does not have it */
};

struct chunk_lists {
	struct chunk_list *list;
	size_t count;
};

/* Returns how many chunks of `chunk_size` a file of `size` bytes has: one at least. */
uint64_t chunk_count(uint64_t size, uint64_t chunk_size);

/* Whether keys of this kind are cut into chunks at all. */
bool chunk_cuts(const struct chunk_config *config, const struct chunk_key *key);

/* Makes the lists of what `owner` may have, the most likely first.  To be freed with
 * chunk_lists_fini.  FAULT_NOMEM. */
MUST_USE enum fault chunk_lists_make(const struct chunk_config *config, const struct chunk_key *key,
				     const struct chunk_log *log, const char *owner,
				     struct chunk_lists *lists, struct err *err);

void chunk_lists_fini(struct chunk_lists *lists);

/* Returns the key of the object `index`, from 0. */
struct chunk_key chunk_list_key(const struct chunk_list *list, const struct chunk_key *key,
				uint64_t index);
