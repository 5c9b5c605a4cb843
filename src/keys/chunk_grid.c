#include "keys/chunk_grid.h"

#include "keys/whole.h"
#include "queue/core/file_io.h"

#include <time.h>

/* Whose lines of a log count: the key store's own. */
static const char OWNER[] = "barge";

/* Whether it is the key itself that is meant, and no chunk of it. */
static bool is_whole(const struct chunk_grid *grid, const struct chunk_key *key)
{
	return key->chunk_size == grid->name->key.chunk_size &&
	       key->number == grid->name->key.number;
}

bool chunk_grid_cuts(const struct chunk_grid *grid)
{
	return grid->name->key.chunk_size == 0 && chunk_key_is_stable(&grid->name->key);
}

enum fault chunk_grid_find(struct chunk_grid *grid, struct operation *operation,
			   const struct chunk_key *key, struct chunk_object *object,
			   struct err *err)
{
	struct store_node node;
	const struct layout_name name = layout_key(grid->name);
	if (!is_whole(grid, key))
		return chunking_find(&grid->chunking, operation, key, object, err);
	enum fault fault = layout_find(&grid->keys->layout, &operation->tries, &name, &node, err);
	if (!fault && node.kind != STORE_FILE)
		fault = err_set(err, FAULT_CORRUPT, "what has the key's name is not a file");
	if (!fault)
		*object = (struct chunk_object){ .cap = *store_node_cap(&node) };
	store_node_wipe(&node);
	return fault;
}

static enum chunk_presence presence_of(enum key_presence presence)
{
	return presence == KEY_PRESENT  ? CHUNK_PRESENT
	       : presence == KEY_ABSENT ? CHUNK_ABSENT
					: CHUNK_UNKNOWN;
}

static enum chunk_presence present(void *context, const struct chunk_key *key, struct err *err)
{
	struct chunk_grid *grid = context;
	struct operation *operation;
	struct chunk_object object = { .hashed = false };
	enum chunk_presence presence = CHUNK_UNKNOWN;
	if (operation_begin(grid->keys, &operation, err))
		return CHUNK_UNKNOWN;
	enum fault fault = chunk_grid_find(grid, operation, key, &object, err);
	if (fault == FAULT_NOT_FOUND)
		presence = CHUNK_ABSENT;
	else if (!fault)
		presence = presence_of(whole_check(operation, &object.cap, err));
	operation_end(operation);
	cap_wipe(&object.cap);
	return presence;
}

/* ---- storing ---- */

/* Sends a part, unless one with the same bytes was sent in this run: then its cap is noted. */
static enum fault send(struct chunk_grid *grid, struct operation *operation,
		       const struct chunk_part *part, struct err *err)
{
	struct chunk_object object = { .hashed = true };
	uint64_t of;
	bool equal = false;
	struct chunk_key twin = part->key;
	const struct source_part range = { part->offset, part->size, NULL };
	if (source_hash(grid->source, &range, object.hash, err) ||
	    twins_begin(&grid->twins, object.hash, part->key.number, &of, err))
		return err->fault;
	const bool first = of == part->key.number;
	enum fault fault = FAULT_NONE;
	twin.number = of;
	if (!first)
		fault = source_equal(grid->source, &range, (of - 1) * twin.chunk_size, &equal, err);
	if (!fault && equal)
		fault = chunking_find(&grid->chunking, operation, &twin, &object, err);
	else if (!fault)
		fault = source_put(operation, grid->source, &range, &object.cap, err);
	if (!fault)
		fault = chunking_keep(&grid->chunking, operation, &part->key, &object, err);
	if (first)
		twins_end(&grid->twins, of, !fault);
	cap_wipe(&object.cap);
	return fault;
}

static enum fault store_whole(struct chunk_grid *grid, struct operation *operation,
			      const struct chunk_part *part, struct err *err)
{
	struct cap cap = { 0 };
	const struct layout_name name = layout_key(grid->name);
	const struct source_part range = { 0, part->size, grid->progress };
	const struct tree_new new = { &cap, STORE_REPLACE_ONLY_FILES };
	enum fault fault = source_put(operation, grid->source, &range, &cap, err);
	if (!fault)
		fault = layout_link(&grid->keys->layout, &operation->tries, &name, &new, err);
	cap_wipe(&cap);
	return fault;
}

