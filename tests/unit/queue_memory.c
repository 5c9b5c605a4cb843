#include "tests/unit/queue_memory.h"

#include "queue/backend.h"
#include "queue/core/thread.h"
#include "tests/unit/facts.h"

/*
 * An entry is unsettled and free, or leased, or settled.  Free ones are due at a time, and
 * directories besides when they are listed and nothing below is unsettled.
 */
struct node {
	struct task task;
	char *bytes; /* its name, then its meta */
	struct node *directory;
	enum segment_kind kind;    /* of the segments it is leased in */
	bool leased, settled;      /* `settled` also when an earlier run did it */
	struct listing_id listing; /* a directory: what it was told */
	bool listed;               /* a directory: all its entries are known */
	uint8_t before;          /* a directory: how an earlier run, or its directory, settled it */
	uint64_t unsettled;      /* a directory: direct entries */
	uint64_t due_ms;         /* of the machine's clock */
	struct node *next;       /* by id */
	struct outcome *outcome; /* its slot */
};

struct held {
	struct segment segment;
	struct node **node; /* of each task */
	uint64_t until_ms;
	bool superseded;
	struct held *next;
};

struct queue_memory {
	struct queue queue;
	struct queue_memory_options options;
	struct mutex lock;
	struct cond change;
	struct node *first, *last;
	struct held *held;
	uint64_t numbers;
	bool complete, stopped;
};

static struct queue_memory *memory_of(struct queue *queue) { return (struct queue_memory *)queue; }

