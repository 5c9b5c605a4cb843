#include "plan/existing.h"

#include "queue/retry.h"
#include "queue/thread.h"

enum {
	NAMES_MAX = 512 << 20, /* bytes of all names of one directory */
	LOOK_MS = 200,         /* between questions whether to stop */
	AWAY_MS = 500,         /* between questions whether the gateway is back */
};

struct child {
	size_t name; /* offset in `names` */
	uint32_t name_size;
	bool is_directory;
	struct cap *cap; /* of a directory that can be merged into, else NULL */
};

struct existing {
	struct existing_options options;
	struct bytes names;
	struct child *child; /* sorted by name once listed */
	size_t count, capacity;
	bool failed; /* memory ran out in a callback */
};

static void forget(struct existing *existing)
{
	for (size_t i = 0; i < existing->count; i++) {
		if (existing->child[i].cap)
			cap_wipe(existing->child[i].cap);
		free(existing->child[i].cap);
	}
	existing->count = 0;
	bytes_clear(&existing->names);
}

static int compare_names(const void *a, size_t a_size, const void *b, size_t b_size)
{
	int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
	return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int compare(const void *a, const void *b, void *names)
{
	const struct child *left = a, *right = b;
	const unsigned char *text = names;
	return compare_names(text + left->name, left->name_size, text + right->name,
			     right->name_size);
}

static bool add(struct existing *existing, const struct store_child *child)
{
	if (existing->count == existing->capacity) {
		size_t capacity = existing->capacity ? 2 * existing->capacity : 64;
		struct child *grown = reallocarray(existing->child, capacity, sizeof *grown);
		if (!grown)
			return false;
		existing->child = grown;
		existing->capacity = capacity;
	}
	struct child *added = &existing->child[existing->count];
	*added = (struct child){ .name = existing->names.size,
				 .name_size = (uint32_t)child->name_size,
				 .is_directory = child->node.kind == STORE_DIRECTORY };
	if (bytes_append(&existing->names, child->name, child->name_size))
		return false;
	existing->count++;
	if (!added->is_directory || !cap_is_writable(&child->node.rw))
		return true;
	added->cap = malloc(sizeof *added->cap);
	if (added->cap)
		*added->cap = child->node.rw;
	return added->cap;
}

static bool see(void *context, const struct store_child *child)
{
	struct existing *existing = context;
	existing->failed = !add(existing, child);
	return !existing->failed;
}

/* Sleeps for `delay_ms`.  Returns false when asked to stop meanwhile. */
static bool sleep_unless_stopped(const struct store_wait *wait, uint32_t delay_ms)
{
	uint64_t end = clock_ms() + delay_ms;
	for (uint64_t now; (now = clock_ms()) < end;) {
		if (wait->stop && wait->stop(wait->context))
			return false;
		uint64_t slice = min_u64(end - now, LOOK_MS);
		nanosleep(&(struct timespec){ .tv_nsec = (long)slice * 1000000 }, NULL);
	}
	return true;
}

/* Tries made of one listing.  As with tasks, none counts while the gateway is away. */
struct tries {
	unsigned attempts;
	uint64_t random;
	uint64_t away_since; /* 0: it is not */
};

static bool try_again(const struct existing *existing, struct tries *tries, const struct err *err,
		      uint32_t *delay_ms)
{
	if (err->fault != FAULT_UNAVAILABLE) {
		tries->away_since = 0;
		return retry_again(&retry_default, err, ++tries->attempts, &tries->random,
				   delay_ms);
	}
	uint64_t now = clock_ms();
	if (!tries->away_since)
		tries->away_since = now;
	*delay_ms = AWAY_MS;
	return now - tries->away_since < existing->options.away_ms;
}

static enum fault list(struct existing *existing, const struct cap *cap, struct err *err)
{
	const struct store_list wanted = { .cap = cap, .child = see, .context = existing };
	struct tries tries = { .random = clock_ms() };
	for (;;) {
		uint32_t delay_ms;
		forget(existing);
		if (!store_wait_list(&existing->options.wait, &wanted, NULL, err))
			break;
		if (existing->failed)
			return err_set(err, FAULT_NOMEM, "no memory for a listing of the target");
		if (err->fault == FAULT_CORRUPT) /* a reply, not our state */
			err->fault = FAULT_RETRY;
		if (!try_again(existing, &tries, err, &delay_ms))
			return err_wrap(err, "listing a directory at the target");
		if (!sleep_unless_stopped(&existing->options.wait, delay_ms))
			return err_set(err, FAULT_CANCELLED, "asked to stop");
	}
	if (existing->count > 1)
		qsort_r(existing->child, existing->count, sizeof *existing->child, compare,
			existing->names.data);
	return FAULT_NONE;
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
		return list(existing, existing->options.root, err);
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
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct child *child = &existing->child[middle];
		int order = compare_names(existing->names.data + child->name, child->name_size,
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
	return child->cap ? PLAN_THERE_DIRECTORY : PLAN_THERE_NOTHING;
}

static enum fault bind(void *context, uint64_t id, const char *name, size_t size, struct err *err)
{
	struct existing *existing = context;
	const struct child *child = find(existing, name, size);
	struct outcome slot = { .id = id, .state = OUTCOME_PLANNED };
	if (!child || !child->cap ||
	    !cap_pack(child->cap, slot.cap, &slot.cap_size, &slot.cap_kind))
		return err_set(err, FAULT_CORRUPT, "a directory at the target has no cap to keep");
	enum fault fault = outcomes_write(existing->options.outcomes, &slot, err);
	explicit_bzero(&slot, sizeof slot);
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
