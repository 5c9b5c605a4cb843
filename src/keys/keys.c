#include "keys/keys.h"

#include "keys/source.h"
#include "keys/whole.h"

/* Reads the key, and takes a store. */
static enum fault begin(struct keys *keys, const char *key, struct key_name *name,
			struct operation **operation, struct err *err)
{
	*operation = NULL;
	enum fault fault = key_name_read(key, name, err);
	return fault ? fault : operation_begin(keys, operation, err);
}

/* Stores the cap that reads the key's content. */
static enum fault find(struct operation *operation, const struct key_name *name, struct cap *cap,
		       struct err *err)
{
	struct store_node node;
	enum fault fault =
		layout_find(&operation->keys->layout, &operation->tries, name, &node, err);
	if (!fault && node.kind != STORE_FILE)
		fault = err_set(err, FAULT_CORRUPT, "what has the key's name is not a file");
	if (!fault)
		*cap = *store_node_cap(&node);
	cap_wipe(&node.rw);
	cap_wipe(&node.ro);
	return fault;
}

static enum fault check_size(const struct key_name *name, const struct source *source,
			     struct err *err)
{
	const uint64_t size = (uint64_t)source->status.st_size;
	if (!name->has_size || name->size == size)
		return FAULT_NONE;
	return err_set(err, FAULT_USAGE, "'%.100s' has %llu bytes, but its key says %llu",
		       source->path, (unsigned long long)size, (unsigned long long)name->size);
}

static enum fault store_file(struct operation *operation, const struct key_name *name,
			     const struct source *source, const struct keys_progress *progress,
			     struct err *err)
{
	struct layout *layout = &operation->keys->layout;
	const struct source_part part = { 0, (uint64_t)source->status.st_size, progress };
	struct cap cap = { 0 };
	enum fault fault = layout_writable(layout, &operation->tries, err);
	if (!fault)
		fault = source_put(operation, source, &part, &cap, err);
	if (!fault)
		fault = layout_link(layout, &operation->tries, name, &cap, err);
	if (!fault)
		keys_progress_tell(progress, part.size);
	cap_wipe(&cap);
	return fault;
}

enum fault keys_store(struct keys *keys, const char *key, const char *path,
		      const struct keys_progress *progress, struct err *err)
{
	struct key_name name;
	struct source source;
	struct operation *operation;
	if (key_name_read(key, &name, err) || source_open(&source, path, err))
		return err->fault;
	enum fault fault = check_size(&name, &source, err);
	if (!fault)
		fault = operation_begin(keys, &operation, err);
	if (!fault) {
		fault = store_file(operation, &name, &source, progress, err);
		operation_end(operation);
	}
	source_close(&source);
	return fault;
}

enum fault keys_retrieve(struct keys *keys, const char *key, const char *path,
			 const struct keys_progress *progress, struct err *err)
{
	struct key_name name;
	struct operation *operation;
	struct cap cap = { 0 };
	enum fault fault = begin(keys, key, &name, &operation, err);
	if (!fault)
		fault = find(operation, &name, &cap, err);
	if (!fault)
		fault = whole_get(operation, &cap, path, progress, err);
	operation_end(operation);
	cap_wipe(&cap);
	return fault;
}

enum fault keys_remove(struct keys *keys, const char *key, struct err *err)
{
	struct key_name name;
	struct operation *operation;
	enum fault fault = begin(keys, key, &name, &operation, err);
	if (!fault)
		fault = layout_unlink(&keys->layout, &operation->tries, &name, err);
	operation_end(operation);
	return fault;
}

enum key_presence keys_check(struct keys *keys, const char *key, struct err *err)
{
	struct key_name name;
	struct operation *operation;
	struct cap cap = { 0 };
	enum key_presence presence = KEY_UNKNOWN;
	enum fault fault = begin(keys, key, &name, &operation, err);
	if (!fault) {
		fault = find(operation, &name, &cap, err);
		if (!fault)
			presence = whole_check(operation, &cap, err);
		else if (fault == FAULT_NOT_FOUND)
			presence = KEY_ABSENT;
	}
	operation_end(operation);
	cap_wipe(&cap);
	return presence;
}
