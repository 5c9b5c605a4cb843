#include "direct/slot_words.h"

#include "direct/cbor_item.h"

#include <assert.h>
#include <cbor.h>

enum {
	WORDS_SIZE = 128,       /* bytes of everything but shares */
	WORDS_SHARE_SIZE = 160, /* and of what is said about one */
};

/* ---- the question ---- */

struct question {
	unsigned char *out;
	size_t size, room;
};

static void say_text(struct question *question, const char *text)
{
	const size_t length = strlen(text);
	question->size += cbor_encode_string_start(length, question->out + question->size,
						   question->room - question->size);
	memcpy(question->out + question->size, text, length);
	question->size += length;
}

static void say_bytes(struct question *question, const void *data, size_t size)
{
	question->size += cbor_encode_bytestring_start(size, question->out + question->size,
						       question->room - question->size);
	if (size > 0)
		memcpy(question->out + question->size, data, size);
	question->size += size;
}

static void say_number(struct question *question, uint64_t number)
{
	question->size += cbor_encode_uint(number, question->out + question->size,
					   question->room - question->size);
}

static void say_map(struct question *question, size_t pairs)
{
	question->size += cbor_encode_map_start(pairs, question->out + question->size,
						question->room - question->size);
}

/* "NAME": an array of one map. */
static void say_list(struct question *question, const char *name, size_t pairs)
{
	say_text(question, name);
	question->size += cbor_encode_array_start(1, question->out + question->size,
						  question->room - question->size);
	say_map(question, pairs);
}

static void say_range(struct question *question, uint64_t size)
{
	say_text(question, "offset");
	say_number(question, 0);
	if (size == 0)
		return;
	say_text(question, "size");
	say_number(question, size);
}

/* One share: to be written whole, where not a byte of it is there. */
static void say_share(struct question *question, const struct slot_shares *shares, unsigned share)
{
	say_number(question, share);
	say_map(question, 3);
	say_list(question, "test", 3);
	say_range(question, 1);
	say_text(question, "specimen");
	say_bytes(question, NULL, 0);
	say_list(question, "write", 2);
	say_range(question, 0);
	say_text(question, "data");
	say_bytes(question, shares->data + share * shares->share_size, shares->share_size);
	say_text(question, "new-length");
	question->size +=
		cbor_encode_null(question->out + question->size, question->room - question->size);
}

unsigned char *slot_question_new(const struct slot_shares *shares,
				 const bool wanted[SHARE_NUMBERS_MAX], size_t *size)
{
	size_t count = 0;
	for (unsigned i = 0; i < shares->count; i++)
		count += wanted[i];
	struct question question = {
		.room = WORDS_SIZE + count * (WORDS_SHARE_SIZE + shares->share_size),
	};
	question.out = malloc(question.room);
	if (!question.out)
		return NULL;
	say_map(&question, 2);
	say_text(&question, "test-write-vectors");
	say_map(&question, count);
	for (unsigned i = 0; i < shares->count; i++)
		if (wanted[i])
			say_share(&question, shares, i);
	say_list(&question, "read-vector", 2);
	say_range(&question, shares->version.size);
	assert(question.size <= question.room);
	*size = question.size;
	return question.out;
}

/* ---- the answer ---- */

/* The beginnings of the shares that were there, by their numbers. */
static bool read_shares(const unsigned char **at, size_t *size, const struct slot_version *version,
			struct slot_answer *answer)
{
	struct cbor_item item, number, array, bytes;
	if (!cbor_item_take(at, size, &item) || item.kind != CBOR_ITEM_MAP)
		return false;
	for (uint64_t i = 0; i < item.number; i++) {
		if (!cbor_item_take(at, size, &number) || number.kind != CBOR_ITEM_NUMBER ||
		    !cbor_item_take(at, size, &array) || array.kind != CBOR_ITEM_ARRAY ||
		    array.number != 1 || !cbor_item_take(at, size, &bytes) ||
		    bytes.kind != CBOR_ITEM_BYTES || number.number >= SHARE_NUMBERS_MAX)
			return false;
		const bool same = bytes.size == version->size &&
				  memcmp(bytes.data, version->bytes, version->size) == 0;
		answer->has[number.number] = same;
		answer->other |= !same;
	}
	return true;
}

enum fault slot_answer_read(const void *data, size_t size, const struct slot_version *version,
			    struct slot_answer *answer, struct err *err)
{
	const unsigned char *at = data;
	struct cbor_item item;
	bool success = false, shares = false;
	*answer = (struct slot_answer){ .written = false };
	bool right =
		cbor_item_take(&at, &size, &item) && item.kind == CBOR_ITEM_MAP && item.number == 2;
	for (int i = 0; i < 2 && right; i++) {
		right = cbor_item_take(&at, &size, &item);
		if (right && cbor_item_is(&item, "data")) {
			right = !shares && read_shares(&at, &size, version, answer);
			shares = true;
		} else {
			right = right && !success && cbor_item_is(&item, "success") &&
				cbor_item_take(&at, &size, &item) && item.kind == CBOR_ITEM_BOOL;
			answer->written = right && item.number;
			success = true;
		}
	}
	return right && success && shares && size == 0
		       ? FAULT_NONE
		       : err_set(err, FAULT_CORRUPT, "the reply does not say what was written");
}
