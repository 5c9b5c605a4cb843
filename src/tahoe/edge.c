#include "tahoe/edge.h"

#include "base/meta.h"
#include "base/secret.h"
#include "base/utf8.h"

#include <assert.h>
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <nettle/base64.h>

enum {
	NS_PER_S = 1000000000,
	DIGITS_SURE = 15, /* any decimal this short survives a normal double: DBL_DIG */
	DIGITS_MAX = 17,  /* this many tell any two doubles apart: DBL_DECIMAL_DIG */
};

double edge_seconds(int64_t ns)
{
	int64_t seconds = ns / NS_PER_S, rest = ns % NS_PER_S;
	if (rest < 0) {
		seconds--;
		rest += NS_PER_S;
	}
	return (double)seconds + 1e-9 * (double)rest;
}

/*
 * The digits of a double between 2^30 and 2^31: seconds of 2004 to 2038, and so of most files.
 * Such a double is a multiple of 2^-22.  Whole numbers say how far a decimal is from it; one that
 * is nearer than half of that reads back as it.  Seven digits after the point always do.
 */
static size_t digits_of_today(double value, char digits[DIGITS_MAX + 1], int *exponent)
{
	enum { BITS = 22, WHOLE_DIGITS = 10 };
	const uint64_t multiple = (uint64_t)ldexp(value, BITS);
	const uint64_t fraction = multiple & ((UINT64_C(1) << BITS) - 1);
	size_t count = WHOLE_DIGITS;
	uint64_t number;
	for (uint64_t power = 1;; power *= 10, count++) {
		const uint64_t exact = fraction * power;
		const uint64_t half = UINT64_C(1) << (BITS - 1);
		uint64_t rounded = (exact + half) >> BITS, near = rounded << BITS;
		/* From the middle to the even one. */
		if (near == exact + half && rounded % 2 == 1) {
			rounded--;
			near -= UINT64_C(1) << BITS;
		}
		number = (multiple >> BITS) * power + rounded;
		if (2 * (near > exact ? near - exact : exact - near) < power)
			break;
	}
	for (size_t i = count; i > 0; number /= 10)
		digits[--i] = (char)('0' + number % 10);
	*exponent = WHOLE_DIGITS - 1;
	return count;
}

/* The digits of any double, by printing it ever longer until it reads back as itself. */
static size_t digits_printed(double value, char digits[DIGITS_MAX + 1], int *exponent)
{
	char text[EDGE_FLOAT_SIZE];
	int precision = value < DBL_MIN ? 1 : DIGITS_SURE; /* subnormals have fewer digits */
	for (; precision <= DIGITS_MAX; precision++) {
		snprintf(text, sizeof text, "%.*e", precision - 1, value);
		if (strtod(text, NULL) == value)
			break;
	}
	size_t count = 0;
	const char *at = text;
	for (; *at != 'e'; at++)
		if (*at >= '0' && *at <= '9')
			digits[count++] = *at;
	*exponent = (int)strtol(at + 1, NULL, 10);
	return count;
}

/* The shortest digits that read back as `value`, at least 0, and its decimal exponent. */
static size_t shortest_digits(double value, char digits[DIGITS_MAX + 1], int *exponent)
{
	const bool of_today = value >= 0x1p30 && value < 0x1p31;
	size_t count = of_today ? digits_of_today(value, digits, exponent)
				: digits_printed(value, digits, exponent);
	while (count > 1 && digits[count - 1] == '0')
		count--;
	digits[count] = '\0';
	return count;
}

static char *put_zeros(char *at, int count)
{
	for (; count > 0; count--)
		*at++ = '0';
	return at;
}

