#include "base/escape.h"

#include "base/utf8.h"

#include <utf8proc.h>

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";

static enum fault append_hex(struct bytes *out, const unsigned char *at, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		const char text[] = { '\\', 'x', hex_lower[at[i] >> 4], hex_lower[at[i] & 15] };
		enum fault fault = bytes_append(out, text, sizeof text);
		if (fault)
			return fault;
	}
	return FAULT_NONE;
}

static const char *short_escape(unsigned char byte)
{
	switch (byte) {
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	case '\\':
		return "\\\\";
	case '"':
		return "\\\"";
	default:
		return NULL;
	}
}

/* Appends the character at `*at`, or one byte of what is none, and moves on behind it. */
static enum fault append_shown(struct bytes *out, const unsigned char **at,
			       const unsigned char *end)
{
	const unsigned char *from = *at;
	utf8proc_int32_t code;
	utf8proc_ssize_t found = utf8proc_iterate(from, end - from, &code);
	size_t step = found > 0 ? (size_t)found : 1;
	*at += step;
	bool shown = found > 0 && !code_is_hidden((uint32_t)code);
	return shown ? bytes_append(out, from, step) : append_hex(out, from, step);
}

enum fault escape_name(struct bytes *out, const void *name, size_t size)
{
	const unsigned char *at = name, *end = at + size;
	const size_t before = out->size;
	enum fault fault = bytes_reserve(out, size);
	while (at < end && !fault) {
		const char *shorthand = short_escape(*at);
		if (shorthand)
			fault = bytes_append_text(out, shorthand);
		else
			fault = append_shown(out, &at, end);
		at += shorthand != NULL;
	}
	if (fault)
		out->size = before;
	return fault;
}

enum fault escape_hidden(struct bytes *out, const void *text, size_t size, bool keep_newlines)
{
	const unsigned char *at = text, *end = at + size;
	const size_t before = out->size;
	enum fault fault = bytes_reserve(out, size);
	while (at < end && !fault) {
		bool newline = keep_newlines && *at == '\n';
		fault = newline ? bytes_append(out, at, 1) : append_shown(out, &at, end);
		at += newline;
	}
	if (fault)
		out->size = before;
	return fault;
}

static bool is_unreserved(unsigned char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' || byte == '_' ||
	       byte == '~';
}

enum fault escape_percent(struct bytes *out, const void *text, size_t size)
{
	const unsigned char *at = text;
	size_t longest;
	enum fault fault = FAULT_NONE;
	const size_t before = out->size;
	if (mul_size(size, 3, &longest) && longest < out->max - out->size)
		fault = bytes_reserve(out, longest);
	for (size_t i = 0; i < size && !fault; i++) {
		const char coded[] = { '%', hex_upper[at[i] >> 4], hex_upper[at[i] & 15] };
		if (is_unreserved(at[i]))
			fault = bytes_append(out, at + i, 1);
		else
			fault = bytes_append(out, coded, sizeof coded);
	}
	if (fault)
		out->size = before;
	return fault;
}

static int hex_value(unsigned char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

enum fault escape_percent_decode(struct bytes *out, const void *text, size_t size)
{
	const unsigned char *at = text;
	const size_t before = out->size;
	enum fault fault = bytes_reserve(out, 0);
	for (size_t i = 0; i < size && !fault; i++) {
		unsigned char byte = at[i];
		if (byte == '%') {
			int high = i + 2 < size ? hex_value(at[i + 1]) : -1;
			int low = i + 2 < size ? hex_value(at[i + 2]) : -1;
			if (high < 0 || low < 0) {
				fault = FAULT_USAGE;
				break;
			}
			byte = (unsigned char)(high << 4 | low);
			i += 2;
		}
		fault = bytes_append(out, &byte, 1);
	}
	if (fault)
		out->size = before;
	return fault;
}
