#include "store/listing_memory.h"

#include "base/secret.h"

struct listing_block {
	struct listing_block *next, **link; /* what points to it */
	size_t size;
	_Alignas(max_align_t) unsigned char data[];
};

static struct listing_block *block_of(void *data)
{
	return (struct listing_block *)((char *)data - offsetof(struct listing_block, data));
}

static void *take_memory(void *context, size_t size)
{
	struct listing_memory *memory = context;
	struct listing_block *block = malloc(sizeof *block + size);
	if (!block)
		longjmp(memory->caller, 1);
	block->size = size;
	block->next = memory->first;
	block->link = &memory->first;
	if (block->next)
		block->next->link = &block->next;
	memory->first = block;
	return block->data;
}

static void free_block(struct listing_block *block)
{
	secret_wipe(block->data, block->size);
	free(block);
}

static void give_memory(void *context, void *data)
{
	(void)context;
	if (!data)
		return;
	struct listing_block *block = block_of(data);
	*block->link = block->next;
	if (block->next)
		block->next->link = block->link;
	free_block(block);
}

/* realloc would leave the old bytes behind. */
static void *move_memory(void *context, void *data, size_t size)
{
	void *moved = take_memory(context, size);
	if (data)
		memcpy(moved, data, min_u64(size, block_of(data)->size));
	give_memory(context, data);
	return moved;
}

yajl_alloc_funcs listing_memory_functions(struct listing_memory *memory)
{
	return (yajl_alloc_funcs){ take_memory, move_memory, give_memory, memory };
}

bool listing_memory_run(struct listing_memory *memory, void (*work)(void *context), void *context)
{
	if (setjmp(memory->caller))
		return false;
	work(context);
	return true;
}

void listing_memory_fini(struct listing_memory *memory)
{
	struct listing_block *block = memory->first;
	memory->first = NULL;
	while (block) {
		struct listing_block *next = block->next;
		free_block(block);
		block = next;
	}
}
