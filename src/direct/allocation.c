#include "direct/allocation.h"

#include "direct/cbor_item.h"

#include <assert.h>
#include <cbor.h>

/* ---- the question ---- */

struct cbor_writing {
	unsigned char *out;
	size_t size;
};

static void add_text(struct cbor_writing *writing, const char *text)
{
	const size_t length = strlen(text);
	writing->size += cbor_encode_string_start(length, writing->out + writing->size,
						  ALLOCATION_MAX - writing->size);
	memcpy(writing->out + writing->size, text, length);
	writing->size += length;
}

static void add_number(struct cbor_writing *writing, uint64_t number)
{
	writing->size += cbor_encode_uint(number, writing->out + writing->size,
					  ALLOCATION_MAX - writing->size);
}

size_t allocation_write(const bool wanted[SHARE_NUMBERS_MAX], uint64_t share_size,
			unsigned char out[ALLOCATION_MAX])
{
	struct cbor_writing writing = { out, 0 };
	size_t count = 0;
	for (unsigned i = 0; i < SHARE_NUMBERS_MAX; i++)
		count += wanted[i];
	writing.size += cbor_encode_map_start(2, out, ALLOCATION_MAX);
	add_text(&writing, "share-numbers");
	writing.size += cbor_encode_tag(SHARE_NUMBERS_TAG, out + writing.size,
					ALLOCATION_MAX - writing.size);
	writing.size +=
		cbor_encode_array_start(count, out + writing.size, ALLOCATION_MAX - writing.size);
	for (unsigned i = 0; i < SHARE_NUMBERS_MAX; i++)
		if (wanted[i])
			add_number(&writing, i);
	add_text(&writing, "allocated-size");
	add_number(&writing, share_size);
	assert(writing.size < ALLOCATION_MAX);
	return writing.size;
}

/* ---- the answer ---- */

enum fault allocation_read(const void *data, size_t size, struct allocation *allocation,
			   struct err *err)
{
	const unsigned char *at = data;
	struct cbor_item item;
	bool had = false, allocated = false;
	bool right =
		cbor_item_take(&at, &size, &item) && item.kind == CBOR_ITEM_MAP && item.number == 2;
	for (int i = 0; i < 2 && right; i++) {
		right = cbor_item_take(&at, &size, &item);
		const bool is_had = cbor_item_is(&item, "already-have");
		right = right && (is_had || cbor_item_is(&item, "allocated")) &&
			share_numbers_take(&at, &size,
					   is_had ? allocation->has : allocation->allocated);
		had |= is_had;
		allocated |= !is_had;
	}
	return right && had && allocated && size == 0
		       ? FAULT_NONE
		       : err_set(err, FAULT_CORRUPT, "the reply does not say what was allocated");
}
