/*
 * What chunking.c, which reads, and chunking_share.c, which writes, have in common.
 *
 * Place      inside chunking.
 * Threads    as of chunking.h.
 */
#pragma once

#include "keys/chunk_set.h"
#include "keys/chunking.h"

enum { PARTIAL_NAME_SIZE = KEY_FILE_SIZE + 24 };

/* Names the key's directory, and that of a store under way, which is written into `text`. */
struct layout_name chunking_own_name(const struct chunking *chunking);
struct layout_name chunking_partial_name(const struct chunking *chunking, uint64_t size,
					 char text[PARTIAL_NAME_SIZE]);

/* Reads a size of chunks as we write it.  0: it is none. */
uint64_t chunking_read_size(const struct store_name *text);

/* Returns the set of one size where it is known; NULL: not yet. */
struct chunk_set *chunking_known_set(const struct chunking *chunking, uint64_t size)
	REQUIRES(chunking->lock);

/* Stores it; asked for the first time. */
MUST_USE enum fault chunking_need_set(struct chunking *chunking, struct operation *operation,
				      uint64_t size, struct chunk_set **set, struct err *err)
	REQUIRES(chunking->lock);

/* Fills an empty set from a directory that is given by its cap. */
MUST_USE enum fault chunking_list_set(struct operation *operation, const struct cap *cap,
				      struct chunk_set *set, struct err *err);
