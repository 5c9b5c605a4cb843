#include "direct/share_numbers.h"

#include <cbor.h>

/* Where the reading stands.  Items are decoded one by one: a tree would be allocated by lengths
 * that the other side makes up. */
struct numbers_reading {
	bool *found;
	bool tagged, opened; /* the tag came; the array began */
	bool endless;        /* an array of indefinite length */
	bool ended;
	uint64_t left; /* items to come, where the length is known */
	bool wrong;
};

static void on_tag(void *context, uint64_t tag)
{
	struct numbers_reading *reading = context;
	reading->wrong |= tag != SHARE_NUMBERS_TAG || reading->tagged;
	reading->tagged = true;
}

static void open_array(struct numbers_reading *reading, bool endless, uint64_t count)
{
	reading->wrong |= !reading->tagged || reading->opened;
	reading->opened = true;
	reading->endless = endless;
	reading->left = count;
	reading->ended = !endless && count == 0;
}

static void on_array(void *context, size_t count) { open_array(context, false, count); }

static void on_endless_array(void *context) { open_array(context, true, 0); }

static void take_number(struct numbers_reading *reading, uint64_t number)
{
	reading->wrong |= !reading->opened || reading->ended;
	if (!reading->wrong && number < SHARE_NUMBERS_MAX)
		reading->found[number] = true;
	if (!reading->wrong && !reading->endless)
		reading->ended = --reading->left == 0;
}

static void on_u8(void *context, uint8_t number) { take_number(context, number); }

static void on_u16(void *context, uint16_t number) { take_number(context, number); }

static void on_u32(void *context, uint32_t number) { take_number(context, number); }

static void on_u64(void *context, uint64_t number) { take_number(context, number); }

static void on_break(void *context)
{
	struct numbers_reading *reading = context;
	reading->wrong |= !reading->endless || reading->ended;
	reading->ended = true;
}

/* Numbers, arrays, tags, and the end of an array whose length is not known. */
static bool may_begin(unsigned char first)
{
	enum { BREAK = 0xff };
	unsigned type = first >> 5;
	return type == 0 || type == 4 || type == 6 || first == BREAK;
}

bool share_numbers_take(const unsigned char **at, size_t *size, bool found[SHARE_NUMBERS_MAX])
{
	struct cbor_callbacks callbacks = cbor_empty_callbacks;
	callbacks.uint8 = on_u8;
	callbacks.uint16 = on_u16;
	callbacks.uint32 = on_u32;
	callbacks.uint64 = on_u64;
	callbacks.array_start = on_array;
	callbacks.indef_array_start = on_endless_array;
	callbacks.indef_break = on_break;
	callbacks.tag = on_tag;
	struct numbers_reading reading = { .found = found };
	memset(found, 0, SHARE_NUMBERS_MAX * sizeof *found);
	while (*size > 0 && !reading.ended && !reading.wrong) {
		reading.wrong = !may_begin(**at);
		struct cbor_decoder_result step =
			cbor_stream_decode(*at, *size, &callbacks, &reading);
		reading.wrong |= step.status != CBOR_DECODER_FINISHED || step.read == 0;
		*at += step.read;
		*size -= step.read;
	}
	return reading.ended && !reading.wrong;
}

enum fault share_numbers_read(const void *data, size_t size, bool found[SHARE_NUMBERS_MAX],
			      struct err *err)
{
	const unsigned char *at = data;
	return share_numbers_take(&at, &size, found) && size == 0
		       ? FAULT_NONE
		       : err_set(err, FAULT_CORRUPT, "the reply is not a set of share numbers");
}
