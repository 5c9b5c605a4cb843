#include "direct/required.h"

#include <cbor.h>

enum { RANGES_MAX = 4096 /* that anybody would list */ };

/* One item of the answer: what it is, and its number, count or text. */
struct required_item {
	enum {
		ITEM_OTHER,
		ITEM_MAP,
		ITEM_ARRAY,
		ITEM_ENDLESS_ARRAY,
		ITEM_BREAK,
		ITEM_TEXT,
		ITEM_NUMBER
	} kind;
	uint64_t number;
	const char *text;
};

struct required_reading {
	const unsigned char *at;
	size_t size;
};

static void on_map(void *context, size_t pairs)
{
	*(struct required_item *)context = (struct required_item){ ITEM_MAP, pairs, NULL };
}

static void on_array(void *context, size_t count)
{
	*(struct required_item *)context = (struct required_item){ ITEM_ARRAY, count, NULL };
}

static void on_endless_array(void *context)
{
	*(struct required_item *)context = (struct required_item){ .kind = ITEM_ENDLESS_ARRAY };
}

static void on_break(void *context)
{
	*(struct required_item *)context = (struct required_item){ .kind = ITEM_BREAK };
}

static void on_text(void *context, cbor_data text, size_t size)
{
	*(struct required_item *)context =
		(struct required_item){ ITEM_TEXT, size, (const char *)text };
}

static void number_is(void *context, uint64_t number)
{
	*(struct required_item *)context = (struct required_item){ ITEM_NUMBER, number, NULL };
}

static void on_u8(void *context, uint8_t number) { number_is(context, number); }
static void on_u16(void *context, uint16_t number) { number_is(context, number); }
static void on_u32(void *context, uint32_t number) { number_is(context, number); }
static void on_u64(void *context, uint64_t number) { number_is(context, number); }

/* Steps over the next item.  ITEM_OTHER: it is none that belongs there. */
static struct required_item next(struct required_reading *reading)
{
	struct cbor_callbacks callbacks = cbor_empty_callbacks;
	struct required_item item = { .kind = ITEM_OTHER };
	callbacks.map_start = on_map;
	callbacks.array_start = on_array;
	callbacks.indef_array_start = on_endless_array;
	callbacks.indef_break = on_break;
	callbacks.string = on_text;
	callbacks.uint8 = on_u8;
	callbacks.uint16 = on_u16;
	callbacks.uint32 = on_u32;
	callbacks.uint64 = on_u64;
	const struct cbor_decoder_result step =
		cbor_stream_decode(reading->at, reading->size, &callbacks, &item);
	if (reading->size == 0 || step.status != CBOR_DECODER_FINISHED || step.read == 0)
		return (struct required_item){ .kind = ITEM_OTHER };
	reading->at += step.read;
	reading->size -= step.read;
	return item;
}

static bool is_text(const struct required_item *item, const char *text)
{
	return item->kind == ITEM_TEXT && item->number == strlen(text) &&
	       memcmp(item->text, text, strlen(text)) == 0;
}

/* Reads the two ends of a range, behind the head of its map. */
static bool take_range(struct required_reading *reading, uint64_t *begin)
{
	bool has_begin = false, has_end = false;
	uint64_t end = 0;
	for (int i = 0; i < 2; i++) {
		const struct required_item name = next(reading), value = next(reading);
		if (value.kind != ITEM_NUMBER)
			return false;
		if (is_text(&name, "begin")) {
			has_begin = true;
			*begin = value.number;
		} else if (is_text(&name, "end")) {
			has_end = true;
			end = value.number;
		}
	}
	return has_begin && has_end && *begin < end;
}

static bool take_ranges(struct required_reading *reading, uint64_t *first)
{
	const struct required_item array = next(reading);
	const bool endless = array.kind == ITEM_ENDLESS_ARRAY;
	if ((array.kind != ITEM_ARRAY && !endless) || (!endless && array.number > RANGES_MAX))
		return false;
	for (uint64_t i = 0; endless ? i <= RANGES_MAX : i < array.number; i++) {
		uint64_t begin = 0;
		const struct required_item head = next(reading);
		if (endless && head.kind == ITEM_BREAK)
			return true;
		if (head.kind != ITEM_MAP || head.number != 2 || !take_range(reading, &begin))
			return false;
		*first = min_u64(*first, begin);
	}
	return !endless;
}

enum fault required_read(const void *data, size_t size, uint64_t *first, struct err *err)
{
	struct required_reading reading = { data, size };
	*first = UINT64_MAX;
	const struct required_item map = next(&reading);
	const struct required_item name = next(&reading);
	if (map.kind != ITEM_MAP || map.number != 1 || !is_text(&name, "required") ||
	    !take_ranges(&reading, first) || reading.size > 0)
		return err_set(err, FAULT_CORRUPT, "the reply does not say what is required");
	return FAULT_NONE;
}
