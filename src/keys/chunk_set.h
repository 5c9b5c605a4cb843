/*
 * The chunks of one size that a key has: their caps and hashes by number, read from listings,
 * written as children.
 *
 * Place      inside chunking.
 * Ownership  a set owns its caps, which are secrets, until chunk_set_free.
 * Threads    one owner at a time.
 */
#pragma once

#include "chunk/key.h"
#include "store/store.h"

/* A chunk as it is linked. */
struct chunk_object {
	struct cap cap; /* CAP_NONE: it is not there */
	bool hashed;    /* has the next one, which older stores did not note */
	unsigned char hash[CONTENT_HASH_SIZE]; /* of its bytes, XXH3-128 */
};

struct chunk_set {
	struct chunk_key key;        /* of its first chunk; borrows the text */
	uint64_t size;               /* of a chunk */
	struct chunk_object *object; /* by number, from 1: object[0] */
	uint64_t room, count;        /* numbers that fit; chunks that are there */
	/* of a store under way: */
	struct cap partial; /* its directory, writable; CAP_NONE: none yet */
	uint64_t linked;    /* chunks in it */
	uint64_t shared_ms; /* when they were */
	bool sharing;       /* somebody does so just now */
	bool fresh;         /* something has come that the key's own directory has not */
	uint64_t *waiting;  /* numbers of chunks to be linked */
	size_t waits, waiting_room;
	struct chunk_set *next;
};

/* Makes an empty one.  NULL: no memory. */
struct chunk_set *chunk_set_new(const struct chunk_key *key, uint64_t size);

/* Wipes and frees it and those behind it.  NULL is allowed. */
void chunk_set_free(struct chunk_set *set);

/* Returns a chunk, or NULL. */
const struct chunk_object *chunk_set_find(const struct chunk_set *set, uint64_t number);

/* Notes a chunk, over what the number had.  NOMEM; USAGE: the number is too large. */
MUST_USE enum fault chunk_set_put(struct chunk_set *set, uint64_t number,
				  const struct chunk_object *object, struct err *err);

/* Notes that a chunk is to be linked.  NOMEM. */
MUST_USE enum fault chunk_set_wait(struct chunk_set *set, uint64_t number, struct err *err);

/* Adds what the other has and this one has not.  NOMEM. */
MUST_USE enum fault chunk_set_merge(struct chunk_set *set, const struct chunk_set *other,
				    struct err *err);

/* Whether it has the chunks up to `count`. */
bool chunk_set_has_all(const struct chunk_set *set, uint64_t count);

/* Whether it has the first `count` chunks of the other, and no others. */
bool chunk_set_repeats(const struct chunk_set *set, const struct chunk_set *other, uint64_t count);

/* Forgets all chunks. */
void chunk_set_clear(struct chunk_set *set);

/* Notes a child that is named as one of its chunks, and is an immutable file; others are
 * skipped. */
MUST_USE enum fault chunk_set_read(struct chunk_set *set, const struct store_child *child,
				   struct err *err);

/* Appends the chunk as a child of a directory (tahoe/edge.h). */
MUST_USE enum fault chunk_set_child(const struct chunk_set *set, uint64_t number,
				    struct bytes *json);
