/* The text form of caps. */
#include "tahoe/caps.h"

#include "base/secret.h"
#include "tahoe/base32.h"

#include <assert.h>

enum {
	KEY_LENGTH = 26,    /* characters of 16 bytes */
	HASH_LENGTH = 52,   /* characters of 32 bytes */
	SHARES_MAX = 256,   /* zfec's limit, allmydata/util/hashutil.py */
	PREFIX_LENGTH = 24, /* room for the longest prefix */
};

/* What is left of a text that is read from the left. */
struct cap_cursor {
	const char *at;
	size_t left;
};

static bool skip(struct cap_cursor *in, const char *text)
{
	const size_t length = strlen(text);
	if (in->left < length || memcmp(in->at, text, length) != 0)
		return false;
	in->at += length;
	in->left -= length;
	return true;
}

static bool read_base32(struct cap_cursor *in, size_t length, unsigned char *out)
{
	size_t size;
	if (in->left < length || !base32_decode(in->at, length, out, &size))
		return false;
	in->at += length;
	in->left -= length;
	return true;
}

/* A decimal number without leading zeros, at most `max`. */
static bool read_number(struct cap_cursor *in, uint64_t max, uint64_t *value)
{
	uint64_t number = 0;
	size_t digits = 0;
	for (; digits < in->left && in->at[digits] >= '0' && in->at[digits] <= '9'; digits++) {
		if (digits > 0 && number == 0)
			return false;
		if (__builtin_mul_overflow(number, 10u, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(in->at[digits] - '0'), &number))
			return false;
	}
	if (digits == 0 || number > max)
		return false;
	in->at += digits;
	in->left -= digits;
	*value = number;
	return true;
}

static bool read_keys(struct cap_cursor *in, struct cap *cap)
{
	return read_base32(in, KEY_LENGTH, cap->key) && skip(in, ":") &&
	       read_base32(in, HASH_LENGTH, cap->hash);
}

/* key:hash:k:n:size */
static bool read_chk(struct cap_cursor *in, struct cap *cap)
{
	uint64_t needed, total;
	if (!read_keys(in, cap) || !skip(in, ":") || !read_number(in, SHARES_MAX, &needed) ||
	    !skip(in, ":") || !read_number(in, SHARES_MAX, &total) || !skip(in, ":") ||
	    !read_number(in, UINT64_MAX, &cap->size))
		return false;
	if (needed < 1 || needed > total)
		return false;
	cap->needed = (uint16_t)needed;
	cap->total = (uint16_t)total;
	return in->left == 0;
}

/* key:hash, and behind MDMF caps hints that are not kept. */
static bool read_mutable(struct cap_cursor *in, struct cap *cap)
{
	if (!read_keys(in, cap))
		return false;
	cap->size = 0;
	const char *prefix = cap_prefix(cap->kind);
	const bool hints = strstr(prefix, "MDMF") != NULL;
	return in->left == 0 || (hints && in->at[0] == ':');
}

static enum fault read_literal(struct cap_cursor *in, struct cap *cap, struct err *err)
{
	size_t size;
	if (in->left > base32_length(CAP_LITERAL_MAX))
		return err_set(err, FAULT_TOO_LARGE, "a literal cap of more than %d bytes",
			       CAP_LITERAL_MAX);
	if (!base32_decode(in->at, in->left, cap->content, &size))
		return err_set(err, FAULT_USAGE, "malformed cap (%s...)", cap_prefix(cap->kind));
	cap->size = size;
	return FAULT_NONE;
}

/* Keeps a cap of an unknown format as its text, if it could be one. */
static enum fault read_unknown(const char *text, size_t size, struct cap *cap, struct err *err)
{
	if (size == 0)
		return err_set(err, FAULT_USAGE, "an empty cap");
	for (size_t i = 0; i < size; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return err_set(err, FAULT_USAGE, "malformed cap (a blank or control byte)");
	if (size > sizeof cap->content)
		return err_set(err, FAULT_TOO_LARGE, "a cap of an unknown format with %zu bytes",
			       size);
	cap->kind = CAP_UNKNOWN;
	cap->size = size;
	memcpy(cap->content, text, size);
	return FAULT_NONE;
}

/* The kind whose prefix `in` begins with, which is then skipped. */
static enum cap_kind read_kind(struct cap_cursor *in)
{
	for (enum cap_kind kind = CAP_CHK; kind < CAP_UNKNOWN; kind++)
		if (skip(in, cap_prefix(kind)))
			return kind;
	return CAP_NONE;
}

static enum fault read_known(struct cap_cursor *in, struct cap *cap, struct err *err)
{
	if (cap_is_literal(cap))
		return read_literal(in, cap, err);
	if (cap_is_chk(cap) ? read_chk(in, cap) : read_mutable(in, cap))
		return FAULT_NONE;
	return err_set(err, FAULT_USAGE, "malformed cap (%s...)", cap_prefix(cap->kind));
}

enum fault cap_parse(const char *text, size_t size, struct cap *cap, struct err *err)
{
	struct cap_cursor in = { text, size };
	const bool immutable = skip(&in, "imm.");
	const bool readonly = immutable || skip(&in, "ro.");
	struct cap result;
	memset(&result, 0, sizeof result);
	result.kind = read_kind(&in);
	enum fault fault;
	if (result.kind == CAP_NONE)
		fault = read_unknown(text, size, &result, err);
	else
		fault = read_known(&in, &result, err);
	if (!fault && readonly && cap_is_writable(&result))
		fault = err_set(err, FAULT_USAGE, "a write cap behind \"ro.\" or \"imm.\"");
	if (!fault && immutable && cap_is_mutable(&result) && !cap_is_verifier(&result))
		fault = err_set(err, FAULT_USAGE, "a mutable cap behind \"imm.\"");
	if (!fault)
		*cap = result;
	cap_wipe(&result);
	return fault;
}

size_t cap_print(const struct cap *cap, char out[CAP_TEXT_SIZE])
{
	if (cap->kind == CAP_NONE || cap->kind == CAP_UNKNOWN) {
		size_t size = cap->kind == CAP_NONE ? 0 : (size_t)cap->size;
		memcpy(out, cap->content, size);
		out[size] = '\0';
		return size;
	}
	char *at = stpcpy(out, cap_prefix(cap->kind));
	if (cap_is_literal(cap)) {
		at += base32_encode(cap->content, (size_t)cap->size, at);
		return (size_t)(at - out);
	}
	at += base32_encode(cap->key, CAP_KEY_SIZE, at);
	*at++ = ':';
	at += base32_encode(cap->hash, CAP_HASH_SIZE, at);
	if (cap_is_chk(cap))
		at += snprintf(at, CAP_TEXT_SIZE - (size_t)(at - out), ":%u:%u:%llu", cap->needed,
			       cap->total, (unsigned long long)cap->size);
	return (size_t)(at - out);
}

size_t cap_print_readonly(const struct cap *cap, char out[CAP_TEXT_SIZE])
{
	struct cap readonly = { 0 };
	out[0] = '\0';
	if (!cap_to_readonly(cap, &readonly))
		return 0;
	size_t size = cap_print(&readonly, out);
	cap_wipe(&readonly);
	return size;
}
