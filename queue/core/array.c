#include "queue/core/array.h"

enum { FIRST = 16 /* items */ };

bool array_reserve(void *array, size_t count, size_t *capacity, size_t size)
{
	void *items;
	if (count < *capacity)
		return true;
	const size_t wanted = *capacity ? 2 * *capacity : FIRST;
	memcpy(&items, array, sizeof items); /* a pointer of another type */
	items = reallocarray(items, wanted, size);
	if (!items)
		return false;
	memcpy(array, &items, sizeof items);
	*capacity = wanted;
	return true;
}
