#include "chunk/each.h"
#include "keys/operation.h"
#include "queue/core/array.h"

/*
 * The directories that keys fall into are gone through by the first two digits of hashes, several
 * at a time:
 *
 *   keys, chunks -> their X, one after another -> names in them
 *   each XX      -> names in it, and its Y, one after another -> names in them
 *                -> with those of the X that belong to XX: sorted, each told of once
 */

enum { AREAS = 2 };

static const enum layout_area areas[AREAS] = { LAYOUT_KEYS, LAYOUT_CHUNKS };

struct listed_key {
	unsigned leaf;
	char *text;
};

/* What was found in directories. */
struct found_keys {
	unsigned level; /* of the directory that is read, */
	unsigned leaf;  /* and the first one below it */
	struct listed_key *key;
	size_t count, room;
	size_t before; /* of the directory that is read; in it, by their level and order: */
	bool there[FANOUT_LEVELS][FANOUT_CHILDREN];
	bool failed; /* no memory */
};

struct listing_run {
	struct keys *keys;
	const struct keys_found *found;
	struct cap root;
	struct found_keys top; /* keys in X */
	bool there_xx[AREAS][FANOUT_CHILDREN];
	struct mutex lock; /* held while somebody hears of keys */
};

static void listed_fini(struct found_keys *listed)
{
	for (size_t i = 0; i < listed->count; i++)
		free(listed->key[i].text);
	free(listed->key);
}

/* Forgets what came of the directory that is read. */
static void listed_begin(void *context)
{
	struct found_keys *listed = context;
	while (listed->count > listed->before)
		free(listed->key[--listed->count].text);
	memset(listed->there, 0, sizeof listed->there);
}

static bool listed_add(struct found_keys *listed, unsigned leaf, const char *text)
{
	if (!array_reserve(&listed->key, listed->count, &listed->room, sizeof *listed->key))
		return !(listed->failed = true);
	struct listed_key *key = &listed->key[listed->count];
	*key = (struct listed_key){ leaf, strdup(text) };
	listed->failed = !key->text;
	listed->count += !listed->failed;
	return !listed->failed;
}

/* Takes a key that belongs here, or a directory; others' names are passed over. */
static bool listed_child(void *context, const struct store_child *child)
{
	struct found_keys *listed = context;
	struct bytes text;
	struct key_name name;
	struct err err;
	unsigned below, first;
	bool on = true;
	if (fanout_read_name(listed->level, listed->leaf, child->name, &below, &first)) {
		listed->there[below][fanout_order(below, first)] = true;
		return true;
	}
	bytes_init(&text, CHUNK_KEY_MAX + 1);
	if (!chunk_key_of_file_name(child->name, &text) &&
	    !key_name_read(bytes_text(&text), &name, &err) &&
	    fanout_is_shared(listed->level, listed->leaf, name.leaf))
		on = listed_add(listed, name.leaf, bytes_text(&text));
	bytes_fini(&text);
	return on;
}

/* Lists a directory of an area.  What is not there has nothing. */
static enum fault list_directory(const struct listing_run *run, struct operation *operation,
				 enum layout_area area, struct found_keys *listed, struct err *err)
{
	struct store_node node;
	struct layout_path path;
	const struct tree_root root = { &operation->tries, &run->root };
	const struct tree_listing listing = { listed_begin, listed_child, listed, &node };
	layout_path_write(&path, area, listed->level, listed->leaf);
	listed->before = listed->count;
	enum fault fault = tree_list(&root, &path.tree, &listing, err);
	store_node_wipe(&node);
	if (fault && listed->failed)
		return err_set(err, FAULT_NOMEM, "no memory for names");
	if (fault)
		listed_begin(listed);
	return fault == FAULT_NOT_FOUND ? FAULT_NONE : fault;
}

static int by_leaf(const void *a, const void *b)
{
	const struct listed_key *one = a, *other = b;
	return one->leaf != other->leaf ? (one->leaf > other->leaf) - (one->leaf < other->leaf)
					: strcmp(one->text, other->text);
}

/* Tells of what was found, in order. */
static void tell(struct listing_run *run, struct found_keys *listed)
{
	if (listed->count > 0)
		qsort(listed->key, listed->count, sizeof *listed->key, by_leaf);
	mutex_lock(&run->lock);
	for (size_t i = 0; i < listed->count; i++)
		if (i == 0 || strcmp(listed->key[i].text, listed->key[i - 1].text) != 0)
			run->found->found(run->found->context, listed->key[i].text);
	mutex_unlock(&run->lock);
}