static void *must_have(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

/* ---- entries ---- */

static struct node *find_node(const struct queue_memory *memory, uint64_t id)
{
	struct node *node = memory->first;
	while (node && node->task.id != id)
		node = node->next;
	return must_have(node);
}

static void settle(struct queue_memory *memory, struct node *node, const struct outcome *outcome)
{
	const struct queue_memory_options *options = &memory->options;
	node->settled = true;
	*node->outcome = *outcome;
	if (node->directory != node)
		node->directory->unsettled--;
	if (options->settled)
		options->settled(options->context, &node->task, outcome);
}

static void settle_as(struct queue_memory *memory, struct node *node, uint8_t state, uint8_t reason)
{
	const struct outcome outcome = { .id = node->task.id, .state = state, .reason = reason };
	node->before = OUTCOME_FAILED; /* whatever is below cannot be linked */
	settle(memory, node, &outcome);
}

static struct node *new_node(struct queue_memory *memory, struct node *directory,
			     const struct manifest_entry *entry)
{
	struct node *node = must_have(calloc(1, sizeof *node));
	bool is_directory = entry->kind == MANIFEST_DIRECTORY;
	assert_true(entry->id < memory->options.slots);
	node->bytes = must_have(malloc(entry->name_size + entry->meta_size + 1));
	memcpy(node->bytes, entry->name, entry->name_size);
	if (entry->meta_size > 0)
		memcpy(node->bytes + entry->name_size, entry->meta, entry->meta_size);
	node->directory = directory ? directory : node;
	node->outcome = &memory->options.slot[entry->id];
	node->kind = is_directory ? SEGMENT_DIRECTORIES : SEGMENT_TRANSFERS;
	node->task = (struct task){ .id = entry->id,
				    .directory = node->directory->task.id,
				    .bytes = entry->bytes,
				    .chunk_size = entry->chunk_size,
				    .kind = entry->kind,
				    .existing = node->outcome->state == OUTCOME_PLANNED,
				    .name = node->bytes,
				    .name_size = entry->name_size,
				    .meta = (unsigned char *)node->bytes + entry->name_size,
				    .meta_size = entry->meta_size };
	if (memory->last)
		memory->last->next = node;
	else
		memory->first = node;
	memory->last = node;
	return node;
}

/* A directory that the planner could not list: see outcomes.h. */
static bool is_condemned(const struct node *node)
{
	return node->task.kind == MANIFEST_DIRECTORY && node->outcome->state == OUTCOME_PLANNED &&
	       node->outcome->reason != REASON_NONE;
}

/* Finds out whether an entry is to be done, and by whom. */
static void take_in(struct queue_memory *memory, struct node *node,
		    const struct manifest_entry *entry)
{
	const struct queue_memory_options *options = &memory->options;
	const struct node *directory = node->directory;
	if (outcome_is_settled(node->outcome)) {
		node->settled = true;
		node->before = node->outcome->state;
		if (options->before)
			options->before(options->context, entry, node->outcome);
		return;
	}
	if (directory != node)
		node->directory->unsettled++;
	if (entry->verdict) {
		settle_as(memory, node, entry->verdict, entry->reason);
	} else if (is_condemned(node)) {
		settle_as(memory, node, node->outcome->level, node->outcome->reason);
	} else if (directory->before == OUTCOME_DONE) {
		node->kind = SEGMENT_TRANSFERS;
		node->task.flags = TASK_BELOW_DONE;
	} else if (directory->before != OUTCOME_NONE) {
		settle_as(memory, node, OUTCOME_FAILED, REASON_UNLINKED);
	}
}

void queue_memory_add(struct queue *queue, uint64_t id, const struct manifest_entry *entry)
{
	struct queue_memory *memory = memory_of(queue);
	mutex_lock(&memory->lock);
	take_in(memory, new_node(memory, find_node(memory, id), entry), entry);
	cond_wake_all(&memory->change);
	mutex_unlock(&memory->lock);
}

void queue_memory_begin(struct queue *queue, uint64_t id, struct listing_id listing)
{
	struct queue_memory *memory = memory_of(queue);
	mutex_lock(&memory->lock);
	find_node(memory, id)->listing = listing;
	mutex_unlock(&memory->lock);
}

void queue_memory_end(struct queue *queue, uint64_t id)
{
	struct queue_memory *memory = memory_of(queue);
	mutex_lock(&memory->lock);
	find_node(memory, id)->listed = true;
	cond_wake_all(&memory->change);
	mutex_unlock(&memory->lock);
}

void queue_memory_complete(struct queue *queue)
{
	struct queue_memory *memory = memory_of(queue);
	mutex_lock(&memory->lock);
	memory->complete = true;
	for (struct node *node = memory->first; node; node = node->next)
		if (!node->listed && !node->settled && is_condemned(node))
			settle_as(memory, node, node->outcome->level, node->outcome->reason);
	cond_wake_all(&memory->change);
	mutex_unlock(&memory->lock);
}

/* ---- leasing ---- */

static bool is_free(const struct node *node, enum segment_kind kind)
{
	return node->kind == kind && !node->settled && !node->leased &&
	       (kind == SEGMENT_TRANSFERS || (node->listed && node->unsettled == 0));
}

static bool is_over(const struct queue_memory *memory, enum segment_kind kind)
{
	bool over = memory->complete;
	for (const struct node *node = memory->first; node && over; node = node->next)
		over = node->kind != kind || node->settled;
	return over || memory->stopped;
}

static struct held *new_held(enum segment_kind kind)
{
	struct held *held = must_have(calloc(1, sizeof *held));
	held->segment.kind = kind;
	held->segment.task = must_have(calloc(SEGMENT_TASKS_MAX, sizeof held->segment.task[0]));
	held->node = must_have(calloc(SEGMENT_TASKS_MAX, sizeof held->node[0]));
	return held;
}

static void free_held(struct held *held)
{
	free(held->segment.task);
	free(held->node);
	free(held);
}

static void hold(struct held *held, struct node *node)
{
	size_t index = held->segment.count++;
	node->leased = true;
	held->node[index] = node;
	held->segment.task[index] = node->task;
	const struct node *listed = node->kind == SEGMENT_DIRECTORIES ? node : node->directory;
	struct task *task = &held->segment.task[index];
	task->listing = listed->listing;
	task->segment = &held->segment;
}

static uint64_t until_ms(const struct queue_memory *memory)
{
	const struct queue_memory_options *options = &memory->options;
	return options->clock_ms ? options->clock_ms() + options->lease_ms : UINT64_MAX;
}

static void begin_lease(struct queue_memory *memory, struct held *held, uint64_t number,
			uint64_t epoch)
{
	held->segment.number = number;
	held->segment.epoch = epoch;
	held->until_ms = until_ms(memory);
	held->next = memory->held;
	memory->held = held;
}

static bool has_run_out(const struct queue_memory *memory, const struct held *held)
{
	bool unsettled = false;
	for (size_t i = 0; i < held->segment.count; i++)
		unsettled |= !held->node[i]->settled;
	return unsettled && !held->superseded && held->until_ms != UINT64_MAX &&
	       held->until_ms <= memory->options.clock_ms();
}

/* Leases what is left of a segment that ran out.  Returns NULL when none did. */
static struct held *lease_anew(struct queue_memory *memory, enum segment_kind kind)
{
	struct held *old = memory->held;
	while (old && (old->segment.kind != kind || !has_run_out(memory, old)))
		old = old->next;
	if (!old)
		return NULL;
	struct held *held = new_held(kind);
	old->superseded = true;
	for (size_t i = 0; i < old->segment.count; i++)
		if (!old->node[i]->settled)
			hold(held, old->node[i]);
	begin_lease(memory, held, old->segment.number, old->segment.epoch + 1);
	return held;
}

/* Leases what is free and due.  Returns NULL when nothing is. */
static struct held *lease_free(struct queue_memory *memory, enum segment_kind kind)
{
	struct held *held = new_held(kind);
	uint64_t now_ms = clock_ms();
	for (struct node *node = memory->first; node; node = node->next)
		if (is_free(node, kind) && node->due_ms <= now_ms &&
		    held->segment.count < SEGMENT_TASKS_MAX)
			hold(held, node);
	if (held->segment.count > 0) {
		begin_lease(memory, held, ++memory->numbers, 1);
		return held;
	}
	free_held(held);
	return NULL;
}

static enum fault lease(struct queue *queue, enum segment_kind kind, struct segment **segment,
			struct err *err)
{
	struct queue_memory *memory = memory_of(queue);
	struct held *held = NULL;
	(void)err;
	mutex_lock(&memory->lock);
	while (!is_over(memory, kind) && !(held = lease_anew(memory, kind)) &&
	       !(held = lease_free(memory, kind)))
		cond_wait_ms(&memory->change, &memory->lock, 2); /* for what becomes due */
	mutex_unlock(&memory->lock);
	*segment = held ? &held->segment : NULL;
	return FAULT_NONE;
}

/* ---- recording and giving back ---- */

static struct held **find_held(struct queue_memory *memory, const struct segment *segment)
{
	struct held **at = &memory->held;
	while (*at &&
	       ((*at)->segment.number != segment->number || (*at)->segment.epoch != segment->epoch))
		at = &(*at)->next;
	return at;
}

static enum fault check_held(const struct held *held, struct err *err)
{
	if (!held || held->superseded)
		return err_set(err, FAULT_CHANGED, "the lease has ended");
	return FAULT_NONE;
}

/* The entry that `id`, its own or one of its chunks', belongs to, or NULL. */
static struct node *node_of(const struct held *held, uint64_t id)
{
	for (size_t i = 0; i < held->segment.count; i++) {
		const struct task *task = &held->segment.task[i];
		const struct manifest_entry entry = { .kind = task->kind,
						      .bytes = task->bytes,
						      .chunk_size = task->chunk_size };
		if (id >= task->id && id - task->id < manifest_entry_ids(&entry))
			return held->node[i];
	}
	return NULL;
}

static bool ends(const struct outcome *outcome, const struct node *node)
{
	return outcome->id == node->task.id && outcome_is_settled(outcome);
}

/* Whether outcome number `index` may be recorded when all before it are. */
static bool may_record(const struct held *held, const struct outcome *outcome, size_t index)
{
	const struct outcome *next = &outcome[index];
	const struct node *node = node_of(held, next->id);
	if (!node || node->settled || next->state < OUTCOME_PLANNED ||
	    next->state > OUTCOME_FAILED || next->cap_size > OUTCOME_CAP_MAX)
		return false;
	for (size_t i = 0; i < index; i++)
		if (ends(&outcome[i], node))
			return false;
	return true;
}

static enum fault record(struct queue *queue, const struct segment *segment,
			 const struct outcome *outcome, size_t count, struct err *err)
{
	struct queue_memory *memory = memory_of(queue);
	mutex_lock(&memory->lock);
	const struct held *held = *find_held(memory, segment);
	enum fault fault = check_held(held, err);
	for (size_t i = 0; i < count && fault == FAULT_NONE; i++)
		if (!may_record(held, outcome, i))
			fault = err_set(err, FAULT_USAGE, "outcome %zu is none", i);
	for (size_t i = 0; i < count && fault == FAULT_NONE; i++) {
		struct node *node = node_of(held, outcome[i].id);
		if (ends(&outcome[i], node))
			settle(memory, node, &outcome[i]);
		else
			memory->options.slot[outcome[i].id] = outcome[i];
	}
	cond_wake_all(&memory->change);
	mutex_unlock(&memory->lock);
	return fault;
}

static enum fault check_rest(const struct held *held, const struct task_return *rest, size_t count,
			     struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct node *node = node_of(held, rest[i].id);
		if (!node || node->task.id != rest[i].id)
			return err_set(err, FAULT_USAGE, "task of another segment");
	}
	return FAULT_NONE;
}

