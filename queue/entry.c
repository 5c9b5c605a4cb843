#include "queue/entry.h"

uint64_t manifest_entry_ids(const struct manifest_entry *entry)
{
	if (entry->chunk_size == 0 || entry->bytes <= entry->chunk_size)
		return 1;
	uint64_t chunks = (entry->bytes - 1) / entry->chunk_size + 1;
	return chunks == UINT64_MAX ? chunks : chunks + 1;
}
