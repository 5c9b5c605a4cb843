#include "store/share_numbers.h"

#include <cbor.h>

enum { TAG_SET = 258 };

static bool take_numbers(const cbor_item_t *set, bool found[SHARE_NUMBERS_MAX])
{
	if (!cbor_isa_array(set))
		return false;
	cbor_item_t **item = cbor_array_handle(set);
	for (size_t i = 0; i < cbor_array_size(set); i++) {
		if (!cbor_isa_uint(item[i]))
			return false;
		uint64_t number = cbor_get_int(item[i]);
		if (number < SHARE_NUMBERS_MAX)
			found[number] = true;
	}
	return true;
}

static bool take_set(const cbor_item_t *reply, bool found[SHARE_NUMBERS_MAX])
{
	if (!cbor_isa_tag(reply) || cbor_tag_value(reply) != TAG_SET)
		return false;
	cbor_item_t *set = cbor_tag_item(reply);
	bool taken = take_numbers(set, found);
	cbor_decref(&set);
	return taken;
}

enum fault share_numbers_read(const void *data, size_t size, bool found[SHARE_NUMBERS_MAX],
			      struct err *err)
{
	struct cbor_load_result result;
	memset(found, 0, SHARE_NUMBERS_MAX * sizeof *found);
	cbor_item_t *reply = cbor_load(data, size, &result);
	bool taken = reply && result.read == size && take_set(reply, found);
	if (reply)
		cbor_decref(&reply);
	return taken ? FAULT_NONE
		     : err_set(err, FAULT_CORRUPT, "the reply is not a set of share numbers");
}
