#include "direct/cbor_out.h"

#include <cbor.h>

static unsigned char *end(const struct cbor_out *out) { return out->data + out->size; }

static size_t room(const struct cbor_out *out) { return out->room - out->size; }

/* Takes what an encoder returned: the size of what it wrote; 0: there was no room. */
static void grow(struct cbor_out *out, size_t written)
{
	out->overflow |= written == 0;
	out->size += written;
}

static void put_data(struct cbor_out *out, const void *data, size_t size)
{
	out->overflow |= size > room(out);
	if (out->overflow || size == 0)
		return;
	memcpy(end(out), data, size);
	out->size += size;
}

void cbor_put_number(struct cbor_out *out, uint64_t number)
{
	grow(out, cbor_encode_uint(number, end(out), room(out)));
}

void cbor_put_text(struct cbor_out *out, const char *text)
{
	const size_t size = strlen(text);
	grow(out, cbor_encode_string_start(size, end(out), room(out)));
	put_data(out, text, size);
}

void cbor_put_bytes(struct cbor_out *out, const void *data, size_t size)
{
	grow(out, cbor_encode_bytestring_start(size, end(out), room(out)));
	put_data(out, data, size);
}

void cbor_put_null(struct cbor_out *out) { grow(out, cbor_encode_null(end(out), room(out))); }

void cbor_put_array(struct cbor_out *out, size_t count)
{
	grow(out, cbor_encode_array_start(count, end(out), room(out)));
}

void cbor_put_map(struct cbor_out *out, size_t pairs)
{
	grow(out, cbor_encode_map_start(pairs, end(out), room(out)));
}

void cbor_put_tag(struct cbor_out *out, uint64_t tag)
{
	grow(out, cbor_encode_tag(tag, end(out), room(out)));
}