static enum fault store(void *context, const struct chunk_part *part, struct err *err)
{
	struct chunk_grid *grid = context;
	struct operation *operation;
	if (operation_begin(grid->keys, &operation, err))
		return err->fault;
	enum fault fault;
	if (is_whole(grid, &part->key)) {
		fault = store_whole(grid, operation, part, err);
	} else {
		fault = send(grid, operation, part, err);
		/* One chunk alone counts at once. */
		if (!fault && part->size < (uint64_t)grid->source->status.st_size)
			fault = chunking_share(&grid->chunking, operation, part->key.chunk_size,
					       false, err);
	}
	operation_end(operation);
	return fault;
}

void chunk_grid_save(struct chunk_grid *grid)
{
	struct operation *operation;
	struct err err;
	if (operation_begin(grid->keys, &operation, &err))
		return;
	store_wait_stop *stop = operation->wait.stop;
	const struct tries tries = operation->tries;
	operation->wait.stop = NULL;
	operation->tries = (struct tries){ .wait = &operation->wait };
	if (chunking_share(&grid->chunking, operation, grid->keys->options.chunk.size, true, &err))
		err = (struct err){ 0 };
	operation->wait.stop = stop;
	operation->tries = tries;
	operation_end(operation);
}

/* ---- retrieving ---- */

static enum fault retrieve(void *context, const struct chunk_part *part,
			   const struct chunk_sink *sink, struct err *err)
{
	struct chunk_grid *grid = context;
	struct operation *operation;
	struct chunk_object object = { .hashed = false };
	if (operation_begin(grid->keys, &operation, err))
		return err->fault;
	const bool all = is_whole(grid, &part->key);
	enum fault fault = chunk_grid_find(grid, operation, &part->key, &object, err);
	if (!fault) {
		const struct whole whole = {
			.cap = &object.cap,
			.content = object.hashed ? object.hash : NULL,
			.offset = all ? 0 : part->offset,
			.here = all ? min_u64(part->offset, object.cap.size) : 0,
			.read = target_read,
			.context = grid->target,
		};
		if (all)
			keys_progress_expect(grid->progress, object.cap.size);
		fault = whole_read(operation, &whole, sink, err);
		if (fault == FAULT_NOT_FOUND) /* the link is there: it is no absence */
			fault = err->fault = FAULT_RETRY;
		if (fault && !all && fault != FAULT_CANCELLED)
			err_wrap(err, "chunk %llu", (unsigned long long)part->key.number);
	}
	operation_end(operation);
	cap_wipe(&object.cap);
	return fault ? err->fault : FAULT_NONE;
}

static enum fault drop_begin(void *context, uint64_t offset, struct err *err)
{
	(void)context;
	(void)offset;
	(void)err;
	return FAULT_NONE;
}

static enum fault drop_write(void *context, const void *data, size_t size, struct err *err)
{
	(void)context;
	(void)data;
	(void)size;
	(void)err;
	return FAULT_NONE;
}

enum fault chunk_grid_prove(struct operation *operation, const struct chunk_object *object,
			    struct err *err)
{
	const struct whole whole = { .cap = &object->cap, .content = object->hash };
	const struct chunk_sink nowhere = { drop_begin, drop_write, NULL };
	return object->hashed ? whole_read(operation, &whole, &nowhere, err) : FAULT_NONE;
}

/* A chunk of the file here, to be compared with what is stored. */
struct here {
	const struct target *target;
	uint64_t offset;
};

static enum fault here_read(void *context, uint64_t offset, unsigned char *data, size_t size,
			    struct err *err)
{
	const struct here *here = context;
	return file_read_at(here->target->fd, here->offset + offset, data, size, err);
}

/* Whether the file has the bytes of a chunk: as they were noted, else by its cap. */
static bool has_chunk(struct chunk_grid *grid, struct operation *operation,
		      const struct chunk_part *part, struct err *err)
{
	bool alike = false;
	struct chunk_object object = { .hashed = false };
	struct here here = { grid->target, part->offset };
	if (chunk_grid_find(grid, operation, &part->key, &object, err))
		return false;
	const struct likeness likeness = {
		.cap = &object.cap,
		.content = object.hashed ? object.hash : NULL,
		.secret = grid->keys->options.setup->params,
		.size = object.cap.size,
		.read = here_read,
		.context = &here,
	};
	bool there =
		part->size >= object.cap.size && !likeness_find(&likeness, &alike, err) && alike;
	cap_wipe(&object.cap);
	return there;
}

