/*
 * Items of CBOR written one after the other: what storage servers are asked.
 *
 * Place      inside direct/direct.
 * Ownership  the memory is the caller's.
 * Threads    one owner at a time.
 */
#pragma once

#include "queue/core/fault.h"

struct cbor_out {
	unsigned char *data;
	size_t size, room;
	bool overflow; /* something found no room, and what is there is of no use */
};

void cbor_put_number(struct cbor_out *out, uint64_t number);
void cbor_put_text(struct cbor_out *out, const char *text);
void cbor_put_bytes(struct cbor_out *out, const void *data, size_t size);
void cbor_put_null(struct cbor_out *out);

/* Heads: the items of an array, keys and values of a map, and what a tag is of, are put next. */
void cbor_put_array(struct cbor_out *out, size_t count);
void cbor_put_map(struct cbor_out *out, size_t pairs);
void cbor_put_tag(struct cbor_out *out, uint64_t tag);
