#include "queue/core/array.h"

enum { FIRST = 16 /* items */ };

bool array_reserve(void *array, size_t count, size_t *capacity, size_t size)
{
	void *items;
	size_t wanted = FIRST, bytes;
	if (count < *capacity)
		return true;
	if ((*capacity && !mul_size(*capacity, 2, &wanted)) || !mul_size(wanted, size, &bytes))
		return false;
	memcpy(&items, array, sizeof items); /* a pointer of another type */
	items = realloc(items, bytes);
	if (!items)
		return false;
	memcpy(array, &items, sizeof items);
	*capacity = wanted;
	return true;
}
