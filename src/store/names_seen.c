#include "store/names_seen.h"

#include "base/digest.h"

enum { CAPACITY_FIRST = 64 };

static bool insert(uint64_t *slot, size_t capacity, uint64_t hash)
{
	size_t at = (hash >> 1) & (capacity - 1);
	while (slot[at] != 0 && slot[at] != hash)
		at = (at + 1) & (capacity - 1);
	bool added = slot[at] == 0;
	slot[at] = hash;
	return added;
}

/* Doubles the table and puts all hashes in anew. */
static bool grow(struct names_seen *seen)
{
	size_t capacity = seen->capacity ? 2 * seen->capacity : CAPACITY_FIRST;
	uint64_t *slot = calloc(capacity, sizeof *slot);
	if (!slot)
		return false;
	for (size_t i = 0; i < seen->capacity; i++)
		if (seen->slot[i] != 0)
			(void)insert(slot, capacity, seen->slot[i]);
	free(seen->slot);
	seen->slot = slot;
	seen->capacity = capacity;
	return true;
}

enum fault names_seen_add(struct names_seen *seen, const void *name, size_t size)
{
	if (seen->count >= seen->capacity / 4 * 3 && !grow(seen))
		return FAULT_NOMEM;
	unsigned char digest[CONTENT_HASH_SIZE];
	content_hash_of(name, size, digest);
	uint64_t hash = load_le64(digest) | 1; /* 0 means free */
	if (!insert(seen->slot, seen->capacity, hash))
		return FAULT_EXISTS;
	seen->count++;
	return FAULT_NONE;
}

void names_seen_fini(struct names_seen *seen)
{
	free(seen->slot);
	*seen = (struct names_seen){ .count = 0 };
}