/* Adds the keys of an XX that its X has. */
static enum fault add_top(const struct listing_run *run, struct found_keys *listed, struct err *err)
{
	for (size_t i = 0; i < run->top.count; i++) {
		const struct listed_key *key = &run->top.key[i];
		if (fanout_is_shared(2, key->leaf, listed->leaf) &&
		    !listed_add(listed, key->leaf, key->text))
			return err_set(err, FAULT_NOMEM, "no memory for names");
	}
	return FAULT_NONE;
}

/* Adds what the directories of a level have that `there` says are in the one that was listed. */
static enum fault add_level(const struct listing_run *run, struct operation *operation,
			    enum layout_area area, struct found_keys *listed, struct err *err)
{
	bool there[FANOUT_CHILDREN];
	const unsigned above = listed->leaf, level = listed->level;
	enum fault fault = FAULT_NONE;
	memcpy(there, listed->there[level], sizeof there);
	for (unsigned i = 0; i < FANOUT_CHILDREN && !fault; i++) {
		listed->leaf = above + fanout_leaf(level, i);
		if (there[i])
			fault = list_directory(run, operation, area, listed, err);
	}
	listed->leaf = above;
	return fault;
}

/* Adds what an XX of an area has, and what is below it. */
static enum fault add_below(const struct listing_run *run, struct operation *operation,
			    enum layout_area area, struct found_keys *listed, struct err *err)
{
	listed->level = 2;
	enum fault fault = list_directory(run, operation, area, listed, err);
	listed->level = FANOUT_LAST;
	return fault ? fault : add_level(run, operation, area, listed, err);
}

static enum fault list_xx(struct listing_run *run, uint64_t number, struct found_keys *listed,
			  struct err *err)
{
	struct operation *operation;
	if (!run->there_xx[0][number] && !run->there_xx[1][number])
		return FAULT_NONE;
	enum fault fault = operation_begin(run->keys, &operation, err);
	for (size_t i = 0; i < AREAS && !fault; i++)
		if (run->there_xx[i][number])
			fault = add_below(run, operation, areas[i], listed, err);
	operation_end(operation);
	return fault;
}

static enum fault tell_of_xx(void *context, uint64_t number, struct err *err)
{
	struct listing_run *run = context;
	struct found_keys listed = { .leaf = fanout_leaf(2, (unsigned)number) };
	enum fault fault = list_xx(run, number, &listed, err);
	if (!fault)
		fault = add_top(run, &listed, err);
	if (!fault)
		tell(run, &listed);
	listed_fini(&listed);
	return fault;
}

/* Finds out which XX an area has, and what its X have. */
static enum fault list_area(struct listing_run *run, struct operation *operation, size_t area,
			    struct err *err)
{
	struct found_keys *top = &run->top;
	top->level = FANOUT_TOP;
	enum fault fault = list_directory(run, operation, areas[area], top, err);
	memcpy(run->there_xx[area], top->there[2], sizeof run->there_xx[area]);
	top->level = 1;
	return fault ? fault : add_level(run, operation, areas[area], top, err);
}

static enum fault list_top(struct listing_run *run, struct err *err)
{
	struct operation *operation;
	if (operation_begin(run->keys, &operation, err))
		return err->fault;
	enum fault fault = layout_root(&run->keys->layout, &operation->tries, &run->root, err);
	for (size_t i = 0; i < AREAS && !fault; i++)
		fault = list_area(run, operation, i, err);
	operation_end(operation);
	return fault;
}

enum fault keys_list(struct keys *keys, const struct keys_found *found, struct err *err)
{
	struct listing_run run = { .keys = keys, .found = found };
	mutex_init(&run.lock);
	enum fault fault = list_top(&run, err);
	const struct chunk_each each = {
		.one = tell_of_xx,
		.context = &run,
		.to = FANOUT_CHILDREN,
		.width = keys_width(keys),
	};
	if (!fault)
		fault = chunk_each(&each, err);
	mutex_fini(&run.lock);
	listed_fini(&run.top);
	cap_wipe(&run.root);
	return fault;
}
