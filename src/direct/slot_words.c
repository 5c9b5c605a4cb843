#include "direct/slot_words.h"

#include "direct/cbor_item.h"
#include "direct/cbor_out.h"

#include <assert.h>

enum {
	WORDS_SIZE = 128,       /* bytes of everything but shares */
	WORDS_SHARE_SIZE = 160, /* and of what is said about one */
};

/* ---- the question ---- */

/* "NAME": an array of one map. */
static void say_list(struct cbor_out *out, const char *name, size_t pairs)
{
	cbor_put_text(out, name);
	cbor_put_array(out, 1);
	cbor_put_map(out, pairs);
}

static void say_range(struct cbor_out *out, uint64_t size)
{
	cbor_put_text(out, "offset");
	cbor_put_number(out, 0);
	if (size == 0)
		return;
	cbor_put_text(out, "size");
	cbor_put_number(out, size);
}

/* One share: to be written whole, where not a byte of it is there. */
static void say_share(struct cbor_out *out, const struct slot_shares *shares, unsigned share)
{
	cbor_put_number(out, share);
	cbor_put_map(out, 3);
	say_list(out, "test", 3);
	say_range(out, 1);
	cbor_put_text(out, "specimen");
	cbor_put_bytes(out, NULL, 0);
	say_list(out, "write", 2);
	say_range(out, 0);
	cbor_put_text(out, "data");
	cbor_put_bytes(out, shares->data + share * shares->share_size, shares->share_size);
	cbor_put_text(out, "new-length");
	cbor_put_null(out);
}

unsigned char *slot_question_new(const struct slot_shares *shares,
				 const bool wanted[SHARE_NUMBERS_MAX], size_t *size)
{
	size_t count = 0;
	for (unsigned i = 0; i < shares->count; i++)
		count += wanted[i];
	struct cbor_out out = {
		.room = WORDS_SIZE + count * (WORDS_SHARE_SIZE + shares->share_size),
	};
	out.data = malloc(out.room);
	if (!out.data)
		return NULL;
	cbor_put_map(&out, 2);
	cbor_put_text(&out, "test-write-vectors");
	cbor_put_map(&out, count);
	for (unsigned i = 0; i < shares->count; i++)
		if (wanted[i])
			say_share(&out, shares, i);
	say_list(&out, "read-vector", 2);
	say_range(&out, shares->version.size);
	assert(!out.overflow);
	*size = out.size;
	return out.data;
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
