#include "tests/unit/fake_queue.h"

#include "queue/backend.h"
#include "tests/unit/facts.h"

struct inside {
	struct queue queue;
	struct fake_queue *fake;
};

static struct fake_queue *fake_of(struct queue *queue) { return ((struct inside *)queue)->fake; }

static bool is_due(const struct fake_queue *fake, const struct fake_task *task,
		   enum segment_kind kind)
{
	return task->kind == kind && !task->leased && !task->settled &&
	       (fake->leases_max == 0 || task->leases < fake->leases_max);
}

/* How many tasks of `kind` could be leased now, or later because they are leased. */
static size_t count_due(const struct fake_queue *fake, enum segment_kind kind, size_t *leased)
{
	size_t due = 0;
	*leased = 0;
	for (size_t i = 0; i < fake->count; i++) {
		due += is_due(fake, &fake->task[i], kind);
		*leased += fake->task[i].kind == kind && fake->task[i].leased;
	}
	return due;
}

static struct segment *take(struct fake_queue *fake, enum segment_kind kind, size_t due)
{
	struct segment *segment = calloc(1, sizeof *segment);
	segment->task = calloc(due, sizeof *segment->task);
	segment->kind = kind;
	for (size_t i = 0; i < fake->count; i++) {
		struct fake_task *task = &fake->task[i];
		if (!is_due(fake, task, kind))
			continue;
		task->leased = true;
		task->leases++;
		task->task.segment = segment;
		segment->task[segment->count++] = task->task;
	}
	return segment;
}

static enum fault lease(struct queue *queue, enum segment_kind kind, struct segment **segment,
			struct err *err)
{
	struct fake_queue *fake = fake_of(queue);
	size_t leased = 0, due = 0;
	(void)err;
	mutex_lock(&fake->lock);
	while (!fake->stopped && (due = count_due(fake, kind, &leased)) == 0 && leased > 0)
		cond_wait(&fake->change, &fake->lock);
	*segment = fake->stopped || due == 0 ? NULL : take(fake, kind, due);
	mutex_unlock(&fake->lock);
	return FAULT_NONE;
}

struct fake_task *fake_find(struct fake_queue *fake, uint64_t id)
{
	for (size_t i = 0; i < fake->count; i++)
		if (fake->task[i].task.id == id)
			return &fake->task[i];
	abort();
}

/* Keeps the outcome of a chunk of one of the tasks that are leased. */
static void keep_chunk(struct fake_queue *fake, const struct segment *segment,
		       const struct outcome *outcome)
{
	struct err err;
	bool ours = false;
	for (size_t i = 0; i < segment->count; i++) {
		const struct task *task = &segment->task[i];
		const struct manifest_entry entry = { .kind = MANIFEST_FILE,
						      .bytes = task->bytes,
						      .chunk_size = task->chunk_size };
		ours |= outcome->id > task->id &&
			outcome->id - task->id < manifest_entry_ids(&entry);
	}
	if (!ours || outcomes_write(fake->chunks, outcome, 1, &err))
		abort();
}

static bool is_task(const struct fake_queue *fake, uint64_t id)
{
	for (size_t i = 0; i < fake->count; i++)
		if (fake->task[i].task.id == id)
			return true;
	return false;
}

static enum fault answer(const struct fake_queue *fake, struct err *err)
{
	return fake->stale ? err_set(err, FAULT_CHANGED, "stale") : FAULT_NONE;
}

static enum fault record(struct queue *queue, const struct segment *segment,
			 const struct outcome *outcome, size_t count, struct err *err)
{
	struct fake_queue *fake = fake_of(queue);
	mutex_lock(&fake->lock);
	fake->records++;
	enum fault fault = answer(fake, err);
	for (size_t i = 0; i < count && fault == FAULT_NONE; i++) {
		if (fake->chunks && !is_task(fake, outcome[i].id)) {
			keep_chunk(fake, segment, &outcome[i]);
			continue;
		}
		struct fake_task *task = fake_find(fake, outcome[i].id);
		if (!task->leased || task->settled || task->task.segment != segment)
			abort();
		task->outcome = outcome[i];
		task->settled = outcome_is_settled(&outcome[i]);
		task->turn = ++fake->turns;
	}
	mutex_unlock(&fake->lock);
	return fault;
}

