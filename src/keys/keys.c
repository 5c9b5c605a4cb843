#include "keys/keys.h"

#include "keys/chunk_grid.h"
#include "queue/retry.h"

static enum fault check_size(const struct chunk_grid *grid, const struct source *source,
			     struct err *err)
{
	const struct key_name *name = grid->name;
	const uint64_t size = (uint64_t)source->status.st_size;
	const uint64_t chunk = grid->keys->options.chunk.size;
	if (name->has_size && name->size != size)
		return err_set(err, FAULT_USAGE, "'%.100s' has %llu bytes, but its key says %llu",
			       source->path, (unsigned long long)size,
			       (unsigned long long)name->size);
	if (chunk > 0 && chunk_grid_cuts(grid) && chunk_count(size, chunk) > CHUNKING_CHUNKS_MAX)
		return err_set(err, FAULT_USAGE,
			       "a key has at most %d chunks; choose larger ones for '%.100s'",
			       CHUNKING_CHUNKS_MAX, source->path);
	return FAULT_NONE;
}

/* Refuses a root that cannot be written to before anything is sent. */
static enum fault check_writable(struct keys *keys, struct err *err)
{
	struct operation *operation;
	if (operation_begin(keys, &operation, err))
		return err->fault;
	enum fault fault = layout_writable(&keys->layout, &operation->tries, err);
	operation_end(operation);
	return fault;
}

enum fault keys_store(struct keys *keys, const char *key, const char *path,
		      const struct keys_progress *progress, struct err *err)
{
	struct key_name name;
	struct source source;
	struct chunk_grid grid;
	if (key_name_read(key, &name, err) || source_open(&source, path, err))
		return err->fault;
	chunk_grid_init(&grid, keys, &name, progress);
	grid.source = &source;
	const struct chunk_run run = chunk_grid_run(&grid);
	enum fault fault = check_size(&grid, &source, err);
	keys_progress_expect(progress, (uint64_t)source.status.st_size);
	if (!fault)
		fault = check_writable(keys, err);
	if (!fault) {
		fault = chunk_store(&run, (uint64_t)source.status.st_size, err);
		if (fault)
			chunk_grid_save(&grid);
	}
	chunk_grid_fini(&grid);
	source_close(&source);
	return fault;
}

enum fault keys_retrieve(struct keys *keys, const char *key, const char *path,
			 const struct keys_progress *progress, struct err *err)
{
	struct key_name name;
	struct target target = { path, -1 };
	struct chunk_grid grid;
	if (key_name_read(key, &name, err))
		return err->fault;
	chunk_grid_init(&grid, keys, &name, progress);
	grid.target = &target;
	if (name.has_size)
		keys_progress_expect(progress, name.size);
	const struct chunk_run run = chunk_grid_run(&grid);
	enum fault fault = chunk_retrieve(&run, err);
	if (fault == FAULT_CORRUPT) /* of what is stored, not of files here */
		fault = err->fault = fault_after_tries(err);
	chunk_grid_fini(&grid);
	target_close(&target);
	return fault;
}

static enum fault forget_partial(struct chunk_grid *grid, struct err *err)
{
	struct operation *operation;
	if (operation_begin(grid->keys, &operation, err))
		return err->fault;
	enum fault fault = chunking_forget_partial(&grid->chunking, operation, err);
	operation_end(operation);
	return fault;
}

enum fault keys_remove(struct keys *keys, const char *key, struct err *err)
{
	struct key_name name;
	struct chunk_grid grid;
	if (key_name_read(key, &name, err))
		return err->fault;
	chunk_grid_init(&grid, keys, &name, NULL);
	const struct chunk_run run = chunk_grid_run(&grid);
	enum fault fault = chunk_remove(&run, err);
	if (!fault && chunk_grid_cuts(&grid))
		fault = forget_partial(&grid, err);
	chunk_grid_fini(&grid);
	return fault;
}

enum key_presence keys_check(struct keys *keys, const char *key, struct err *err)
{
	struct key_name name;
	struct chunk_grid grid;
	if (key_name_read(key, &name, err))
		return KEY_UNKNOWN;
	chunk_grid_init(&grid, keys, &name, NULL);
	const struct chunk_run run = chunk_grid_run(&grid);
	const enum chunk_presence presence = chunk_present(&run, err);
	chunk_grid_fini(&grid);
	return presence == CHUNK_PRESENT  ? KEY_PRESENT
	       : presence == CHUNK_ABSENT ? KEY_ABSENT
					  : KEY_UNKNOWN;
}

static enum fault log_text(const struct chunk_operations *operations, struct bytes *text,
			   struct err *err)
{
	struct chunk_log log = { .count = 0 };
	enum fault fault = operations->read_log(operations->context, &log, err);
	if (!fault && log.count == 0)
		fault = err_set(err, FAULT_NOT_FOUND, "the key is not in chunks");
	if (!fault)
		fault = bytes_err(chunk_log_write(&log, text), err, "a chunk log");
	chunk_log_fini(&log);
	return fault;
}

enum fault keys_log(struct keys *keys, const char *key, struct bytes *text, struct err *err)
{
	struct key_name name;
	struct chunk_grid grid;
	if (key_name_read(key, &name, err))
		return err->fault;
	chunk_grid_init(&grid, keys, &name, NULL);
	enum fault fault = log_text(&grid.operations, text, err);
	chunk_grid_fini(&grid);
	return fault;
}
