#include "serve/shares_index.h"

enum { CAPACITY_FIRST = 1024 };

void shares_index_fini(struct shares_index *index)
{
	free(index->slots);
	*index = (struct shares_index){ 0 };
}

/* The slot of `key`, or the free one where it belongs.  A storage index is a hash already. */
static struct share *slot_of(const struct shares_index *index,
			     const unsigned char key[CAP_KEY_SIZE])
{
	size_t at = (size_t)load_le64(key) & (index->capacity - 1);
	while (index->slots[at].kind && memcmp(index->slots[at].index, key, CAP_KEY_SIZE) != 0)
		at = (at + 1) & (index->capacity - 1);
	return &index->slots[at];
}

const struct share *shares_index_find(const struct shares_index *index,
				      const unsigned char key[CAP_KEY_SIZE])
{
	if (index->count == 0)
		return NULL;
	const struct share *slot = slot_of(index, key);
	return slot->kind ? slot : NULL;
}

/* Keeps a quarter of the slots free. */
static bool index_grow(struct shares_index *index)
{
	if (index->count < index->capacity / 4 * 3)
		return true;
	struct shares_index larger = { .capacity = CAPACITY_FIRST, .count = index->count };
	if (index->capacity && !mul_size(index->capacity, 2, &larger.capacity))
		return false;
	larger.slots = calloc(larger.capacity, sizeof larger.slots[0]);
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < index->capacity; i++) {
		if (index->slots[i].kind)
			*slot_of(&larger, index->slots[i].index) = index->slots[i];
	}
	free(index->slots);
	*index = larger;
	return true;
}

enum fault shares_index_put(struct shares_index *index, const struct share *share, struct err *err)
{
	if (!index_grow(index))
		return err_set(err, FAULT_NOMEM, "out of memory for the index of shares");
	struct share *slot = slot_of(index, share->index);
	index->count += slot->kind == 0;
	*slot = *share;
	return FAULT_NONE;
}
