#include "keys/chunking_parts.h"
#include "keys/source.h"
#include "place/make.h"
#include "tahoe/edge.h"

enum {
	JSON_MAX = 64 << 20, /* bytes of a request with all chunks */
	SHARE_MS = 1000,     /* what is stored is linked at least that often */
	SHARE_PART = 16, /* or when it is that part of what is linked: each link rewrites it all */
};

/* ---- linking what has come ---- */

/* Chunks on their way into the directory of a store under way. */
struct sharing {
	struct chunking *chunking;
	struct operation *operation;
	uint64_t size;
	uint64_t *number; /* of chunks */
	size_t count;
	struct cap partial;
	struct bytes json;
};

/* Takes what waits.  Returns whether there is anything to do now. */
static bool sharing_take(struct sharing *sharing, struct chunk_set *set, bool all)
{
	const bool due = all || set->waits > set->linked / SHARE_PART ||
			 clock_ms() - set->shared_ms >= SHARE_MS;
	if (set->sharing || set->waits == 0 || !due)
		return false;
	sharing->number = set->waiting;
	sharing->count = set->waits;
	sharing->partial = set->partial;
	set->waiting = NULL;
	set->waits = set->waiting_room = 0;
	set->sharing = true;
	return true;
}

static enum fault sharing_write(struct sharing *sharing, const struct chunk_set *set,
				struct err *err)
{
	enum fault fault = edge_json_open(&sharing->json);
	for (size_t i = 0; !fault && i < sharing->count; i++)
		fault = chunk_set_child(set, sharing->number[i], &sharing->json);
	if (!fault)
		fault = edge_json_close(&sharing->json);
	return bytes_err(fault, err, "chunks to be linked");
}

/* Makes the directory with what there is in it.  Where somebody else has made one meanwhile that is
 * used. */
static enum fault make_partial(struct sharing *sharing, bool *linked, struct err *err)
{
	char text[PARTIAL_NAME_SIZE];
	struct store_node node = { 0 };
	struct layout *layout = sharing->chunking->layout;
	const struct tries *tries = &sharing->operation->tries;
	const struct layout_name name =
		chunking_partial_name(sharing->chunking, sharing->size, text);
	const struct make_options options = { .is_mutable = true, .children = sharing->count };
	const struct tree_new new = { &sharing->partial, STORE_REPLACE_NEVER };
	enum fault fault = make_directory(tries, &options, &sharing->json, &sharing->partial, err);
	if (!fault)
		fault = layout_link(layout, tries, &name, &new, err);
	*linked = !fault;
	if (fault == FAULT_EXISTS) {
		fault = layout_find(layout, tries, &name, &node, err);
		sharing->partial = node.rw;
		if (!fault && !cap_is_writable(&node.rw))
			fault = err_set(err, FAULT_USAGE,
					"what the key store has of an unfinished store is no "
					"writable directory");
	}
	store_node_wipe(&node);
	return fault;
}

static enum fault link_into(const struct sharing *sharing, struct err *err)
{
	struct tries tries = sharing->operation->tries;
	const struct store_edit edit = {
		.directory = &sharing->partial,
		.replace = STORE_REPLACE_ONLY_FILES,
		.children = sharing->count,
	};
	enum fault fault;
	do {
		fault = store_wait_set_children(tries.wait, &edit, &sharing->json, err);
	} while (fault && tries_again(&tries, err));
	if (!fault)
		tries_over(&tries);
	return fault ? err->fault : FAULT_NONE;
}

/* Notes what became of it; what is not linked waits again. */
static enum fault sharing_end(struct sharing *sharing, struct chunk_set *set, enum fault fault,
			      struct err *err)
{
	struct err ignored;
	set->sharing = false;
	set->shared_ms = clock_ms();
	if (!fault) {
		set->partial = sharing->partial;
		set->linked += sharing->count;
	}
	for (size_t i = 0; fault && i < sharing->count; i++)
		if (chunk_set_wait(set, sharing->number[i], &ignored))
			break;
	return fault ? err->fault : FAULT_NONE;
}

enum fault chunking_share(struct chunking *chunking, struct operation *operation, uint64_t size,
			  bool all, struct err *err)
{
	struct sharing sharing = { chunking, operation, size, NULL, 0, { 0 }, { 0 } };
	bool linked = false;
	bytes_init(&sharing.json, JSON_MAX);
	mutex_lock(&chunking->lock);
	struct chunk_set *set = chunking_known_set(chunking, size);
	bool any = set && sharing_take(&sharing, set, all);
	enum fault fault = any ? sharing_write(&sharing, set, err) : FAULT_NONE;
	mutex_unlock(&chunking->lock);
	if (any) {
		if (!fault && sharing.partial.kind == CAP_NONE)
			fault = make_partial(&sharing, &linked, err);
		if (!fault && !linked)
			fault = link_into(&sharing, err);
		mutex_lock(&chunking->lock);
		fault = sharing_end(&sharing, set, fault, err);
		mutex_unlock(&chunking->lock);
	}
	free(sharing.number);
	cap_wipe(&sharing.partial);
	bytes_fini(&sharing.json);
	return fault;
}

