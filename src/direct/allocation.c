#include "direct/allocation.h"

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

/* What one item of the answer was, outside its sets. */
struct answer_item {
	bool is_map;
	size_t pairs;
	const char *text; /* NULL: no text */
	size_t text_size;
};

static void on_map(void *context, size_t pairs)
{
	struct answer_item *item = context;
	item->is_map = true;
	item->pairs = pairs;
}

static void on_text(void *context, cbor_data text, size_t size)
{
	struct answer_item *item = context;
	item->text = (const char *)text;
	item->text_size = size;
}

/* Reads one item that is a map or a text, and steps over it. */
static bool take_item(const unsigned char **at, size_t *size, struct answer_item *item)
{
	struct cbor_callbacks callbacks = cbor_empty_callbacks;
	callbacks.map_start = on_map;
	callbacks.string = on_text;
	*item = (struct answer_item){ 0 };
	if (*size == 0)
		return false;
	const struct cbor_decoder_result step = cbor_stream_decode(*at, *size, &callbacks, item);
	if (step.status != CBOR_DECODER_FINISHED || step.read == 0)
		return false;
	*at += step.read;
	*size -= step.read;
	return item->is_map || item->text;
}

static bool item_is(const struct answer_item *item, const char *text)
{
	return item->text && item->text_size == strlen(text) &&
	       memcmp(item->text, text, item->text_size) == 0;
}

enum fault allocation_read(const void *data, size_t size, struct allocation *allocation,
			   struct err *err)
{
	const unsigned char *at = data;
	struct answer_item item;
	bool had = false, allocated = false;
	bool right = take_item(&at, &size, &item) && item.is_map && item.pairs == 2;
	for (int i = 0; i < 2 && right; i++) {
		right = take_item(&at, &size, &item);
		const bool is_had = item_is(&item, "already-have");
		right = right && (is_had || item_is(&item, "allocated")) &&
			share_numbers_take(&at, &size,
					   is_had ? allocation->has : allocation->allocated);
		had |= is_had;
		allocated |= !is_had;
	}
	return right && had && allocated && size == 0
		       ? FAULT_NONE
		       : err_set(err, FAULT_CORRUPT, "the reply does not say what was allocated");
}
