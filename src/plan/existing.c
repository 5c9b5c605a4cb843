#include "plan/existing.h"

#include "base/meta.h"
#include "base/secret.h"
#include "plan/names.h"

enum {
	NAMES_MAX = 512 << 20, /* bytes of all names of one directory */
};

struct child {
	size_t name; /* offset in `names` */
	uint32_t name_size;
	bool is_directory;
	bool has_mtime;
	int64_t mtime_ns;
	uint64_t size; /* of a file, as far as the listing tells */
	/* Of a directory that can be merged into, or of a file, for writing where that is granted.
	 */
	uint8_t cap_kind, cap_size;
	unsigned char cap[OUTCOME_CAP_MAX];
};

struct existing {
	struct existing_options options;
	struct bytes names;
	struct child *child; /* sorted by name once listed */
	size_t count, capacity;
};

static void forget(struct existing *existing)
{
	if (existing->child)
		secret_wipe(existing->child, existing->count * sizeof *existing->child);
	existing->count = 0;
	bytes_clear(&existing->names);
}

static int compare(const void *a, const void *b, void *names)
{
	const struct child *left = a, *right = b;
	const unsigned char *text = names;
	return names_compare(text + left->name, left->name_size, text + right->name,
			     right->name_size);
}

static bool grow(struct existing *existing)
{
	size_t capacity = existing->capacity ? 2 * existing->capacity : 64;
	struct child *grown = calloc(capacity, sizeof *grown);
	if (!grown)
		return false;
	if (existing->child) {
		memcpy(grown, existing->child, existing->count * sizeof *grown);
		secret_wipe(existing->child, existing->count * sizeof *grown);
	}
	free(existing->child);
	existing->child = grown;
	existing->capacity = capacity;
	return true;
}

static void keep_cap(struct child *child, const struct cap *cap)
{
	if (!cap_pack(cap, child->cap, &child->cap_size, &child->cap_kind))
		child->cap_kind = CAP_NONE; /* of a kind unknown here */
}

static bool add(struct existing *existing, const struct store_child *child)
{
	const struct store_node *node = &child->node;
	if (existing->count == existing->capacity && !grow(existing))
		return false;
	struct child *added = &existing->child[existing->count];
	*added = (struct child){
		.name = existing->names.size,
		.name_size = (uint32_t)child->name_size,
		.is_directory = node->kind == STORE_DIRECTORY,
		.has_mtime = node->metadata_flags & STORE_HAS_MTIME,
		.mtime_ns = node->metadata.mtime_ns,
		.size = node->kind == STORE_FILE && node->has_size ? node->size : 0,
	};
	if (bytes_append(&existing->names, child->name, child->name_size))
		return false;
	existing->count++;
	if (cap_is_writable(&node->rw))
		keep_cap(added, &node->rw);
	else if (node->kind == STORE_FILE)
		keep_cap(added, &node->ro);
	return true;
}

static bool see(void *context, const struct store_child *child) { return add(context, child); }

static void begin(void *context) { forget(context); }

static enum fault list(struct existing *existing, const struct cap *cap, struct err *err)
{
	const struct ask_children children = { .begin = begin, .child = see, .context = existing };
	if (ask_directory(&existing->options.ask, cap, &children, err))
		return err_wrap(err, "listing a directory at the target");
	if (existing->count > 1)
		qsort_r(existing->child, existing->count, sizeof *existing->child, compare,
			existing->names.data);
	return FAULT_NONE;
}

/* The target is a file that is overwritten, whatever the one source is called. */
static bool is_file(const struct existing *existing) { return cap_is_file(existing->options.root); }

static enum fault add_file(struct existing *existing, struct err *err)
{
	struct store_child file = { .name = "", .node = { .kind = STORE_FILE } };
	file.node.rw = *existing->options.root;
	bool added = add(existing, &file);
	cap_wipe(&file.node.rw);
	return added ? FAULT_NONE : err_set(err, FAULT_NOMEM, "no memory for the target");
}

static enum fault open_directory(void *context, uint64_t id, bool *exists, struct err *err)
{
	struct existing *existing = context;
	struct outcome slot;
	struct cap cap;
	forget(existing);
	*exists = false;
	if (id == 0) {
		*exists = true;
		return is_file(existing) ? add_file(existing, err)
					 : list(existing, existing->options.root, err);
	}
	if (outcomes_read(existing->options.outcomes, id, 1, &slot, err))
		return err->fault;
	if (slot.state != OUTCOME_PLANNED ||
	    !cap_unpack(slot.cap, slot.cap_size, slot.cap_kind, &cap))
		return FAULT_NONE;
	*exists = true;
	enum fault fault = list(existing, &cap, err);
	cap_wipe(&cap);
	return fault;
}

static const struct child *find(const struct existing *existing, const char *name, size_t size)
{
	size_t low = 0, high = existing->count;
	if (is_file(existing))
		return high ? &existing->child[0] : NULL;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct child *child = &existing->child[middle];
		int order = names_compare(existing->names.data + child->name, child->name_size,
					  name, size);
		if (order == 0)
			return child;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static enum plan_there look(void *context, const char *name, size_t size)
{
	const struct child *child = find(context, name, size);
	if (!child)
		return PLAN_THERE_NOTHING;
	if (!child->is_directory)
		return PLAN_THERE_FILE;
	/* A directory nobody can write to is not merged into: a new one is made, and linking it
	 * decides. */
	return child->cap_kind ? PLAN_THERE_DIRECTORY : PLAN_THERE_NOTHING;
}

static enum fault bind(void *context, uint64_t id, const char *name, size_t size, struct err *err)
{
	struct existing *existing = context;
	const struct child *child = find(existing, name, size);
	struct outcome before, slot = { .id = id, .state = OUTCOME_PLANNED };
	if (!child || (child->is_directory && !child->cap_kind))
		return err_set(err, FAULT_CORRUPT, "a directory at the target has no cap to keep");
	enum fault fault = outcomes_read(existing->options.outcomes, id, 1, &before, err);
	/* After a kill what stands there may be what this job has linked. */
	if (fault || before.state == OUTCOME_PLANNED || outcome_is_settled(&before))
		return fault;
	slot.cap_kind = child->cap_kind;
	slot.cap_size = child->cap_size;
	memcpy(slot.cap, child->cap, sizeof slot.cap);
	if (!child->is_directory) {
		const struct meta meta = { .mtime_ns = child->mtime_ns };
		slot.level = child->has_mtime ? OUTCOME_HAS_MTIME : 0;
		slot.length = child->size;
		meta_pack_outcome(&meta, slot.meta);
	}
	fault = outcomes_write(existing->options.outcomes, &slot, err);
	secret_wipe(&slot, sizeof slot);
	secret_wipe(&before, sizeof before);
	return fault;
}

static enum fault sync_binds(void *context, struct err *err)
{
	struct existing *existing = context;
	return outcomes_sync(existing->options.outcomes, err);
}

enum fault existing_new(const struct existing_options *options, struct existing **existing,
			struct plan_target *target, struct err *err)
{
	struct existing *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for the target's listing");
	made->options = *options;
	bytes_init(&made->names, NAMES_MAX);
	*target = (struct plan_target){
		.open = open_directory,
		.look = look,
		.bind = bind,
		.sync = sync_binds,
		.context = made,
	};
	*existing = made;
	return FAULT_NONE;
}

void existing_free(struct existing *existing)
{
	if (!existing)
		return;
	forget(existing);
	free(existing->child);
	bytes_fini(&existing->names);
	free(existing);
}
