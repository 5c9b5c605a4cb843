/*
 * MessagePack in bounded memory, as the formats of this room use it.
 *
 * Encoding goes through msgpack-c into a buffer of the caller.  Decoding takes one item at a time
 * and only after its structure has been walked: five bytes that promise 2^28 elements would
 * otherwise make the library reserve gigabytes.  An item is an array, an unsigned integer, a
 * binary or a text string; whatever else MessagePack knows does not occur here and is refused.
 *
 * Place      under queue/file/manifest; usable for any format of ours.
 * Ownership  items and their strings borrow from the bytes they were read from.
 * Threads    each struct belongs to one thread.
 */
#pragma once

#include "queue/core/fault.h"

#include <msgpack.h>

enum {
	PACK_DEPTH_MAX = 4,  /* arrays within arrays, the outermost counted */
	PACK_NODES_MAX = 64, /* of one item, itself counted */
};

/* Where items are encoded to. */
struct pack_out {
	unsigned char *data;
	size_t size;     /* used so far */
	size_t capacity; /* `size` never exceeds it */
	bool full;       /* something did not fit and was left out */
};

/* Appends one item, or the head of an array of `count` items to follow; or sets `full`. */
void pack_put_array(struct pack_out *out, size_t count);
void pack_put_uint(struct pack_out *out, uint64_t value);
void pack_put_bytes(struct pack_out *out, const void *data, size_t size);
void pack_put_text(struct pack_out *out, const char *text, size_t size);

/* Where items are decoded from.  Zero it, set `data` and `size`; pack_in_fini at the end. */
struct pack_in {
	const unsigned char *data;
	size_t size;
	size_t at; /* bytes read */
	msgpack_unpacked item;
};

/*
 * Walks the first item in `size` bytes without decoding and stores its size.  Returns false when
 * it is malformed, runs out of bytes, or exceeds the limits above.
 */
MUST_USE bool pack_walk(const unsigned char *data, size_t size, size_t *item_size);

/*
 * Decodes the next item, which lives until the next call.  Allocates at most 16 KiB.
 * Faults: NOT_FOUND when all bytes are read, CORRUPT, NOMEM.
 */
MUST_USE enum fault pack_next(struct pack_in *in, const msgpack_object **item, struct err *err);

/* Frees what decoding allocated, and lets the struct be used anew.  The zero value is allowed. */
void pack_in_fini(struct pack_in *in);

/* Returns the elements of an array of exactly `count`, or NULL when the item is not one. */
const msgpack_object *pack_array(const msgpack_object *item, size_t count);

/* Stores the value of an unsigned integer of at most `max`.  Returns false when it is not one. */
MUST_USE bool pack_uint(const msgpack_object *item, uint64_t max, uint64_t *value);

/* Stores the bytes of a binary or text string of at most `max`.  Returns false when it is none. */
MUST_USE bool pack_bytes(const msgpack_object *item, size_t max, const unsigned char **data,
			 size_t *size);
MUST_USE bool pack_text(const msgpack_object *item, size_t max, const char **text, size_t *size);
