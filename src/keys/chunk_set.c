#include "keys/chunk_set.h"

#include "base/meta.h"
#include "base/secret.h"
#include "keys/chunking.h"
#include "queue/core/array.h"

#include <ctype.h>

struct chunk_set *chunk_set_new(const struct chunk_key *key, uint64_t size)
{
	struct chunk_set *set = calloc(1, sizeof *set);
	if (set) {
		set->size = size;
		set->key = chunk_key_of_chunk(key, size, 1);
	}
	return set;
}

void chunk_set_clear(struct chunk_set *set)
{
	if (set->object)
		secret_wipe(set->object, (size_t)set->room * sizeof *set->object);
	set->count = 0;
}

void chunk_set_free(struct chunk_set *set)
{
	while (set) {
		struct chunk_set *next = set->next;
		chunk_set_clear(set);
		free(set->object);
		free(set->waiting);
		cap_wipe(&set->partial);
		free(set);
		set = next;
	}
}

const struct chunk_object *chunk_set_find(const struct chunk_set *set, uint64_t number)
{
	bool there =
		number > 0 && number <= set->room && set->object[number - 1].cap.kind != CAP_NONE;
	return there ? &set->object[number - 1] : NULL;
}

/* What was is wiped: it may be moved. */
static enum fault grow(struct chunk_set *set, uint64_t number, struct err *err)
{
	const uint64_t room = max_u64(number, set->room * 2 < 16 ? 16 : set->room * 2);
	struct chunk_object *object = calloc((size_t)room, sizeof *object);
	if (!object)
		return err_set(err, FAULT_NOMEM, "no memory for chunks");
	if (set->object) {
		memcpy(object, set->object, (size_t)set->room * sizeof *object);
		secret_wipe(set->object, (size_t)set->room * sizeof *object);
	}
	free(set->object);
	set->object = object;
	set->room = room;
	return FAULT_NONE;
}

enum fault chunk_set_put(struct chunk_set *set, uint64_t number, const struct chunk_object *object,
			 struct err *err)
{
	if (number == 0 || number > CHUNKING_CHUNKS_MAX)
		return err_set(err, FAULT_USAGE, "a key has at most %d chunks; choose larger ones",
			       CHUNKING_CHUNKS_MAX);
	if (number > set->room && grow(set, number, err))
		return err->fault;
	set->count += set->object[number - 1].cap.kind == CAP_NONE;
	set->object[number - 1] = *object;
	return FAULT_NONE;
}

enum fault chunk_set_wait(struct chunk_set *set, uint64_t number, struct err *err)
{
	if (!array_reserve(&set->waiting, set->waits, &set->waiting_room, sizeof *set->waiting))
		return err_set(err, FAULT_NOMEM, "no memory for chunks");
	set->waiting[set->waits++] = number;
	return FAULT_NONE;
}

enum fault chunk_set_merge(struct chunk_set *set, const struct chunk_set *other, struct err *err)
{
	for (uint64_t number = 1; number <= other->room; number++) {
		const struct chunk_object *object = chunk_set_find(other, number);
		if (object && !chunk_set_find(set, number) &&
		    chunk_set_put(set, number, object, err))
			return err->fault;
	}
	return FAULT_NONE;
}

bool chunk_set_has_all(const struct chunk_set *set, uint64_t count)
{
	uint64_t number = 1;
	while (number <= count && chunk_set_find(set, number))
		number++;
	return number > count;
}

static bool equal(const struct chunk_object *one, const struct chunk_object *other)
{
	return cap_equal(&one->cap, &other->cap) && one->hashed == other->hashed &&
	       (!one->hashed || memcmp(one->hash, other->hash, CONTENT_HASH_SIZE) == 0);
}

bool chunk_set_repeats(const struct chunk_set *set, const struct chunk_set *other, uint64_t count)
{
	uint64_t number = 1;
	if (set->count != count || !chunk_set_has_all(set, count))
		return false;
	while (number <= count && equal(chunk_set_find(set, number), chunk_set_find(other, number)))
		number++;
	return number > count;
}

/* ---- names ---- */

static enum fault name_chunk(const struct chunk_set *set, uint64_t number, struct bytes *name)
{
	const struct chunk_key chunk = chunk_key_of_chunk(&set->key, set->size, number);
	return chunk_key_file_name(&chunk, name);
}

/* Whether `text` is the name of the first chunk but for the number, which is stored.  Before the
 * number there are but fields, so the first place that looks like one is it. */
static bool read_number(const char *first, const char *text, uint64_t *number)
{
	const char *mark = strstr(first, "-C1--");
	const size_t size = mark ? (size_t)(mark - first) + 2 : 0;
	const char *at = text + size;
	*number = 0;
	if (!mark || strncmp(first, text, size) != 0 || *at == '0')
		return false;
	for (; isdigit((unsigned char)*at) && *number <= CHUNKING_CHUNKS_MAX; at++)
		*number = *number * 10 + (uint64_t)(*at - '0');
	return strcmp(at, mark + 3) == 0 && *number > 0 && *number <= CHUNKING_CHUNKS_MAX;
}

enum fault chunk_set_read(struct chunk_set *set, const struct store_child *child, struct err *err)
{
	const struct cap *cap = store_node_cap(&child->node);
	struct bytes first;
	uint64_t number;
	bytes_init(&first, 2 * CHUNK_KEY_MAX + 1);
	enum fault fault = bytes_err(name_chunk(set, 1, &first), err, "a name");
	if (!fault && child->node.kind == STORE_FILE && !cap_is_mutable(cap) &&
	    strlen(child->name) == child->name_size &&
	    read_number(bytes_text(&first), child->name, &number)) {
		struct chunk_object object = { .cap = *cap, .hashed = child->node.metadata.hashed };
		memcpy(object.hash, child->node.metadata.content_hash, CONTENT_HASH_SIZE);
		fault = chunk_set_put(set, number, &object, err);
		cap_wipe(&object.cap);
	}
	bytes_fini(&first);
	return fault;
}

/* What is noted of it, and no times. */
static enum fault write_metadata(const struct chunk_object *object, struct bytes *metadata)
{
	struct edge_metadata edge = { .ctime_ns = META_NO_TIME,
				      .mtime_ns = META_NO_TIME,
				      .hashed = object->hashed };
	memcpy(edge.content_hash, object->hash, CONTENT_HASH_SIZE);
	return edge_metadata_json(metadata, &edge);
}

enum fault chunk_set_child(const struct chunk_set *set, uint64_t number, struct bytes *json)
{
	struct bytes name, metadata;
	const struct chunk_object *object = chunk_set_find(set, number);
	bytes_init(&name, 2 * CHUNK_KEY_MAX + 1);
	bytes_init(&metadata, 2 * CHUNK_KEY_MAX);
	enum fault fault = name_chunk(set, number, &name);
	if (!fault && object->hashed)
		fault = write_metadata(object, &metadata);
	const struct edge_child child = {
		.name = bytes_text(&name),
		.name_size = name.size,
		.cap = &object->cap,
		.metadata = object->hashed ? bytes_text(&metadata) : NULL,
		.metadata_size = metadata.size,
	};
	if (!fault)
		fault = edge_json_child(json, &child);
	bytes_fini(&metadata);
	bytes_fini(&name);
	return fault;
}
