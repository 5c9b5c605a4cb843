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
	CBOR_ITEM_ARRAY,         /* its items follow */
	CBOR_ITEM_ENDLESS_ARRAY, /* up to */
	CBOR_ITEM_BREAK,
	CBOR_ITEM_MAP, /* keys and values follow */
	CBOR_ITEM_TAG, /* of the item that follows */
};

struct cbor_item {
	enum cbor_item_kind kind;
	uint64_t number; /* also whether it is true; how many items, or pairs; which tag */
	const unsigned char *data; /* of bytes and text */
	size_t size;
};

/* Where the reading of an array stands. */
struct cbor_array {
	bool endless; /* up to a mark, not so many items: */
	uint64_t left;
	bool ended;
};

/* Reads one item and steps over it, but not over what follows in it.  False: there is none, or none
 * of these kinds. */
MUST_USE bool cbor_item_take(const unsigned char **at, size_t *size, struct cbor_item *item);

/* Whether the item is that text. */
bool cbor_item_is(const struct cbor_item *item, const char *text);

/* Reads the head of an array and steps over it.  False: there is none. */
MUST_USE bool cbor_array_take(const unsigned char **at, size_t *size, struct cbor_array *array);

/* Reads its next item as cbor_item_take does; items in that one have to be read before the next.
 * False: array->ended says whether that was all, else there is no item where one should be. */
MUST_USE bool cbor_array_next(struct cbor_array *array, const unsigned char **at, size_t *size,
			      struct cbor_item *item);
