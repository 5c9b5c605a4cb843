#include "report/json.h"

#include "base/utf8.h"

/* Returns the length of the well-formed character at `at`, which is no ASCII, and stores its code
 * point; or 0.  Source: RFC 3629 4. */
static size_t character_size(const unsigned char *at, size_t size, uint32_t *code)
{
	size_t want = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	if (want > size || !name_is_utf8(at, want))
		return 0;
	*code = at[0] & (0xffu >> (want + 1));
	for (size_t i = 1; i < want; i++)
		*code = *code << 6 | (at[i] & 0x3f);
	return want;
}

/* Above U+FFFF a pair of surrogates stands for it.  Source: RFC 8259 7. */
static enum fault escaped_code(struct bytes *out, uint32_t code)
{
	if (code < 0x10000)
		return bytes_printf(out, "\\u%04x", code);
	code -= 0x10000;
	return bytes_printf(out, "\\u%04x\\u%04x", 0xd800 + (code >> 10), 0xdc00 + (code & 0x3ff));
}

static enum fault escaped(struct bytes *out, unsigned char byte)
{
	switch (byte) {
	case '"':
		return bytes_append_text(out, "\\\"");
	case '\\':
		return bytes_append_text(out, "\\\\");
	case '\n':
		return bytes_append_text(out, "\\n");
	case '\r':
		return bytes_append_text(out, "\\r");
	case '\t':
		return bytes_append_text(out, "\\t");
	default:
		return bytes_printf(out, "\\u%s%02x", byte < 0x80 ? "00" : "dc", byte);
	}
}

static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

enum fault json_text(struct bytes *out, const void *text, size_t size)
{
	const unsigned char *at = text;
	const unsigned char *end = size > 0 ? at + size : at;
	enum fault fault = bytes_append(out, "\"", 1);
	while (!fault && at < end) {
		const unsigned char *run = at;
		while (run < end && is_plain(*run))
			run++;
		size_t take = (size_t)(run - at);
		uint32_t code = 0;
		if (take == 0 && *at >= 0x80)
			take = character_size(at, (size_t)(end - at), &code);
		if (take == 0)
			fault = escaped(out, *at);
		else if (code > 0 && code_is_hidden(code))
			fault = escaped_code(out, code);
		else
			fault = bytes_append(out, at, take);
		at += take > 0 ? take : 1;
	}
	return fault ? fault : bytes_append(out, "\"", 1);
}

static enum fault key_of(struct bytes *out, const char *key)
{
	unsigned char last = out->size > 0 ? out->data[out->size - 1] : '{';
	bool opened = last == '{' || last == '[';
	return bytes_printf(out, "%s\"%s\":", opened ? "" : ",", key);
}

enum fault json_member(struct bytes *out, const char *key, const void *text, size_t size)
{
	enum fault fault = key_of(out, key);
	return fault ? fault : json_text(out, text, size);
}

enum fault json_number(struct bytes *out, const char *key, uint64_t value)
{
	enum fault fault = key_of(out, key);
	return fault ? fault : bytes_printf(out, "%llu", (unsigned long long)value);
}

enum fault json_bool(struct bytes *out, const char *key, bool value)
{
	enum fault fault = key_of(out, key);
	return fault ? fault : bytes_append_text(out, value ? "true" : "false");
}

enum fault json_open(struct bytes *out, const char *key, char bracket)
{
	enum fault fault = key_of(out, key);
	return fault ? fault : bytes_append(out, &bracket, 1);
}