enum fault chunking_keep(struct chunking *chunking, struct operation *operation,
			 const struct chunk_key *chunk, const struct chunk_object *object,
			 struct err *err)
{
	struct chunk_set *set;
	mutex_lock(&chunking->lock);
	enum fault fault = chunking_need_set(chunking, operation, chunk->chunk_size, &set, err);
	if (!fault)
		fault = chunk_set_put(set, chunk->number, object, err);
	if (!fault)
		fault = chunk_set_wait(set, chunk->number, err);
	if (!fault)
		set->fresh = true;
	mutex_unlock(&chunking->lock);
	return fault;
}

/* ---- what counts from now on ---- */

/* Makes the directory of the first `count` chunks, which are there, and reads it back. */
static enum fault make_set(struct operation *operation, const struct chunk_set *set, uint64_t count,
			   struct cap *cap, struct err *err)
{
	struct bytes json;
	const struct make_options options = { .is_mutable = false, .children = count };
	struct chunk_set *back = chunk_set_new(&set->key, set->size);
	bytes_init(&json, JSON_MAX);
	enum fault fault = back ? edge_json_open(&json) : FAULT_NOMEM;
	for (uint64_t number = 1; !fault && number <= count; number++)
		fault = chunk_set_child(set, number, &json);
	if (!fault)
		fault = edge_json_close(&json);
	if (!bytes_err(fault, err, "a directory of chunks"))
		fault = make_directory(&operation->tries, &options, &json, cap, err);
	if (!fault)
		fault = chunking_list_set(operation, cap, back, err);
	if (!fault && !chunk_set_repeats(back, set, count))
		fault = err_wrong(err, "read back, a directory of chunks is not what was made");
	chunk_set_free(back);
	bytes_fini(&json);
	return fault;
}

/* Finds the directory of what a line of the log says, or makes it.  CAP_NONE: there is none. */
static enum fault settle_line(struct chunking *chunking, struct operation *operation,
			      const struct chunk_log_line *line, struct cap *cap, struct err *err)
	REQUIRES(chunking->lock)
{
	const struct chunk_set *set = chunking_known_set(chunking, line->size);
	*cap = (struct cap){ 0 };
	if (set && set->fresh && chunk_set_has_all(set, line->count))
		return make_set(operation, set, line->count, cap, err);
	for (size_t i = 0; i < chunking->sizes; i++)
		if (chunking->size[i].size == line->size)
			*cap = chunking->size[i].cap;
	return FAULT_NONE;
}

/* The key's directory, as it is to be. */
struct own {
	struct bytes json, text;
	uint64_t children;
};

static enum fault own_add(struct own *own, const char *name, const struct cap *cap, struct err *err)
{
	const struct edge_child child = { .name = name, .name_size = strlen(name), .cap = cap };
	own->children++;
	return bytes_err(edge_json_child(&own->json, &child), err, "the directory of a key");
}

static enum fault own_fill(struct own *own, struct chunking *chunking, struct operation *operation,
			   const struct chunk_log *log, struct err *err) REQUIRES(chunking->lock)
{
	struct cap cap = { 0 };
	enum fault fault = chunk_log_write(log, &own->text);
	if (!fault)
		fault = edge_json_open(&own->json);
	if (!bytes_err(fault, err, "a chunk log"))
		fault = source_put_bytes(operation, own->text.data, own->text.size, &cap, err);
	if (!fault)
		fault = own_add(own, "log", &cap, err);
	for (size_t i = 0; !fault && i < log->count; i++) {
		const struct chunk_log_line *line = &log->line[i];
		if (line->size == 0 || line->count == 0)
			continue;
		fault = settle_line(chunking, operation, line, &cap, err);
		if (!fault && cap.kind != CAP_NONE)
			fault = own_add(own, line->method, &cap, err);
	}
	if (!fault)
		fault = bytes_err(edge_json_close(&own->json), err, "the directory of a key");
	cap_wipe(&cap);
	return fault;
}

/* Makes the key's directory and links it. */
static enum fault own_link(struct chunking *chunking, struct operation *operation,
			   const struct chunk_log *log, struct err *err) REQUIRES(chunking->lock)
{
	struct own own = { .children = 0 };
	struct cap cap = { 0 };
	const struct layout_name name = chunking_own_name(chunking);
	const struct tree_new new = { &cap, STORE_REPLACE_ALWAYS };
	bytes_init(&own.json, JSON_MAX);
	bytes_init(&own.text, CHUNK_LOG_MAX);
	enum fault fault = own_fill(&own, chunking, operation, log, err);
	const struct make_options options = { .is_mutable = false, .children = own.children };
	if (!fault)
		fault = make_directory(&operation->tries, &options, &own.json, &cap, err);
	if (!fault)
		fault = layout_link(chunking->layout, &operation->tries, &name, &new, err);
	cap_wipe(&cap);
	bytes_fini(&own.json);
	bytes_fini(&own.text);
	return fault;
}

