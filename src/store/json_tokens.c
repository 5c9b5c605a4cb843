#include "store/json_tokens.h"

enum {
	ESCAPE_SIZE = 6, /* \uXXXX */
	HASH_SHOWN = 16, /* bytes */
};

/* A number of JSON that no integer, and no time, takes. */
static const char out_of_range[] = "1e999999";

void json_tokens_init(struct json_tokens *tokens, json_tokens_feed *feed, void *context)
{
	*tokens = (struct json_tokens){ .feed = feed, .context = context };
	bytes_init(&tokens->held, JSON_TOKEN_MAX);
	/* Mending makes nothing longer, but for the hash. */
	bytes_init(&tokens->mended, JSON_TOKEN_MAX + 2 * HASH_SHOWN + 2);
}

void json_tokens_fini(struct json_tokens *tokens)
{
	bytes_fini(&tokens->held);
	bytes_fini(&tokens->mended);
	content_hash_fini(&tokens->hash);
}

/* Whether all is well so far; keeps the first fault. */
static bool note(struct json_tokens *tokens, enum fault fault)
{
	if (!tokens->fault)
		tokens->fault = fault;
	return tokens->fault == FAULT_NONE;
}

static bool feed(struct json_tokens *tokens, const void *data, size_t size)
{
	tokens->work += size;
	if (size > 0 && !tokens->feed(tokens->context, data, size))
		return note(tokens, FAULT_CANCELLED);
	return true;
}

/* ---- one token, in memory ---- */

static bool is_cut(const struct json_tokens *tokens) { return tokens->length > JSON_TOKEN_MAX; }

/* Keeps the next bytes of the token: the first of them as they are, of the others a hash. */
static bool hold(struct json_tokens *tokens, const unsigned char *data, size_t size)
{
	tokens->work += size;
	size_t room = JSON_TOKEN_MAX - tokens->held.size;
	if (!note(tokens, bytes_append(&tokens->held, data, size < room ? size : room)))
		return false;
	bool was_cut = is_cut(tokens);
	tokens->length += size;
	if (!is_cut(tokens))
		return true;
	if (!was_cut) {
		if (!tokens->hash.state && !note(tokens, content_hash_init(&tokens->hash, NULL)))
			return false;
		content_hash_start(&tokens->hash);
		content_hash_update(&tokens->hash, tokens->held.data, tokens->held.size);
		data += room;
		size -= room;
	}
	content_hash_update(&tokens->hash, data, size);
	return true;
}