static void give_back(const struct held *held, const struct task_return *rest, size_t count)
{
	for (size_t i = 0; i < held->segment.count; i++)
		held->node[i]->leased = false;
	for (size_t i = 0; i < count; i++) {
		struct node *node = node_of(held, rest[i].id);
		node->due_ms = rest[i].retry_at_ms;
		node->task.attempts = rest[i].attempts;
		node->task.trouble = rest[i].trouble;
	}
}

static enum fault release(struct queue *queue, struct segment *segment,
			  const struct task_return *rest, size_t count, struct err *err)
{
	struct queue_memory *memory = memory_of(queue);
	mutex_lock(&memory->lock);
	struct held **at = find_held(memory, segment);
	struct held *held = *at;
	enum fault fault = check_held(held, err);
	if (fault == FAULT_NONE)
		fault = check_rest(held, rest, count, err);
	if (fault == FAULT_NONE)
		give_back(held, rest, count);
	if (held && fault != FAULT_USAGE) {
		*at = held->next;
		free_held(held);
	}
	cond_wake_all(&memory->change);
	mutex_unlock(&memory->lock);
	return fault;
}

static enum fault extend(struct queue *queue, const struct segment *segment, struct err *err)
{
	struct queue_memory *memory = memory_of(queue);
	mutex_lock(&memory->lock);
	struct held *held = *find_held(memory, segment);
	enum fault fault = check_held(held, err);
	if (fault == FAULT_NONE)
		held->until_ms = until_ms(memory);
	mutex_unlock(&memory->lock);
	return fault;
}

