#include "direct/required.h"

#include "direct/cbor_item.h"

/* Reads the two ends of a range, behind the head of its map. */
static bool take_range(const unsigned char **at, size_t *size, uint64_t *begin)
{
	uint64_t end = 0;
	*begin = UINT64_MAX; /* one that does not come is behind any end */
	for (int i = 0; i < 2; i++) {
		struct cbor_item name, value;
		if (!cbor_item_take(at, size, &name) || !cbor_item_take(at, size, &value) ||
		    value.kind != CBOR_ITEM_NUMBER)
			return false;
		if (cbor_item_is(&name, "begin"))
			*begin = value.number;
		else if (cbor_item_is(&name, "end"))
			end = value.number;
	}
	return *begin < end;
}

static bool take_ranges(const unsigned char **at, size_t *size, uint64_t *first)
{
	struct cbor_array ranges;
	struct cbor_item head;
	if (!cbor_array_take(at, size, &ranges))
		return false;
	while (cbor_array_next(&ranges, at, size, &head)) {
		uint64_t begin;
		if (head.kind != CBOR_ITEM_MAP || head.number != 2 || !take_range(at, size, &begin))
			return false;
		*first = min_u64(*first, begin);
	}
	return ranges.ended;
}

enum fault required_read(const void *data, size_t size, uint64_t *first, struct err *err)
{
	const unsigned char *at = data;
	struct cbor_item map, name;
	*first = UINT64_MAX;
	const bool right = cbor_item_take(&at, &size, &map) && map.kind == CBOR_ITEM_MAP &&
			   map.number == 1 && cbor_item_take(&at, &size, &name) &&
			   cbor_item_is(&name, "required") && take_ranges(&at, &size, first);
	return right && size == 0
		       ? FAULT_NONE
		       : err_set(err, FAULT_CORRUPT, "the reply does not say what is required");
}