/* d.ddde+XX, at least two digits of exponent, no ".0". */
static char *put_exponential(char *at, const char *digits, size_t count, int exponent)
{
	*at++ = digits[0];
	if (count > 1) {
		*at++ = '.';
		at = mempcpy(at, digits + 1, count - 1);
	}
	return at + snprintf(at, 8, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
}

static char *put_plain(char *at, const char *digits, size_t count, int exponent)
{
	if (exponent < 0) {
		*at++ = '0';
		*at++ = '.';
		at = put_zeros(at, -exponent - 1);
		return mempcpy(at, digits, count);
	}
	const size_t whole = (size_t)exponent + 1;
	const size_t given = count < whole ? count : whole;
	at = mempcpy(at, digits, given);
	at = put_zeros(at, (int)(whole - given));
	*at++ = '.';
	if (count <= whole)
		return put_zeros(at, 1);
	return mempcpy(at, digits + whole, count - whole);
}

size_t edge_float(double value, char out[EDGE_FLOAT_SIZE])
{
	assert(isfinite(value));
	char digits[DIGITS_MAX + 1];
	int exponent;
	char *at = out;
	if (signbit(value))
		*at++ = '-';
	const size_t count = shortest_digits(fabs(value), digits, &exponent);
	if (exponent < -4 || exponent >= 16)
		at = put_exponential(at, digits, count, exponent);
	else
		at = put_plain(at, digits, count, exponent);
	*at = '\0';
	return (size_t)(at - out);
}

static enum fault put_key(struct bytes *out, const char *key)
{
	enum fault fault = bytes_append_text(out, out->data[out->size - 1] == '{' ? "\"" : ", \"");
	if (!fault)
		fault = bytes_append_text(out, key);
	return fault ? fault : bytes_append_text(out, "\": ");
}

/* Appends the time, if it is one. */
static enum fault put_time(struct bytes *out, const char *key, int64_t ns)
{
	char text[EDGE_FLOAT_SIZE];
	if (!meta_is_time(ns))
		return FAULT_NONE;
	const size_t size = edge_float(edge_seconds(ns), text);
	enum fault fault = put_key(out, key);
	return fault ? fault : bytes_append(out, text, size);
}

static enum fault put_number(struct bytes *out, const char *key, uint64_t number)
{
	char text[DECIMAL_MAX];
	enum fault fault = put_key(out, key);
	return fault ? fault : bytes_append(out, text, (size_t)(decimal_put(text, number) - text));
}

/* Mode, numbers and owner. */
static enum fault put_mode(struct bytes *out, const struct edge_metadata *metadata)
{
	enum fault fault = put_number(out, "st_mode", metadata->mode);
	if (!fault && metadata->numbered)
		fault = put_number(out, "st_ino", metadata->ino);
	if (!fault && metadata->numbered)
		fault = put_number(out, "st_dev", metadata->dev);
	if (!fault)
		fault = put_number(out, "st_uid", metadata->uid);
	if (!fault)
		fault = put_number(out, "st_gid", metadata->gid);
	if (!fault && metadata->numbered && metadata->nlink > 1)
		fault = put_number(out, "st_nlink", metadata->nlink);
	return fault;
}

/* Appends the attributes in base64, which needs no escapes. */
static enum fault put_attributes(struct bytes *out, const struct edge_metadata *metadata)
{
	const size_t length = BASE64_ENCODE_RAW_LENGTH((size_t)metadata->attributes_size);
	enum fault fault = bytes_append_text(out, "\"");
	if (!fault)
		fault = bytes_reserve(out, length + 1);
	if (fault)
		return fault;
	base64_encode_raw((char *)out->data + out->size, metadata->attributes_size,
			  metadata->attributes);
	out->size += length;
	return bytes_append_text(out, "\"");
}

static enum fault put_hash(struct bytes *out, const unsigned char hash[CONTENT_HASH_SIZE])
{
	char text[CONTENT_HASH_TEXT_SIZE];
	content_hash_print(hash, text);
	enum fault fault = put_key(out, "xxh3-128");
	return fault ? fault : bytes_printf(out, "\"%s\"", text);
}

/* What only barge keeps. */
static enum fault put_own(struct bytes *out, const struct edge_metadata *metadata)
{
	if (!metadata->unreadable && !metadata->chunked && metadata->attributes_size == 0 &&
	    metadata->tags_size == 0 && !metadata->hashed)
		return FAULT_NONE;
	enum fault fault = put_key(out, "barge");
	if (!fault)
		fault = bytes_append_text(out, "{");
	if (!fault && metadata->unreadable)
		fault = bytes_printf(out, "\"unreadable\": \"%s\"", metadata->unreadable);
	if (!fault && metadata->chunked) {
		fault = put_key(out, "chunked");
		if (!fault)
			fault = bytes_printf(out, "{\"size\": %llu, \"version\": 1}",
					     (unsigned long long)metadata->chunked);
	}
	if (!fault && metadata->attributes_size > 0) {
		fault = put_key(out, "attributes");
		if (!fault)
			fault = put_attributes(out, metadata);
	}
	if (!fault && metadata->tags_size > 0) {
		fault = put_key(out, "tags");
		if (!fault)
			fault = bytes_printf(out, "\"%.*s\"", metadata->tags_size, metadata->tags);
	}
	if (!fault && metadata->hashed)
		fault = put_hash(out, metadata->content_hash);
	return fault ? fault : bytes_append_text(out, "}");
}

enum fault edge_metadata_json(struct bytes *out, const struct edge_metadata *metadata)
{
	enum fault fault = bytes_append_text(out, "{");
	if (!fault)
		fault = put_time(out, "ctime", metadata->ctime_ns);
	if (!fault)
		fault = put_time(out, "mtime", metadata->mtime_ns);
	if (!fault && metadata->mode != 0)
		fault = put_mode(out, metadata);
	if (!fault)
		fault = put_own(out, metadata);
	return fault ? fault : bytes_append_text(out, "}");
}

/* Appends the JSON string for `text`, which must be UTF-8 (else FAULT_USAGE), quotes included. */
static enum fault put_string(struct bytes *out, const char *text, size_t size)
{
	if (!name_is_utf8(text, size))
		return FAULT_USAGE;
	json_t *string = json_stringn_nocheck(size ? text : "", size);
	if (!string)
		return FAULT_NOMEM;
	const size_t length = json_dumpb(string, NULL, 0, JSON_ENCODE_ANY);
	enum fault fault = length > 0 ? bytes_reserve(out, length) : FAULT_NOMEM;
	if (!fault) {
		json_dumpb(string, (char *)out->data + out->size, length, JSON_ENCODE_ANY);
		out->size += length;
		out->data[out->size] = '\0';
	}
	json_decref(string);
	return fault;
}

enum fault edge_json_open(struct bytes *out) { return bytes_append(out, "{", 1); }

enum fault edge_json_close(struct bytes *out) { return bytes_append(out, "}", 1); }

static const char *node_type(const struct cap *cap)
{
	if (cap_is_directory(cap))
		return "dirnode";
	return cap_is_file(cap) ? "filenode" : "unknown";
}

/* ["filenode", {"ro_uri": "URI:...": the text of a cap needs no escapes but for unknown ones. */
static enum fault put_node(struct bytes *out, const struct cap *cap)
{
	char text[CAP_TEXT_SIZE];
	const size_t length = cap_print(cap, text);
	enum fault fault = bytes_printf(out, ": [\"%s\", {\"%s\": ", node_type(cap),
					cap_is_writable(cap) ? "rw_uri" : "ro_uri");
	if (!fault)
		fault = put_string(out, text, length);
	secret_wipe(text, sizeof text);
	return fault;
}

enum fault edge_json_child(struct bytes *out, const struct edge_child *child)
{
	const size_t before = out->size;
	enum fault fault = FAULT_NONE;
	if (before > 0 && out->data[before - 1] != '{')
		fault = bytes_append(out, ", ", 2);
	if (!fault)
		fault = put_string(out, child->name, child->name_size);
	if (!fault)
		fault = put_node(out, child->cap);
	if (!fault && child->metadata) {
		fault = bytes_append_text(out, ", \"metadata\": ");
		if (!fault)
			fault = bytes_append(out, child->metadata, child->metadata_size);
	}
	if (!fault)
		fault = bytes_append(out, "}]", 2);
	if (fault)
		out->size = before;
	return fault;
}
