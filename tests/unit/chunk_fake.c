#include "tests/unit/chunk_fake.h"

struct chunk_store_fake store;

static const char owner[] = "7db45dc0-e4a1-4144-b1a2-57861ce835fa";

static void note(const char *what, const struct chunk_key *key)
{
	size_t size = strlen(store.diary);
	if (!key)
		snprintf(store.diary + size, DIARY - size, "%s ", what);
	else if (key->chunk_size == CHUNK || key->chunk_size == 0)
		snprintf(store.diary + size, DIARY - size, "%s%llu ", what,
			 (unsigned long long)key->number);
	else
		snprintf(store.diary + size, DIARY - size, "%s%llu:%llu ", what,
			 (unsigned long long)key->number, (unsigned long long)key->chunk_size);
}

static struct object *find(const struct chunk_key *key)
{
	struct bytes text;
	bytes_init(&text, 2 * CHUNK_KEY_MAX);
	assert_int_equal(chunk_key_write(key, &text), FAULT_NONE);
	struct object *found = NULL;
	for (size_t i = 0; i < store.count && !found; i++)
		if (strcmp(store.object[i].name, bytes_text(&text)) == 0)
			found = &store.object[i];
	if (!found) {
		assert_true(store.count < OBJECTS);
		found = &store.object[store.count++];
		snprintf(found->name, sizeof found->name, "%s", bytes_text(&text));
		found->data = NULL;
	}
	bytes_fini(&text);
	return found;
}

/* Works for a while, and comes back with the lock held. */
static void enter(void) ACQUIRES(&store.lock)
{
	mutex_lock(&store.lock);
	store.busy++;
	store.most_busy = store.busy > store.most_busy ? store.busy : store.most_busy;
	mutex_unlock(&store.lock);
	const struct timespec rest = { .tv_nsec = 2000000 };
	nanosleep(&rest, NULL);
	mutex_lock(&store.lock);
	store.busy--;
}

static bool is_it(uint64_t which, const struct chunk_key *key) { return which == key->number + 1; }

static enum chunk_presence present(void *context, const struct chunk_key *key, struct err *err)
{
	(void)context;
	enter();
	note("?", key);
	enum chunk_presence found = find(key)->data ? CHUNK_PRESENT : CHUNK_ABSENT;
	if (is_it(store.unknown, key)) {
		err_set(err, FAULT_UNAVAILABLE, "nobody answers");
		found = CHUNK_UNKNOWN;
	}
	mutex_unlock(&store.lock);
	return found;
}

static enum fault put(void *context, const struct chunk_part *part, struct err *err)
{
	(void)context;
	enum fault fault = FAULT_NONE;
	enter();
	note("+", &part->key);
	if (is_it(store.refuses, &part->key)) {
		fault = err_set(err, FAULT_RETRY, "the store is in trouble");
	} else {
		struct object *object = find(&part->key);
		free(object->data);
		object->size = (size_t)part->size;
		object->data = malloc(object->size + 1);
		assert_non_null(object->data);
		memcpy(object->data, store.source + part->offset, object->size);
	}
	mutex_unlock(&store.lock);
	return fault;
}

static enum fault get(void *context, const struct chunk_part *part, const struct chunk_sink *sink,
		      struct err *err)
{
	(void)context;
	enter();
	note("<", &part->key);
	const struct object *object = find(&part->key);
	const unsigned char *data = object->data;
	uint64_t from = part->key.chunk_size ? 0 : part->offset;
	size_t size = data && object->size > from ? object->size - (size_t)from : 0;
	bool tears = is_it(store.tears, &part->key), refuses = is_it(store.refuses, &part->key);
	mutex_unlock(&store.lock);
	if (!data)
		return err_set(err, FAULT_NOT_FOUND, "no such object");
	if (refuses)
		return err_set(err, FAULT_RETRY, "the store is in trouble");
	if (is_it(store.stopped, &part->key)) {
		const struct timespec late = { .tv_nsec = 20000000 };
		nanosleep(&late, NULL);
		return err_set(err, FAULT_CANCELLED, "stopped");
	}
	size_t half = tears ? size / 2 : size;
	if (is_it(store.stutters, &part->key) &&
	    (sink->write(sink->context, "wrong", 5, err) ||
	     sink->begin(sink->context, part->key.chunk_size ? part->offset : 0, err)))
		return err->fault;
	for (size_t at = 0; at < half; at += 100)
		if (sink->write(sink->context, data + from + at, (size_t)min_u64(100, half - at),
				err))
			return err->fault;
	return FAULT_NONE;
}