/* What stands in the key's directory is not needed where it was collected. */
static enum fault drop_partial(struct chunking *chunking, struct operation *operation,
			       struct err *err) REQUIRES(chunking->lock)
{
	char text[PARTIAL_NAME_SIZE];
	enum fault fault = FAULT_NONE;
	for (const struct chunk_set *set = chunking->set; set && !fault; set = set->next) {
		const struct layout_name name = chunking_partial_name(chunking, set->size, text);
		if (set->partial.kind != CAP_NONE)
			fault = layout_unlink(chunking->layout, &operation->tries, &name, err);
	}
	return fault;
}

static size_t count_sizes(const struct chunk_log *log)
{
	size_t sizes = 0;
	for (size_t i = 0; i < log->count; i++)
		sizes += log->line[i].count > 0;
	return sizes;
}

/* Refuses what would lose some of the sizes that are there. */
static enum fault check_sizes(const struct chunking *chunking, size_t sizes, struct err *err)
	REQUIRES(chunking->lock)
{
	if (sizes <= CHUNKING_SIZES_MAX && !chunking->crowded)
		return FAULT_NONE;
	return err_set(err, FAULT_USAGE,
		       "the key is stored in chunks of more than %d sizes; remove it first",
		       CHUNKING_SIZES_MAX);
}

enum fault chunking_commit(struct chunking *chunking, struct operation *operation,
			   const struct chunk_log *log, struct err *err)
{
	const struct layout_name name = chunking_own_name(chunking);
	mutex_lock(&chunking->lock);
	const size_t sizes = count_sizes(log);
	enum fault fault = sizes > 0 ? check_sizes(chunking, sizes, err) : FAULT_NONE;
	if (!fault && sizes > 0)
		fault = own_link(chunking, operation, log, err);
	else if (!fault)
		fault = layout_unlink(chunking->layout, &operation->tries, &name, err);
	if (!fault)
		fault = drop_partial(chunking, operation, err);
	mutex_unlock(&chunking->lock);
	return fault;
}

/* ---- what unfinished stores left ---- */

struct remains {
	const struct key_name *name;
	uint64_t size[64];
	size_t count;
};

static void remains_begin(void *context)
{
	struct remains *remains = context;
	remains->count = 0;
}

static bool remains_child(void *context, const struct store_child *child)
{
	struct remains *remains = context;
	const size_t size = remains->name->file_size;
	if (child->name_size <= size + 1 || child->name[size] != '-' ||
	    memcmp(child->name, remains->name->file, size) != 0 ||
	    remains->count == ARRAY_COUNT(remains->size))
		return true;
	const struct store_name digits = { child->name + size + 1, child->name_size - size - 1 };
	uint64_t number = chunking_read_size(&digits);
	if (number > 0)
		remains->size[remains->count++] = number;
	return true;
}

/* Takes away what is in one of the directories that the key falls into.  NOT_FOUND: there is no
 * such directory. */
static enum fault forget_level(const struct chunking *chunking, struct operation *operation,
			       unsigned level, struct err *err)
{
	struct cap cap;
	struct store_node node = { 0 };
	struct layout_path path;
	struct remains remains = { .name = chunking->name };
	const struct tree_listing listing = { remains_begin, remains_child, &remains, &node };
	const struct tree_root root = { &operation->tries, &cap };
	layout_path_write(&path, LAYOUT_PARTIAL, level, chunking->name->leaf);
	enum fault fault = layout_root(chunking->layout, &operation->tries, &cap, err);
	if (!fault)
		fault = tree_list(&root, &path.tree, &listing, err);
	for (size_t i = 0; !fault && i < remains.count; i++) {
		char text[PARTIAL_NAME_SIZE];
		const struct layout_name name =
			chunking_partial_name(chunking, remains.size[i], text);
		fault = layout_unlink(chunking->layout, &operation->tries, &name, err);
	}
	store_node_wipe(&node);
	cap_wipe(&cap);
	return fault;
}

enum fault chunking_forget_partial(struct chunking *chunking, struct operation *operation,
				   struct err *err)
{
	enum fault fault = forget_level(chunking, operation, FANOUT_TOP, err);
	if (fault == FAULT_NOT_FOUND) /* nobody ever stored so */
		return FAULT_NONE;
	for (unsigned level = FANOUT_TOP + 1; !fault && level < FANOUT_LEVELS; level++) {
		fault = forget_level(chunking, operation, level, err);
		if (fault == FAULT_NOT_FOUND)
			fault = FAULT_NONE;
	}
	return fault;
}
