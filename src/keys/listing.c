#include "chunk/each.h"
#include "keys/operation.h"

/*
 * The directories that keys fall into are gone through by their first level, several at a time:
 *
 *   keys, chunks -> XX, XX, ... -> each: its Y, one after another -> names of both areas, sorted
 */

enum { TOPS = 256, BELOW = 16, AREAS = 2 };

static const enum layout_area areas[AREAS] = { LAYOUT_KEYS, LAYOUT_CHUNKS };

struct listing_run {
	struct keys *keys;
	const struct keys_found *found;
	struct cap root;
	bool top[AREAS][TOPS];
	struct mutex lock; /* held while somebody hears of keys */
};

/* Names of a directory, while it is read. */
struct name_list {
	char **name;
	size_t count, room;
	bool failed; /* no memory */
};

static void names_clear(void *context)
{
	struct name_list *names = context;
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	names->count = 0;
}

static void names_fini(struct name_list *names)
{
	names_clear(names);
	free(names->name);
}

static bool names_add(void *context, const struct store_child *child)
{
	struct name_list *names = context;
	if (names->count == names->room) {
		const size_t room = names->room ? 2 * names->room : 64;
		char **more = reallocarray(names->name, room, sizeof *more);
		if (!more)
			return !(names->failed = true);
		names->name = more;
		names->room = room;
	}
	names->name[names->count] = strndup(child->name, child->name_size);
	names->failed = !names->name[names->count];
	names->count += !names->failed;
	return !names->failed;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lists names at a path of an area.  What is not there has none. */
static enum fault list_names(const struct listing_run *run, struct operation *operation,
			     const struct tree_path *path, struct name_list *names, struct err *err)
{
	struct store_node node;
	const struct tree_root root = { &operation->tries, &run->root };
	const struct tree_listing listing = { names_clear, names_add, names, &node };
	enum fault fault = tree_list(&root, path, &listing, err);
	store_node_wipe(&node);
	if (fault && names->failed)
		return err_set(err, FAULT_NOMEM, "no memory for names");
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault;
}

/* Reads "1f" of `digits` digits.  False: it is no such name. */
static bool read_digits(const char *name, size_t digits, unsigned *number)
{
	static const char hex[] = "0123456789abcdef";
	*number = 0;
	for (const char *at = name; *at; at++) {
		const char *digit = strchr(hex, *at);
		if (!digit)
			return false;
		*number = *number * 16 + (unsigned)(digit - hex);
	}
	return strlen(name) == digits;
}

/* Tells of the keys that a directory has names of; others' names are passed over. */
static void tell(struct listing_run *run, unsigned leaf, struct name_list *names)
{
	struct bytes key;
	struct key_name name;
	struct err err;
	bytes_init(&key, CHUNK_KEY_MAX + 1);
	if (names->count > 0)
		qsort(names->name, names->count, sizeof *names->name, by_text);
	mutex_lock(&run->lock);
	for (size_t i = 0; i < names->count; i++) {
		bytes_clear(&key);
		if (i > 0 && strcmp(names->name[i], names->name[i - 1]) == 0)
			continue;
		if (!chunk_key_of_file_name(names->name[i], &key) &&
		    !key_name_read(bytes_text(&key), &name, &err) && name.leaf == leaf)
			run->found->found(run->found->context, bytes_text(&key));
	}
	mutex_unlock(&run->lock);
	bytes_fini(&key);
}

/* Goes through one Y of an XX, in both areas. */
static enum fault list_leaf(struct listing_run *run, struct operation *operation, unsigned leaf,
			    const bool there[AREAS], struct err *err)
{
	struct name_list all = { 0 };
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < AREAS && !fault; i++) {
		char top[LAYOUT_NAME_SIZE], below[LAYOUT_NAME_SIZE];
		struct name_list names = { 0 };
		const struct tree_path path = layout_leaf_path(areas[i], leaf, top, below);
		if (!there[i])
			continue;
		fault = list_names(run, operation, &path, &names, err);
		for (size_t j = 0; j < names.count && !fault; j++) {
			const struct store_child child = { .name = names.name[j],
							   .name_size = strlen(names.name[j]) };
			if (!names_add(&all, &child))
				fault = err_set(err, FAULT_NOMEM, "no memory for names");
		}
		names_fini(&names);
	}
	if (!fault)
		tell(run, leaf, &all);
	names_fini(&all);
	return fault;
}

/* Finds out which Y an XX has, in each area. */
static enum fault list_below(const struct listing_run *run, struct operation *operation,
			     unsigned number, bool there[BELOW][AREAS], struct err *err)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < AREAS && !fault; i++) {
		char top[LAYOUT_NAME_SIZE], below[LAYOUT_NAME_SIZE];
		struct name_list names = { 0 };
		struct tree_path path = layout_leaf_path(areas[i], number << 4, top, below);
		path.count--;
		if (!run->top[i][number])
			continue;
		fault = list_names(run, operation, &path, &names, err);
		for (size_t j = 0; j < names.count; j++) {
			unsigned leaf;
			if (read_digits(names.name[j], 1, &leaf))
				there[leaf][i] = true;
		}
		names_fini(&names);
	}
	return fault;
}

static enum fault list_top(void *context, uint64_t number, struct err *err)
{
	struct listing_run *run = context;
	struct operation *operation;
	bool there[BELOW][AREAS] = { { false } };
	if (!run->top[0][number] && !run->top[1][number])
		return FAULT_NONE;
	if (operation_begin(run->keys, &operation, err))
		return err->fault;
	enum fault fault = list_below(run, operation, (unsigned)number, there, err);
	for (unsigned i = 0; i < BELOW && !fault; i++)
		if (there[i][0] || there[i][1])
			fault = list_leaf(run, operation, (unsigned)number << 4 | i, there[i], err);
	operation_end(operation);
	return fault;
}

/* Finds out which XX there are, and the root. */
static enum fault list_tops(struct listing_run *run, struct err *err)
{
	struct operation *operation;
	if (operation_begin(run->keys, &operation, err))
		return err->fault;
	enum fault fault = layout_root(&run->keys->layout, &operation->tries, &run->root, err);
	for (size_t i = 0; i < AREAS && !fault; i++) {
		struct name_list names = { 0 };
		const char *area = layout_area_name(areas[i]);
		const struct tree_path path = { .count = 1,
						.component = { { area, strlen(area) } } };
		fault = list_names(run, operation, &path, &names, err);
		for (size_t j = 0; j < names.count; j++) {
			unsigned top;
			if (read_digits(names.name[j], 2, &top))
				run->top[i][top] = true;
		}
		names_fini(&names);
	}
	operation_end(operation);
	return fault;
}

enum fault keys_list(struct keys *keys, const struct keys_found *found, struct err *err)
{
	struct listing_run run = { .keys = keys, .found = found };
	mutex_init(&run.lock);
	enum fault fault = list_tops(&run, err);
	const struct chunk_each each = {
		.one = list_top,
		.context = &run,
		.to = TOPS,
		.width = keys_width(keys),
	};
	if (!fault)
		fault = chunk_each(&each, err);
	mutex_fini(&run.lock);
	cap_wipe(&run.root);
	return fault;
}
