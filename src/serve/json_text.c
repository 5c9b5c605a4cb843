#include "serve/json_text.h"

#include "tahoe/edge.h"

static enum fault value_append(struct bytes *out, json_t *value, int depth);

/* Reads one character of well-formed UTF-8 and moves `at` behind it. */
static uint32_t character_take(const unsigned char **at)
{
	const unsigned char *p = *at;
	if (p[0] < 0x80) {
		*at += 1;
		return p[0];
	}
	const int more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : 1;
	uint32_t character = p[0] & (0x3fu >> more);
	for (int i = 1; i <= more; i++)
		character = character << 6 | (p[i] & 0x3fu);
	*at += more + 1;
	return character;
}

/* Appends a character that does not stand for itself. */
static enum fault escape_append(struct bytes *out, uint32_t character)
{
	static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
	const char *known = character && character < 0x80 ? strchr(from, (int)character) : NULL;
	if (known)
		return bytes_printf(out, "\\%c", to[known - from]);
	if (character < 0x10000)
		return bytes_printf(out, "\\u%04x", character);
	character -= 0x10000;
	return bytes_printf(out, "\\u%04x\\u%04x", 0xd800 | character >> 10,
			    0xdc00 | (character & 0x3ff));
}

enum fault json_text_string(struct bytes *out, const char *text, size_t size)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + size;
	enum fault fault = bytes_append(out, "\"", 1);
	while (at < end && !fault) {
		const unsigned char *plain = at;
		while (at < end && *at >= ' ' && *at <= '~' && *at != '"' && *at != '\\')
			at++;
		fault = bytes_append(out, plain, (size_t)(at - plain));
		if (!fault && at < end)
			fault = escape_append(out, character_take(&at));
	}
	return fault ? fault : bytes_append(out, "\"", 1);
}

/* Recursion ends at JSON_TEXT_DEPTH_MAX, whatever the input. */
static enum fault object_append(struct bytes *out, json_t *object, int depth)
{
	const char *separator = "{";
	enum fault fault = FAULT_NONE;
	for (void *at = json_object_iter(object); at && !fault;
	     at = json_object_iter_next(object, at)) {
		const char *key = json_object_iter_key(at);
		fault = bytes_append_text(out, separator);
		if (!fault)
			fault = json_text_string(out, key, strlen(key));
		if (!fault)
			fault = bytes_append_text(out, ": ");
		if (!fault)
			fault = value_append(out, json_object_iter_value(at), depth + 1);
		separator = ", ";
	}
	return fault ? fault : bytes_append_text(out, *separator == '{' ? "{}" : "}");
}

static enum fault array_append(struct bytes *out, json_t *array, int depth)
{
	enum fault fault = bytes_append_text(out, "[");
	for (size_t i = 0; i < json_array_size(array) && !fault; i++) {
		fault = bytes_append_text(out, i > 0 ? ", " : "");
		if (!fault)
			fault = value_append(out, json_array_get(array, i), depth + 1);
	}
	return fault ? fault : bytes_append_text(out, "]");
}

static enum fault value_append(struct bytes *out, json_t *value, int depth)
{
	char number[EDGE_FLOAT_SIZE];
	if (depth > JSON_TEXT_DEPTH_MAX)
		return FAULT_USAGE;
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return object_append(out, value, depth);
	case JSON_ARRAY:
		return array_append(out, value, depth);
	case JSON_STRING:
		return json_text_string(out, json_string_value(value), json_string_length(value));
	case JSON_INTEGER:
		return bytes_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	case JSON_REAL:
		edge_float(json_real_value(value), number);
		return bytes_append_text(out, number);
	case JSON_TRUE:
		return bytes_append_text(out, "true");
	case JSON_FALSE:
		return bytes_append_text(out, "false");
	case JSON_NULL:
		break;
	}
	return bytes_append_text(out, "null");
}

enum fault json_text_append(struct bytes *out, json_t *value)
{
	return value_append(out, value, 0);
}
