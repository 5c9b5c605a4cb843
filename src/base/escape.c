#include "base/escape.h"

#include <utf8proc.h>

static const char hex_lower[] = "0123456789abcdef";
static const char hex_upper[] = "0123456789ABCDEF";

/* What a terminal would obey rather than show, or would show in another place. */
static bool is_printable(uint32_t code)
{
	if (code < 0x20 || (code >= 0x7F && code < 0xA0))
		return false;
	if (code == 0x2028 || code == 0x2029 || code == 0x061C || code == 0xFEFF)
		return false;
	return !(code >= 0x200B && code <= 0x200F) && !(code >= 0x202A && code <= 0x202E) &&
	       !(code >= 0x2066 && code <= 0x2069);
}

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

enum fault escape_name(struct bytes *out, const void *name, size_t size)
{
	const unsigned char *at = name, *end = at + size;
	const size_t before = out->size;
	enum fault fault = bytes_reserve(out, size);
	while (at < end && !fault) {
		utf8proc_int32_t code;
		utf8proc_ssize_t found = utf8proc_iterate(at, end - at, &code);
		size_t step = found > 0 ? (size_t)found : 0;
		const char *shorthand = short_escape(*at);
		if (shorthand)
			fault = bytes_append_text(out, shorthand);
		else if (step > 0 && is_printable((uint32_t)code))
			fault = bytes_append(out, at, step);
		else
			fault = append_hex(out, at, step > 0 ? step : 1);
		at += step > 0 ? step : 1;
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
