/*
 * Items of CBOR, one after the other: what storage servers answer.
 *
 * Place      inside direct/direct.  Trees are built nowhere: one would be allocated by lengths that
 *            the other side makes up.
 * Ownership  items point into the text they were read from.
 */
#pragma once

#include "queue/core/fault.h"

enum cbor_item_kind {
	CBOR_ITEM_NUMBER,
	CBOR_ITEM_BOOL,
	CBOR_ITEM_BYTES,
	CBOR_ITEM_TEXT,
	CBOR_ITEM_ARRAY, /* its items follow */
	CBOR_ITEM_MAP,   /* keys and values follow */
};

struct cbor_item {
	enum cbor_item_kind kind;
	uint64_t number;           /* also whether it is true; how many items, or pairs */
	const unsigned char *data; /* of bytes and text */
	size_t size;
};

/* Reads one item and steps over it, but not over what follows in it.  False: there is none, or none
 * of these kinds, with a length. */
MUST_USE bool cbor_item_take(const unsigned char **at, size_t *size, struct cbor_item *item);

/* Whether the item is that text. */
bool cbor_item_is(const struct cbor_item *item, const char *text);
