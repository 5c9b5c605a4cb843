#include "keys/chunking.h"

#include "base/secret.h"
#include "keys/chunking_parts.h"
#include "keys/whole.h"

#include <ctype.h>

static const char LOG[] = "log";

void chunking_init(struct chunking *chunking, struct layout *layout, const struct key_name *name)
{
	*chunking = (struct chunking){ .layout = layout, .name = name };
	mutex_init(&chunking->lock);
}

void chunking_fini(struct chunking *chunking) UNCHECKED
{
	chunk_set_free(chunking->set);
	if (chunking->size)
		secret_wipe(chunking->size, CHUNKING_SIZES_MAX * sizeof *chunking->size);
	free(chunking->size);
	cap_wipe(&chunking->log);
	mutex_fini(&chunking->lock);
}

struct layout_name chunking_own_name(const struct chunking *chunking)
{
	return (struct layout_name){ LAYOUT_CHUNKS, chunking->name->leaf, chunking->name->file,
				     chunking->name->file_size };
}

/* ---- what there is ---- */

static void own_begin(void *context) UNCHECKED
{
	struct chunking *chunking = context;
	chunking->sizes = 0;
	chunking->crowded = false;
	chunking->log = (struct cap){ 0 };
}

uint64_t chunking_read_size(const struct store_name *text)
{
	char back[24];
	uint64_t size = 0;
	if (text->size == 0 || text->size > 18)
		return 0;
	for (size_t i = 0; i < text->size; i++) {
		if (!isdigit((unsigned char)text->name[i]))
			return 0;
		size = size * 10 + (uint64_t)(text->name[i] - '0');
	}
	snprintf(back, sizeof back, "%llu", (unsigned long long)size);
	return strlen(back) == text->size ? size : 0;
}

static bool own_child(void *context, const struct store_child *child) UNCHECKED
{
	struct chunking *chunking = context;
	const struct cap *cap = store_node_cap(&child->node);
	const struct store_name name = { child->name, child->name_size };
	const uint64_t size = chunking_read_size(&name);
	if (child->name_size == strlen(LOG) && memcmp(child->name, LOG, child->name_size) == 0 &&
	    child->node.kind == STORE_FILE)
		chunking->log = *cap;
	if (size == 0 || child->node.kind != STORE_DIRECTORY || cap_is_mutable(cap))
		return true;
	chunking->crowded = chunking->sizes == CHUNKING_SIZES_MAX;
	if (!chunking->crowded)
		chunking->size[chunking->sizes++] = (struct chunk_size){ size, *cap };
	return true;
}

/* Lists the key's own directory, the first time. */
static enum fault look(struct chunking *chunking, struct operation *operation, struct err *err)
	REQUIRES(chunking->lock)
{
	struct store_node node;
	const struct layout_name name = chunking_own_name(chunking);
	const struct tree_listing listing = { own_begin, own_child, chunking, &node };
	if (chunking->looked)
		return FAULT_NONE;
	if (!chunking->size)
		chunking->size = calloc(CHUNKING_SIZES_MAX, sizeof *chunking->size);
	if (!chunking->size)
		return err_set(err, FAULT_NOMEM, "no memory for chunks");
	enum fault fault = layout_list(chunking->layout, &operation->tries, &name, &listing, err);
	if (!fault && (node.kind != STORE_DIRECTORY || chunking->log.kind == CAP_NONE))
		fault = err_set(err, FAULT_CORRUPT,
				"what the key store has of the key's chunks "
				"is not a directory with a log");
	store_node_wipe(&node);
	if (fault == FAULT_NOT_FOUND)
		fault = FAULT_NONE;
	chunking->looked = !fault;
	return fault;
}

struct layout_name chunking_partial_name(const struct chunking *chunking, uint64_t size,
					 char text[PARTIAL_NAME_SIZE])
{
	int length = snprintf(text, PARTIAL_NAME_SIZE, "%s-%llu", chunking->name->file,
			      (unsigned long long)size);
	return (struct layout_name){ LAYOUT_PARTIAL, chunking->name->leaf, text, (size_t)length };
}

/* A listing of chunks. */
struct set_listing {
	struct chunk_set *set;
	struct err err;
};

static void set_begin(void *context)
{
	struct set_listing *listing = context;
	chunk_set_clear(listing->set);
}

static bool set_child(void *context, const struct store_child *child)
{
	struct set_listing *listing = context;
	return !chunk_set_read(listing->set, child, &listing->err);
}

enum fault chunking_list_set(struct operation *operation, const struct cap *cap,
			     struct chunk_set *set, struct err *err)
{
	struct store_node node;
	struct set_listing reading = { .set = set };
	const struct tree_listing listing = { set_begin, set_child, &reading, &node };
	const struct tree_root root = { &operation->tries, cap };
	enum fault fault = tree_list(&root, NULL, &listing, err);
	store_node_wipe(&node);
	return fault && reading.err.fault ? (*err = reading.err).fault : fault;
}

