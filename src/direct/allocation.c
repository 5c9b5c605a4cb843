#include "direct/allocation.h"

#include "direct/cbor_item.h"
#include "direct/cbor_out.h"

#include <assert.h>
/* ---- the question ---- */

size_t allocation_write(const bool wanted[SHARE_NUMBERS_MAX], uint64_t share_size,
			unsigned char data[ALLOCATION_MAX])
{
	struct cbor_out out = { .data = data, .room = ALLOCATION_MAX };
	size_t count = 0;
	for (unsigned i = 0; i < SHARE_NUMBERS_MAX; i++)
		count += wanted[i];
	cbor_put_map(&out, 2);
	cbor_put_text(&out, "share-numbers");
	cbor_put_tag(&out, SHARE_NUMBERS_TAG);
	cbor_put_array(&out, count);
	for (unsigned i = 0; i < SHARE_NUMBERS_MAX; i++)
		if (wanted[i])
			cbor_put_number(&out, i);
	cbor_put_text(&out, "allocated-size");
	cbor_put_number(&out, share_size);
	assert(!out.overflow);
	return out.size;
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
