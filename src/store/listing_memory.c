#include "store/listing_memory.h"

#include "base/secret.h"

#include <malloc.h>

static void *take_memory(void *context, size_t size)
{
	(void)context;
	void *memory = malloc(size);
	if (!memory)
		abort(); /* yajl does not survive NULL */
	return memory;
}

static void give_memory(void *context, void *memory)
{
	(void)context;
	if (!memory)
		return;
	secret_wipe(memory, malloc_usable_size(memory));
	free(memory);
}

/* realloc would leave the old bytes behind. */
static void *move_memory(void *context, void *memory, size_t size)
{
	void *moved = take_memory(context, size);
	if (memory)
		memcpy(moved, memory, min_u64(size, malloc_usable_size(memory)));
	give_memory(context, memory);
	return moved;
}

yajl_alloc_funcs listing_memory(void)
{
	return (yajl_alloc_funcs){ take_memory, move_memory, give_memory, NULL };
}