static enum fault extend(struct queue *queue, const struct segment *segment, struct err *err)
{
	struct fake_queue *fake = fake_of(queue);
	(void)segment;
	mutex_lock(&fake->lock);
	fake->extensions++;
	enum fault fault = answer(fake, err);
	mutex_unlock(&fake->lock);
	return fault;
}

static enum fault release(struct queue *queue, struct segment *segment,
			  const struct task_return *rest, size_t count, struct err *err)
{
	struct fake_queue *fake = fake_of(queue);
	mutex_lock(&fake->lock);
	enum fault fault = answer(fake, err);
	for (size_t i = 0; i < count && fault == FAULT_NONE; i++) {
		struct fake_task *task = fake_find(fake, rest[i].id);
		if (task->settled || task->task.segment != segment)
			abort();
		uint64_t now = clock_ms();
		task->delay_ms = rest[i].retry_at_ms > now ? rest[i].retry_at_ms - now : 0;
		task->trouble = rest[i].trouble;
		task->task.attempts = rest[i].attempts;
	}
	for (size_t i = 0; i < segment->count; i++)
		fake_find(fake, segment->task[i].id)->leased = false;
	cond_wake_all(&fake->change);
	mutex_unlock(&fake->lock);
	free(segment->task);
	free(segment);
	return fault;
}

static void stop(struct queue *queue)
{
	struct fake_queue *fake = fake_of(queue);
	mutex_lock(&fake->lock);
	fake->stopped = true;
	cond_wake_all(&fake->change);
	mutex_unlock(&fake->lock);
}

static void note_broken(void *context, const struct err *err)
{
	struct fake_queue *fake = context;
	mutex_lock(&fake->lock);
	if (!fake->broken.fault)
		fake->broken = *err;
	mutex_unlock(&fake->lock);
	stop(fake->queue);
}

static void note_reason(void *context, const struct task *task, const struct outcome *outcome,
			const struct err *err)
{
	struct fake_queue *fake = context;
	(void)outcome;
	mutex_lock(&fake->lock);
	fake_find(fake, task->id)->reason = *err;
	mutex_unlock(&fake->lock);
}

static const struct queue_backend backend = {
	.lease = lease,
	.record = record,
	.release = release,
	.extend = extend,
	.stop = stop,
};

void fake_queue_init(struct fake_queue *fake)
{
	*fake = (struct fake_queue){ 0 };
	struct inside *inside = calloc(1, sizeof *inside);
	assert_non_null(inside);
	*inside = (struct inside){ { .backend = &backend }, fake };
	mutex_init(&fake->lock);
	cond_init(&fake->change);
	fake->queue = &inside->queue;
	fake->lease = (struct lease_options){
		.queue = fake->queue,
		.broken = note_broken,
		.reason = note_reason,
		.context = fake,
	};
}

void fake_queue_fini(struct fake_queue *fake)
{
	for (size_t i = 0; i < fake->count; i++)
		assert_false(fake->task[i].leased);
	cond_fini(&fake->change);
	mutex_fini(&fake->lock);
	free(fake->queue);
}

struct fake_task *fake_add(struct fake_queue *fake, const struct task *task, enum segment_kind kind)
{
	assert_true(fake->count < FAKE_TASKS);
	struct fake_task *added = &fake->task[fake->count++];
	*added = (struct fake_task){ .task = *task, .kind = kind };
	if (!added->task.name)
		added->task.name = "name";
	return added;
}

struct work *fake_works(struct fake_queue *fake, enum segment_kind kind, size_t *count)
{
	size_t leased;
	mutex_lock(&fake->lock);
	size_t due = count_due(fake, kind, &leased);
	struct segment *segment = due ? take(fake, kind, due) : NULL;
	mutex_unlock(&fake->lock);
	assert_non_null(segment);
	if (count)
		*count = segment->count;
	struct lease *made = lease_new(&fake->lease, segment);
	assert_non_null(made);
	return lease_works(made);
}

void fake_queue_wait(struct fake_queue *fake)
{
	size_t transfers, directories;
	mutex_lock(&fake->lock);
	for (;;) {
		count_due(fake, SEGMENT_TRANSFERS, &transfers);
		count_due(fake, SEGMENT_DIRECTORIES, &directories);
		if (transfers + directories == 0)
			break;
		cond_wait(&fake->change, &fake->lock);
	}
	mutex_unlock(&fake->lock);
}