/* Adds what a store under way has linked. */
static enum fault list_partial(const struct chunking *chunking, struct operation *operation,
			       struct chunk_set *set, struct err *err)
{
	char text[PARTIAL_NAME_SIZE];
	struct store_node node;
	const struct layout_name name = chunking_partial_name(chunking, set->size, text);
	struct set_listing reading = { .set = chunk_set_new(&set->key, set->size) };
	const struct tree_listing listing = { set_begin, set_child, &reading, &node };
	if (!reading.set)
		return err_set(err, FAULT_NOMEM, "no memory for chunks");
	enum fault fault = layout_list(chunking->layout, &operation->tries, &name, &listing, err);
	if (!fault && cap_is_writable(&node.rw))
		set->partial = node.rw;
	set->linked = fault ? 0 : reading.set->count;
	set->fresh = set->linked > 0;
	if (!fault)
		fault = chunk_set_merge(set, reading.set, err);
	store_node_wipe(&node);
	chunk_set_free(reading.set);
	if (fault && reading.err.fault)
		*err = reading.err;
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault ? err->fault : FAULT_NONE;
}

/* Reads what there is of one size: first what counts, then what came after it. */
static enum fault read_set(const struct chunking *chunking, struct operation *operation,
			   struct chunk_set *set, struct err *err) REQUIRES(chunking->lock)
{
	for (size_t i = 0; i < chunking->sizes; i++)
		if (chunking->size[i].size == set->size &&
		    chunking_list_set(operation, &chunking->size[i].cap, set, err))
			/* Never NOT_FOUND: that would say that the chunks are absent. */
			return err->fault == FAULT_NOT_FOUND ? err->fault = FAULT_RETRY
							     : err->fault;
	return list_partial(chunking, operation, set, err);
}

struct chunk_set *chunking_known_set(const struct chunking *chunking, uint64_t size)
	REQUIRES(chunking->lock)
{
	for (struct chunk_set *set = chunking->set; set; set = set->next)
		if (set->size == size)
			return set;
	return NULL;
}

enum fault chunking_need_set(struct chunking *chunking, struct operation *operation, uint64_t size,
			     struct chunk_set **out, struct err *err) REQUIRES(chunking->lock)
{
	*out = chunking_known_set(chunking, size);
	if (*out)
		return FAULT_NONE;
	if (look(chunking, operation, err))
		return err->fault;
	struct chunk_set *set = chunk_set_new(&chunking->name->key, size);
	if (!set)
		return err_set(err, FAULT_NOMEM, "no memory for chunks");
	if (read_set(chunking, operation, set, err)) {
		chunk_set_free(set);
		return err->fault;
	}
	set->next = chunking->set;
	chunking->set = *out = set;
	return FAULT_NONE;
}

enum fault chunking_find(struct chunking *chunking, struct operation *operation,
			 const struct chunk_key *chunk, struct chunk_object *object,
			 struct err *err)
{
	struct chunk_set *set;
	mutex_lock(&chunking->lock);
	enum fault fault = chunking_need_set(chunking, operation, chunk->chunk_size, &set, err);
	const struct chunk_object *found = fault ? NULL : chunk_set_find(set, chunk->number);
	if (found)
		*object = *found;
	else if (!fault)
		fault = err_set(err, FAULT_NOT_FOUND, "chunk %llu of %llu bytes is not there",
				(unsigned long long)chunk->number,
				(unsigned long long)chunk->chunk_size);
	mutex_unlock(&chunking->lock);
	return fault;
}

/* ---- the log ---- */

static enum fault log_begin(void *context, uint64_t offset, struct err *err)
{
	(void)offset;
	(void)err;
	bytes_clear(context);
	return FAULT_NONE;
}

static enum fault log_write(void *context, const void *data, size_t size, struct err *err)
{
	return bytes_err(bytes_append(context, data, size), err, "a chunk log");
}

enum fault chunking_log(struct chunking *chunking, struct operation *operation,
			struct chunk_log *log, struct err *err)
{
	struct bytes text;
	const struct chunk_sink sink = { log_begin, log_write, &text };
	mutex_lock(&chunking->lock);
	enum fault fault = look(chunking, operation, err);
	const struct cap cap = chunking->log;
	mutex_unlock(&chunking->lock);
	if (fault || cap.kind == CAP_NONE)
		return fault;
	const struct whole whole = { .cap = &cap };
	bytes_init(&text, CHUNK_LOG_MAX);
	fault = whole_read(operation, &whole, &sink, err);
	if (!fault)
		fault = chunk_log_read(log, bytes_text(&text), text.size, err);
	bytes_fini(&text);
	/* Never NOT_FOUND: that would say that there are no chunks. */
	if (fault == FAULT_NOT_FOUND)
		fault = err->fault = FAULT_RETRY;
	return fault;
}
