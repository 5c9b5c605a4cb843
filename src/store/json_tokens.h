/*
 * What stands before a JSON parser and gives it whole tokens, none of them long.
 *
 * A parser that reads on where it is given more text begins a token that was cut once more for each
 * piece, so a long string costs the square of its size; and half of a surrogate pair, which JSON
 * may hold, becomes a question mark, so two names may become one.  Here the text is looked at once:
 *
 *   text --> whole tokens as they are, many at once ---------------------------------> feed
 *        |   a token that is cut between pieces ---> held until its end -------------> feed
 *        |   a string above the limit -------------> its beginning, "~", a hash -----> feed
 *        |   a number above the limit -------------> one that is out of every range -> feed
 *        |   NaN, Infinity, as Python writes them -> the same -----------------------> feed
 *        '-> half a pair as \uXXXX ----------------> its three bytes as in UTF-8 ----> feed
 *
 * The hash is over all of the token, so strings that differ stay different.  The three bytes are no
 * UTF-8, so what holds them is known as a name that cannot be one.  What is no JSON passes as it
 * is: that is the parser's business.
 *
 * Place      store/listing_parser -> [json_tokens] -> yajl.
 * Ownership  owns what is held, which is wiped; `context` is borrowed.
 * Threads    one owner at a time.
 *
 * Source: RFC 8259 6, 7.
 */
#pragma once

#include "base/bytes.h"
#include "base/digest.h"

enum { JSON_TOKEN_MAX = 64 << 10 }; /* bytes of a string or number, as it is written */

/* Takes the next `size` bytes.  False ends everything. */
typedef bool json_tokens_feed(void *context, const void *data, size_t size);

enum json_tokens_place {
	JSON_TOKENS_BETWEEN,
	JSON_TOKENS_STRING,
	JSON_TOKENS_NUMBER,
};

struct json_tokens {
	json_tokens_feed *feed;
	void *context;
	enum json_tokens_place place;
	unsigned escape;   /* characters of an escape seen, of the string at hand: none, \ or \u */
	bool odd;          /* a string that may hold half of a pair; a number with letters */
	uint64_t length;   /* of the token at hand, as far as it is held */
	struct bytes held; /* its beginning, where it cannot be fed as it lies in the text */
	struct bytes mended;
	struct content_hash hash; /* of all of it, once it is longer than may be held */
	uint64_t work;            /* bytes held, hashed, mended and fed so far: for tests */
	enum fault fault;         /* NOMEM, or CANCELLED by `feed` */
};

void json_tokens_init(struct json_tokens *tokens, json_tokens_feed *feed, void *context);

/* Frees and wipes what is held.  All zeros are allowed. */
void json_tokens_fini(struct json_tokens *tokens);

/* Looks at the next piece of the text, of any size.  FAULT_NOMEM, or FAULT_CANCELLED by `feed`; the
 * first fault is repeated by later calls. */
MUST_USE enum fault json_tokens_take(struct json_tokens *tokens, const void *data, size_t size);

/* Says that the text has ended: what is held is fed.  Faults as above. */
MUST_USE enum fault json_tokens_end(struct json_tokens *tokens);
