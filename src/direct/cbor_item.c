#include "direct/cbor_item.h"

#include <cbor.h>

/* An item while it is read. */
struct cbor_reading {
	struct cbor_item item;
	bool taken;
};

static void take(void *context, enum cbor_item_kind kind, uint64_t number)
{
	struct cbor_reading *reading = context;
	reading->item = (struct cbor_item){ .kind = kind, .number = number };
	reading->taken = true;
}

static void on_u8(void *context, uint8_t number) { take(context, CBOR_ITEM_NUMBER, number); }

static void on_u16(void *context, uint16_t number) { take(context, CBOR_ITEM_NUMBER, number); }

static void on_u32(void *context, uint32_t number) { take(context, CBOR_ITEM_NUMBER, number); }

static void on_u64(void *context, uint64_t number) { take(context, CBOR_ITEM_NUMBER, number); }

static void on_bool(void *context, bool is_true) { take(context, CBOR_ITEM_BOOL, is_true); }

static void on_array(void *context, size_t count) { take(context, CBOR_ITEM_ARRAY, count); }

static void on_endless_array(void *context) { take(context, CBOR_ITEM_ENDLESS_ARRAY, 0); }

static void on_break(void *context) { take(context, CBOR_ITEM_BREAK, 0); }

static void on_tag(void *context, uint64_t tag) { take(context, CBOR_ITEM_TAG, tag); }

static void on_map(void *context, size_t pairs) { take(context, CBOR_ITEM_MAP, pairs); }

static void take_data(struct cbor_reading *reading, enum cbor_item_kind kind,
		      const unsigned char *data, size_t size)
{
	reading->item = (struct cbor_item){ .kind = kind, .data = data, .size = size };
	reading->taken = true;
}

static void on_text(void *context, cbor_data text, size_t size)
{
	take_data(context, CBOR_ITEM_TEXT, text, size);
}

static void on_byte_string(void *context, cbor_data bytes, size_t size)
{
	take_data(context, CBOR_ITEM_BYTES, bytes, size);
}

bool cbor_item_take(const unsigned char **at, size_t *size, struct cbor_item *item)
{
	struct cbor_callbacks callbacks = cbor_empty_callbacks;
	struct cbor_reading reading = { .taken = false };
	callbacks.uint8 = on_u8;
	callbacks.uint16 = on_u16;
	callbacks.uint32 = on_u32;
	callbacks.uint64 = on_u64;
	callbacks.boolean = on_bool;
	callbacks.string = on_text;
	callbacks.byte_string = on_byte_string;
	callbacks.array_start = on_array;
	callbacks.indef_array_start = on_endless_array;
	callbacks.indef_break = on_break;
	callbacks.map_start = on_map;
	callbacks.tag = on_tag;
	if (*size == 0)
		return false;
	const struct cbor_decoder_result step =
		cbor_stream_decode(*at, *size, &callbacks, &reading);
	if (step.status != CBOR_DECODER_FINISHED || !reading.taken)
		return false;
	*at += step.read;
	*size -= step.read;
	*item = reading.item;
	return true;
}

bool cbor_item_is(const struct cbor_item *item, const char *text)
{
	return item->kind == CBOR_ITEM_TEXT && item->size == strlen(text) &&
	       memcmp(item->data, text, item->size) == 0;
}

bool cbor_array_take(const unsigned char **at, size_t *size, struct cbor_array *array)
{
	struct cbor_item head;
	if (!cbor_item_take(at, size, &head))
		return false;
	*array = (struct cbor_array){
		.endless = head.kind == CBOR_ITEM_ENDLESS_ARRAY,
		.left = head.number,
	};
	return array->endless || head.kind == CBOR_ITEM_ARRAY;
}

bool cbor_array_next(struct cbor_array *array, const unsigned char **at, size_t *size,
		     struct cbor_item *item)
{
	array->ended = !array->endless && array->left-- == 0;
	if (array->ended || !cbor_item_take(at, size, item))
		return false;
	array->ended = array->endless && item->kind == CBOR_ITEM_BREAK;
	return !array->ended;
}