static int hex_value(unsigned char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit |= 0x20;
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Returns the code unit of the \uXXXX at `at`, or -1. */
static int32_t code_unit(const unsigned char *at, size_t size)
{
	int32_t unit = 0;
	if (size < ESCAPE_SIZE || at[0] != '\\' || at[1] != 'u')
		return -1;
	for (size_t i = 2; i < ESCAPE_SIZE; i++) {
		int digit = hex_value(at[i]);
		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

static bool is_high(int32_t unit) { return unit >= 0xd800 && unit < 0xdc00; }

static bool is_low(int32_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

/* Returns the bytes of the character or escape at `at`, as it is written, or what is left. */
static size_t step_size(const unsigned char *at, size_t size)
{
	size_t step = 1;
	if (at[0] == '\\' && size > 1 && at[1] == 'u')
		step = is_high(code_unit(at, size)) ? 2 * ESCAPE_SIZE : ESCAPE_SIZE;
	else if (at[0] == '\\')
		step = 2;
	else if (at[0] >= 0xc0)
		step = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	return step;
}

/* Writes one that is whole: half of a pair as three bytes, anything else as it is.  Returns how
 * much of it was written. */
static size_t mend_step(struct json_tokens *tokens, const unsigned char *at, size_t size)
{
	int32_t unit = code_unit(at, size);
	size_t step = step_size(at, size);
	bool pair = is_high(unit) && size >= step &&
		    is_low(code_unit(at + ESCAPE_SIZE, size - ESCAPE_SIZE));
	if (!pair && (is_high(unit) || is_low(unit))) {
		const unsigned char bytes[] = { (unsigned char)(0xe0 | unit >> 12),
						(unsigned char)(0x80 | (unit >> 6 & 0x3f)),
						(unsigned char)(0x80 | (unit & 0x3f)) };
		note(tokens, bytes_append(&tokens->mended, bytes, sizeof bytes));
		return ESCAPE_SIZE;
	}
	step = step < size ? step : size;
	note(tokens, bytes_append(&tokens->mended, at, step));
	return step;
}

/* Writes the string anew.  One that is cut ends before what is not whole, and in its hash. */
static bool mend(struct json_tokens *tokens)
{
	const unsigned char *at = tokens->held.data, *end = at + tokens->held.size;
	bytes_clear(&tokens->mended);
	while (at < end && !tokens->fault) {
		size_t left = (size_t)(end - at);
		if (is_cut(tokens) && step_size(at, left) > left)
			break;
		at += mend_step(tokens, at, left);
	}
	if (is_cut(tokens)) {
		unsigned char hash[CONTENT_HASH_SIZE];
		content_hash_final(&tokens->hash, hash);
		note(tokens, bytes_append_text(&tokens->mended, "~"));
		for (size_t i = 0; i < HASH_SHOWN; i++)
			note(tokens, bytes_printf(&tokens->mended, "%02x", hash[i]));
		note(tokens, bytes_append_text(&tokens->mended, "\""));
	}
	tokens->work += tokens->mended.size;
	return !tokens->fault && feed(tokens, tokens->mended.data, tokens->mended.size);
}

/* Whether the number that is held is one of those that Python writes and JSON does not know. */
static bool is_word(const struct json_tokens *tokens)
{
	static const char *const word[] = { "NaN", "Infinity", "-Infinity" };
	for (size_t i = 0; i < ARRAY_COUNT(word); i++)
		if (tokens->held.size == strlen(word[i]) &&
		    memcmp(tokens->held.data, word[i], tokens->held.size) == 0)
			return true;
	return false;
}

/* Feeds the token that is held, which has ended, and forgets it. */
static bool release(struct json_tokens *tokens)
{
	bool good;
	if (tokens->place == JSON_TOKENS_NUMBER && (is_cut(tokens) || is_word(tokens)))
		good = feed(tokens, out_of_range, sizeof out_of_range - 1);
	else if (tokens->place == JSON_TOKENS_STRING && (tokens->odd || is_cut(tokens)))
		good = mend(tokens);
	else
		good = feed(tokens, tokens->held.data, tokens->held.size);
	bytes_clear(&tokens->held);
	tokens->length = 0;
	return good;
}

/* ---- the text ---- */

static bool is_of_number(unsigned char c)
{
	return (unsigned char)(c - '0') <= 9 || c == '-' || c == '+' || c == '.';
}

/* Whether a token may begin with it; all but the words of Python lie below ':'. */
static bool begins_token(unsigned char c)
{
	return c < ':' ? c == '"' || is_of_number(c) : c == 'N' || c == 'I';
}

/* Returns where the next token begins. */
static const unsigned char *find_token(struct json_tokens *tokens, const unsigned char *at,
				       const unsigned char *end)
{
	while (at < end && !begins_token(*at))
		at++;
	if (at == end)
		return end;
	tokens->place = *at == '"' ? JSON_TOKENS_STRING : JSON_TOKENS_NUMBER;
	tokens->escape = 0;
	tokens->odd = false;
	return at;
}

/* Returns the place behind the string's end and sets `ended`; or the end of the text. */
static const unsigned char *pass_string(struct json_tokens *tokens, const unsigned char *at,
					const unsigned char *end, bool *ended)
{
	for (; at < end; at++) {
		while (tokens->escape == 0 && *at != '"' && *at != '\\')
			if (++at == end)
				return end;
		if (tokens->escape == 0 && *at == '"') {
			*ended = true;
			return at + 1;
		}
		if (tokens->escape == 1) {
			tokens->escape = *at == 'u' ? 2 : 0;
		} else if (tokens->escape == 2) {
			tokens->odd |= *at == 'd' || *at == 'D';
			tokens->escape = 0;
		} else {
			tokens->escape = 1;
		}
	}
	return end;
}

static const unsigned char *pass_number(struct json_tokens *tokens, const unsigned char *at,
					const unsigned char *end, bool *ended)
{
	for (; at < end; at++) {
		bool letter = (*at | 0x20) >= 'a' && (*at | 0x20) <= 'z';
		if (!letter && !is_of_number(*at))
			break;
		tokens->odd |= letter && (*at | 0x20) != 'e';
	}
	*ended = at < end;
	return at;
}

enum fault json_tokens_take(struct json_tokens *tokens, const void *data, size_t size)
{
	const unsigned char *at = data, *end = at + size;
	const unsigned char *kept = at; /* before it all is fed or held */
	while (at < end && !tokens->fault) {
		bool opens = tokens->place == JSON_TOKENS_BETWEEN, ended = false;
		const unsigned char *token = opens ? find_token(tokens, at, end) : at;
		if (token == end)
			break;
		at = tokens->place == JSON_TOKENS_STRING
			     ? pass_string(tokens, token + opens, end, &ended)
			     : pass_number(tokens, token, end, &ended);
		bool plain =
			opens && ended && !tokens->odd && (size_t)(at - token) <= JSON_TOKEN_MAX;
		if (!plain) {
			if (!feed(tokens, kept, (size_t)(token - kept)) ||
			    !hold(tokens, token, (size_t)(at - token)) ||
			    (ended && !release(tokens)))
				break;
			kept = at;
		}
		if (ended)
			tokens->place = JSON_TOKENS_BETWEEN;
	}
	if (!tokens->fault)
		(void)feed(tokens, kept, (size_t)(end - kept));
	return tokens->fault;
}

enum fault json_tokens_end(struct json_tokens *tokens)
{
	if (!tokens->fault)
		(void)release(tokens);
	tokens->place = JSON_TOKENS_BETWEEN;
	return tokens->fault;
}
