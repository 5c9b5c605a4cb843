#include "chunk/lists.h"

uint64_t chunk_count(uint64_t size, uint64_t chunk_size)
{
	return size == 0 ? 1 : (size - 1) / chunk_size + 1;
}

bool chunk_cuts(const struct chunk_config *config, const struct chunk_key *key)
{
	return config->method == CHUNK_UNPADDED && key->chunk_size == 0 && chunk_key_is_stable(key);
}

static int by_size(const void *a, const void *b)
{
	const struct chunk_list *one = a, *other = b;
	return (one->size > other->size) - (one->size < other->size);
}

/* Adds what the log has of the owner, in order. */
static void add_logged(const struct chunk_log *log, const char *owner, struct chunk_lists *lists)
{
	size_t begin = lists->count;
	for (size_t i = 0; i < log->count; i++) {
		const struct chunk_log_line *line = &log->line[i];
		if (line->size > 0 && line->count > 0 && strcmp(line->owner, owner) == 0)
			lists->list[lists->count++] =
				(struct chunk_list){ .size = line->size, .count = line->count };
	}
	qsort(lists->list + begin, lists->count - begin, sizeof *lists->list, by_size);
}

/* Adds what the configuration would make of the key, unless it is there. */
static void add_guess(const struct chunk_config *config, const struct chunk_key *key,
		      struct chunk_lists *lists)
{
	const struct chunk_list guess = {
		.size = config->size,
		.count = chunk_count(key->size, config->size),
		.guessed = true,
	};
	for (size_t i = 0; i < lists->count; i++)
		if (lists->list[i].size == guess.size && lists->list[i].count == guess.count)
			return;
	lists->list[lists->count++] = guess;
}

enum fault chunk_lists_make(const struct chunk_config *config, const struct chunk_key *key,
			    const struct chunk_log *log, const char *owner,
			    struct chunk_lists *lists, struct err *err)
{
	const struct chunk_list whole = { .size = 0, .count = 1 };
	const bool cuts = chunk_cuts(config, key);
	*lists = (struct chunk_lists){ .list = calloc(log->count + 2, sizeof *lists->list) };
	if (!lists->list)
		return err_set(err, FAULT_NOMEM, "no memory for lists of chunks");
	if (!cuts)
		lists->list[lists->count++] = whole;
	add_logged(log, owner, lists);
	if (cuts) {
		lists->list[lists->count++] = whole;
		if (key->has_size)
			add_guess(config, key, lists);
	}
	return FAULT_NONE;
}

void chunk_lists_fini(struct chunk_lists *lists)
{
	free(lists->list);
	*lists = (struct chunk_lists){ .count = 0 };
}

struct chunk_key chunk_list_key(const struct chunk_list *list, const struct chunk_key *key,
				uint64_t index)
{
	return list->size ? chunk_key_of_chunk(key, list->size, index + 1) : *key;
}
