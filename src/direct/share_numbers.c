#include "direct/share_numbers.h"

#include "direct/cbor_item.h"

bool share_numbers_take(const unsigned char **at, size_t *size, bool found[SHARE_NUMBERS_MAX])
{
	struct cbor_item item;
	struct cbor_array numbers;
	memset(found, 0, SHARE_NUMBERS_MAX * sizeof *found);
	if (!cbor_item_take(at, size, &item) || item.kind != CBOR_ITEM_TAG ||
	    item.number != SHARE_NUMBERS_TAG || !cbor_array_take(at, size, &numbers))
		return false;
	while (cbor_array_next(&numbers, at, size, &item)) {
		if (item.kind != CBOR_ITEM_NUMBER)
			return false;
		if (item.number < SHARE_NUMBERS_MAX)
			found[item.number] = true;
	}
	return numbers.ended;
}

enum fault share_numbers_read(const void *data, size_t size, bool found[SHARE_NUMBERS_MAX],
			      struct err *err)
{
	const unsigned char *at = data;
	return share_numbers_take(&at, &size, found) && size == 0
		       ? FAULT_NONE
		       : err_set(err, FAULT_CORRUPT, "the reply is not a set of share numbers");
}