static void stop(struct queue *queue)
{
	struct queue_memory *memory = memory_of(queue);
	mutex_lock(&memory->lock);
	memory->stopped = true;
	cond_wake_all(&memory->change);
	mutex_unlock(&memory->lock);
}

static enum fault close_memory(struct queue *queue, struct err *err)
{
	struct queue_memory *memory = memory_of(queue);
	(void)err;
	for (struct node *node = memory->first, *next; node; node = next) {
		next = node->next;
		free(node->bytes);
		free(node);
	}
	for (struct held *held = memory->held, *next; held; held = next) {
		next = held->next;
		free_held(held);
	}
	cond_fini(&memory->change);
	mutex_fini(&memory->lock);
	free(memory);
	return FAULT_NONE;
}

struct queue *queue_memory_open(const struct queue_memory_options *options)
{
	static const struct queue_backend backend = { .lease = lease,
						      .record = record,
						      .release = release,
						      .extend = extend,
						      .stop = stop,
						      .close = close_memory };
	const struct manifest_entry root = { .kind = MANIFEST_DIRECTORY, .name = "" };
	struct queue_memory *memory = must_have(calloc(1, sizeof *memory));
	memory->queue = (struct queue){ &backend, options->lease_ms };
	memory->options = *options;
	mutex_init(&memory->lock);
	cond_init(&memory->change);
	mutex_lock(&memory->lock);
	take_in(memory, new_node(memory, NULL, &root), &root);
	mutex_unlock(&memory->lock);
	return &memory->queue;
}
