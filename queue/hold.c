#include "queue/hold.h"

#include <assert.h>

/* Holds any name and meta, and the names of a hundred ordinary files. */
enum { PAGE_SIZE = 8192 };

struct hold_page {
	struct hold_page *older;
	size_t used;
	unsigned char byte[PAGE_SIZE];
};

struct hold *hold_new(enum segment_kind kind, size_t capacity)
{
	struct hold *hold = calloc(1, sizeof *hold);
	if (!hold)
		return NULL;
	hold->segment.kind = kind;
	hold->segment.task = calloc(capacity, sizeof hold->segment.task[0]);
	hold->ended = calloc(capacity, sizeof hold->ended[0]);
	hold->capacity = capacity;
	atomic_init(&hold->references, 1);
	if (hold->segment.task && hold->ended)
		return hold;
	hold_unref(hold);
	return NULL;
}

/* Returns a copy that lives as long as the hold, or NULL. */
static const void *keep(struct hold *hold, const void *data, size_t size)
{
	assert(size <= PAGE_SIZE);
	struct hold_page *page = hold->page;
	if (!page || size > PAGE_SIZE - page->used) {
		page = malloc(sizeof *page);
		if (!page)
			return NULL;
		page->older = hold->page;
		page->used = 0;
		hold->page = page;
	}
	unsigned char *copy = page->byte + page->used;
	if (size > 0)
		memcpy(copy, data, size);
	page->used += size;
	return copy;
}

struct task *hold_add(struct hold *hold, const struct task *task)
{
	assert(hold->segment.count < hold->capacity);
	const char *name = keep(hold, task->name, task->name_size);
	const unsigned char *meta = keep(hold, task->meta, task->meta_size);
	if (!name || !meta)
		return NULL;
	struct task *added = &hold->segment.task[hold->segment.count++];
	*added = *task;
	added->name = name;
	added->meta = meta;
	added->segment = &hold->segment;
	hold->open++;
	return added;
}

static int by_id(const void *a, const void *b)
{
	uint64_t x = ((const struct task *)a)->id;
	uint64_t y = ((const struct task *)b)->id;
	return (x > y) - (x < y);
}

void hold_seal(struct hold *hold)
{
	qsort(hold->segment.task, hold->segment.count, sizeof hold->segment.task[0], by_id);
}

struct task *hold_find(const struct hold *hold, uint64_t id)
{
	size_t low = 0, high = hold->segment.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (hold->segment.task[middle].id <= id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	struct task *task = &hold->segment.task[low - 1];
	struct manifest_entry entry = { .kind = task->kind,
					.bytes = task->bytes,
					.chunk_size = task->chunk_size };
	return id - task->id < manifest_entry_ids(&entry) ? task : NULL;
}

void hold_ref(struct hold *hold) { atomic_fetch_add(&hold->references, 1); }

void hold_unref(struct hold *hold)
{
	if (!hold || atomic_fetch_sub(&hold->references, 1) > 1)
		return;
	while (hold->page) {
		struct hold_page *older = hold->page->older;
		free(hold->page);
		hold->page = older;
	}
	free(hold->segment.task);
	free(hold->ended);
	free(hold);
}