static enum fault removed(void *context, const struct chunk_key *key, struct err *err)
{
	(void)context;
	note("-", key);
	if (is_it(store.refuses, key))
		return err_set(err, FAULT_RETRY, "the store is in trouble");
	struct object *object = find(key);
	free(object->data);
	object->data = NULL;
	return FAULT_NONE;
}

static enum fault read_log(void *context, struct chunk_log *log, struct err *err)
{
	(void)context;
	note("L", NULL);
	return chunk_log_read(log, store.log, strlen(store.log), err);
}

static enum fault write_log(void *context, const struct chunk_log *log, struct err *err)
{
	(void)context;
	(void)err;
	struct bytes text;
	note("W", NULL);
	bytes_init(&text, sizeof store.log - 1);
	assert_int_equal(chunk_log_write(log, &text), FAULT_NONE);
	snprintf(store.log, sizeof store.log, "%s", bytes_text(&text));
	bytes_fini(&text);
	return FAULT_NONE;
}

static enum fault have(void *context, const struct chunk_list *list, uint64_t *size,
		       struct err *err)
{
	(void)list;
	(void)context;
	(void)err;
	*size = store.blind ? 0 : store.file_size;
	return FAULT_NONE;
}

static enum fault write_at(void *context, uint64_t offset, const void *data, size_t size,
			   struct err *err)
{
	(void)context;
	if (store.fails_write && offset >= store.fails_write)
		return err_set(err, FAULT_FULL, "no space left");
	assert_true(offset <= store.file_size); /* never a hole */
	memcpy(store.file + offset, data, size);
	store.file_size = max_u64(store.file_size, offset + size);
	return FAULT_NONE;
}

static enum fault cut(void *context, uint64_t size, struct err *err)
{
	(void)context;
	(void)err;
	assert_true(size <= store.file_size);
	store.file_size = size;
	return FAULT_NONE;
}

static void progress(void *context, uint64_t bytes)
{
	(void)context;
	assert_true(store.progress_count < ARRAY_COUNT(store.progress));
	store.progress[store.progress_count++] = bytes;
}

static const struct chunk_operations operations = {
	.present = present,
	.store = put,
	.retrieve = get,
	.remove = removed,
	.read_log = read_log,
	.write_log = write_log,
	.have = have,
	.write = write_at,
	.cut = cut,
	.progress = progress,
};

int chunks_begin(void **state)
{
	(void)state;
	for (size_t i = 0; i < store.count; i++)
		free(store.object[i].data);
	store = (struct chunk_store_fake){ .count = 0 };
	mutex_init(&store.lock);
	for (size_t i = 0; i < sizeof store.source; i++)
		store.source[i] = (unsigned char)(i * 7 + i / 251);
	return 0;
}

int chunks_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < store.count; i++)
		free(store.object[i].data);
	store.count = 0;
	mutex_fini(&store.lock);
	return 0;
}

struct chunk_run chunks_run(const char *chunk, const char *key, unsigned width)
{
	struct err err;
	struct chunk_run run = {
		.operations = &operations,
		.owner = owner,
		.now_ns = 1000,
		.width = width,
		.serial = width == 1,
		.memory = SIZE_MAX,
	};
	assert_int_equal(chunk_config_read(NULL, chunk, &run.config, &err), FAULT_NONE);
	assert_true(chunk_key_read(key, &run.key));
	return run;
}

void chunks_diary(const char *wanted)
{
	assert_string_equal(store.diary, wanted);
	store.diary[0] = '\0';
}

enum fault chunks_put(const char *chunk, unsigned width)
{
	const struct chunk_run run = chunks_run(chunk, "SHA256-s5500--a", width);
	struct err err;
	return chunk_store(&run, SIZE, &err);
}

void chunks_put_all(void)
{
	assert_int_equal(chunks_put("1000", 1), FAULT_NONE);
	store.diary[0] = '\0';
	store.progress_count = 0;
}

void chunks_lose(uint64_t number)
{
	const struct chunk_run run = chunks_run("1000", "SHA256-s5500--a", 1);
	const struct chunk_key key = number ? chunk_key_of_chunk(&run.key, CHUNK, number) : run.key;
	struct object *object = find(&key);
	free(object->data);
	object->data = NULL;
}

const char chunks_logged[] = "0.000001000s 7db45dc0-e4a1-4144-b1a2-57861ce835fa:1000 6\n";