/* Counts the chunks of the list that are there, by their caps. */
static enum fault have(void *context, const struct chunk_list *list, uint64_t *size,
		       struct err *err)
{
	struct chunk_grid *grid = context;
	struct operation *operation;
	struct err ignored;
	const uint64_t there = target_size(grid->target);
	uint64_t index = 0;
	*size = there;
	if (list->size == 0 || there == 0)
		return FAULT_NONE;
	if (operation_begin(grid->keys, &operation, err))
		return err->fault;
	*size = 0;
	for (; index < list->count && index * list->size < there; index++) {
		const struct chunk_part part = {
			.key = chunk_list_key(list, &grid->name->key, index),
			.offset = index * list->size,
			.size = there - index * list->size,
		};
		if (!has_chunk(grid, operation, &part, &ignored))
			break;
	}
	*size = index * list->size;
	operation_end(operation);
	return FAULT_NONE;
}

static enum fault write_bytes(void *context, uint64_t offset, const void *data, size_t size,
			      struct err *err)
{
	const struct chunk_grid *grid = context;
	return target_write(grid->target, offset, data, size, err);
}

static enum fault cut(void *context, uint64_t size, struct err *err)
{
	const struct chunk_grid *grid = context;
	return target_end(grid->target, size, err);
}

/* ---- removing, logs ---- */

/* Chunks go with the directory that has them, when the log is written. */
static enum fault removed(void *context, const struct chunk_key *key, struct err *err)
{
	struct chunk_grid *grid = context;
	struct operation *operation;
	const struct layout_name name = layout_key(grid->name);
	if (!is_whole(grid, key))
		return FAULT_NONE;
	if (operation_begin(grid->keys, &operation, err))
		return err->fault;
	enum fault fault = layout_unlink(&grid->keys->layout, &operation->tries, &name, err);
	operation_end(operation);
	return fault;
}

static enum fault read_log(void *context, struct chunk_log *log, struct err *err)
{
	struct chunk_grid *grid = context;
	struct operation *operation;
	if (!chunk_grid_cuts(grid))
		return FAULT_NONE;
	if (operation_begin(grid->keys, &operation, err))
		return err->fault;
	enum fault fault = chunking_log(&grid->chunking, operation, log, err);
	operation_end(operation);
	return fault;
}

static enum fault write_log(void *context, const struct chunk_log *log, struct err *err)
{
	struct chunk_grid *grid = context;
	struct operation *operation;
	if (operation_begin(grid->keys, &operation, err))
		return err->fault;
	enum fault fault = chunking_commit(&grid->chunking, operation, log, err);
	operation_end(operation);
	return fault;
}

/* ---- all of it ---- */

static void moved(void *context, uint64_t bytes)
{
	const struct chunk_grid *grid = context;
	keys_progress_tell(grid->progress, bytes);
}

void chunk_grid_init(struct chunk_grid *grid, struct keys *keys, const struct key_name *name,
		     const struct keys_progress *progress)
{
	*grid = (struct chunk_grid){ .keys = keys, .name = name, .progress = progress };
	chunking_init(&grid->chunking, &keys->layout, name);
	twins_init(&grid->twins);
	grid->operations = (struct chunk_operations){
		.present = present,
		.store = store,
		.retrieve = retrieve,
		.remove = removed,
		.read_log = read_log,
		.write_log = write_log,
		.have = have,
		.write = write_bytes,
		.cut = cut,
		.progress = moved,
		.context = grid,
	};
}

void chunk_grid_fini(struct chunk_grid *grid)
{
	twins_fini(&grid->twins);
	chunking_fini(&grid->chunking);
}

struct chunk_run chunk_grid_run(const struct chunk_grid *grid)
{
	const struct keys_options *options = &grid->keys->options;
	struct timespec now;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (struct chunk_run){
		.operations = &grid->operations,
		.config = options->chunk,
		.key = grid->name->key,
		.owner = OWNER,
		.now_ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec,
		.width = keys_width(grid->keys),
		.serial = options->serial,
		.memory = KEYS_MEMORY,
	};
}
