#include "tests/unit/queue_contract.h"

#include "tests/unit/facts.h"

#include <stdarg.h>

void work_init(struct work_state *state, struct plan *plan)
{
	memset(state, 0, sizeof *state);
	state->plan = plan;
	mutex_init(&state->lock);
}

void work_fini(struct work_state *state) { mutex_fini(&state->lock); }

/* Threads note what is wrong and leave the judging to the test. */
static void PRINTF_LIKE(2, 3) wrong(struct work_state *state, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	if (!state->wrong[0])
		vsnprintf(state->wrong, sizeof state->wrong, format, args);
	va_end(args);
}

static size_t index_of(struct work_state *state, uint64_t id, const unsigned char *meta,
		       size_t meta_size)
{
	size_t index = id == 0 ? 0 : meta_size == 8 ? load_le64(meta) : SIZE_MAX;
	if (index < state->plan->count && state->plan->node[index].id == id)
		return index;
	wrong(state, "task %d has a foreign meta", (int)id);
	return 0;
}

/* ---- callbacks ---- */

void work_before(void *context, const struct manifest_entry *entry, const struct outcome *outcome)
{
	struct work_state *state = context;
	mutex_lock(&state->lock);
	size_t index = index_of(state, entry->id, entry->meta, entry->meta_size);
	if (state->known[index] || state->leased[index] || outcome->id != entry->id)
		wrong(state, "node %zu was not settled before, or is told twice", index);
	state->known[index] = true;
	state->durable[index] = true;
	state->recorded[index] = true;
	state->state[index] = outcome->state;
	mutex_unlock(&state->lock);
}

/* A task the queue settled by itself: a verdict, or below a directory that failed. */
static void check_unasked(struct work_state *state, size_t index, const struct outcome *outcome)
{
	const struct plan_node *node = &state->plan->node[index];
	if (node->verdict && outcome->state == node->verdict && outcome->reason == REASON_SPECIAL)
		return;
	if (outcome->state == OUTCOME_FAILED && outcome->reason == REASON_UNLINKED &&
	    state->recorded[node->parent] && state->state[node->parent] != OUTCOME_DONE)
		return;
	wrong(state, "node %zu was settled by nobody", index);
}

void work_settled(void *context, const struct task *task, const struct outcome *outcome)
{
	struct work_state *state = context;
	mutex_lock(&state->lock);
	size_t index = index_of(state, task->id, task->meta, task->meta_size);
	if (state->durable[index])
		wrong(state, "node %zu is durable twice", index);
	if (!state->recorded[index])
		check_unasked(state, index, outcome);
	else if (state->state[index] != outcome->state)
		wrong(state, "node %zu is durable as something else", index);
	state->recorded[index] = true;
	state->durable[index] = true;
	state->state[index] = outcome->state;
	struct work_options options = state->options;
	mutex_unlock(&state->lock);
	if (options.durable)
		options.durable(options.context);
}

/* ---- workers ---- */

static void check_children(struct work_state *state, size_t index)
{
	const struct plan *plan = state->plan;
	for (size_t i = 1; i < plan->count; i++)
		if (plan->node[i].parent == index && !state->recorded[i] && !plan->node[i].verdict)
			wrong(state, "directory %zu was leased before its child %zu was settled",
			      index, i);
}

static void check_task(struct work_state *state, const struct task *task,
		       const struct segment *segment)
{
	size_t index = index_of(state, task->id, task->meta, task->meta_size);
	const struct plan_node *node = &state->plan->node[index];
	const struct plan_node *parent = &state->plan->node[node->parent];
	bool as_directory = segment->kind == SEGMENT_DIRECTORIES;
	char name[32] = "";
	if (index != 0)
		snprintf(name, sizeof name, "n%06zu", index);
	if (state->leased[index] || state->recorded[index])
		wrong(state, "node %zu was leased twice", index);
	if (task->segment != segment || task->kind != node->kind || node->verdict ||
	    task->directory != parent->id || task->name_size != strlen(name) ||
	    memcmp(task->name, name, task->name_size) != 0 ||
	    task->listing.value != (as_directory ? node->listing : parent->listing) ||
	    task->bytes != (node->kind == MANIFEST_FILE ? 1000 : 0) ||
	    (task->chunk_size != 0) != (node->chunks != 0))
		wrong(state, "node %zu was leased with other words than planned", index);
	if (task->attempts != state->attempts[index])
		wrong(state, "node %zu has %u attempts and not %u", index, task->attempts,
		      state->attempts[index]);
	if (as_directory)
		check_children(state, index);
	if (task->flags & TASK_BELOW_DONE)
		state->below_done++;
	if (as_directory != (node->kind == MANIFEST_DIRECTORY) && !(task->flags & TASK_BELOW_DONE))
		wrong(state, "node %zu was leased as another kind", index);
	state->leased[index] = true;
}

/* What a worker has decided about a segment. */
struct decision {
	struct outcome outcome[SEGMENT_TASKS_MAX];
	struct task_return rest[SEGMENT_TASKS_MAX];
	size_t outcomes, returned;
};

static void decide(struct work_state *state, const struct task *task, uint64_t *random,
		   struct decision *decision)
{
	size_t index = index_of(state, task->id, task->meta, task->meta_size);
	uint64_t dice = contract_random(random, 100);
	const struct work_options *options = &state->options;
	bool quits = atomic_load(&state->quit);
	state->leased[index] = false;
	if (dice < options->returns || quits) {
		decision->rest[decision->returned++] = (struct task_return){
			.id = task->id,
			.retry_at_ms = clock_ms() + contract_random(random, 4),
			.attempts = ++state->attempts[index],
		};
		return;
	}
	if (dice < options->returns + options->leaves)
		return;
	uint8_t to = contract_random(random, 100) < options->fails ? OUTCOME_FAILED : OUTCOME_DONE;
	state->recorded[index] = true;
	state->state[index] = to;
	decision->outcome[decision->outcomes++] =
		(struct outcome){ .id = task->id, .state = to, .length = task->id };
}

static bool work_segment(struct work_state *state, struct segment *segment, uint64_t *random,
			 struct decision *decision)
{
	decision->outcomes = decision->returned = 0;
	mutex_lock(&state->lock);
	if (segment->count == 0 || segment->count > SEGMENT_TASKS_MAX)
		wrong(state, "a segment of %zu tasks", segment->count);
	for (size_t i = 0; i < segment->count; i++)
		check_task(state, &segment->task[i], segment);
	for (size_t i = 0; i < segment->count; i++)
		decide(state, &segment->task[i], random, decision);
	mutex_unlock(&state->lock);
	size_t first = contract_random(random, decision->outcomes + 1);
	return queue_record(state->queue, segment, decision->outcome, first, NULL) == FAULT_NONE &&
	       queue_extend(state->queue, segment, NULL) == FAULT_NONE &&
	       queue_record(state->queue, segment, decision->outcome + first,
			    decision->outcomes - first, NULL) == FAULT_NONE &&
	       queue_release(state->queue, segment, decision->rest, decision->returned, NULL) ==
		       FAULT_NONE;
}

struct worker {
	struct work_state *state;
	enum segment_kind kind;
	uint64_t random;
	struct thread thread;
};

static void work(void *context)
{
	struct worker *worker = context;
	struct work_state *state = worker->state;
	struct decision *decision = malloc(sizeof *decision);
	while (decision && !atomic_load(&state->quit)) {
		struct segment *segment = NULL;
		if (queue_lease(state->queue, worker->kind, &segment, NULL) != FAULT_NONE)
			break;
		if (!segment) {
			free(decision);
			return;
		}
		if (!work_segment(state, segment, &worker->random, decision))
			break;
	}
	free(decision);
	mutex_lock(&state->lock);
	if (!atomic_load(&state->quit))
		wrong(state, "the queue failed");
	mutex_unlock(&state->lock);
	queue_stop(state->queue);
}

void contract_work(struct work_state *state, struct queue *queue,
		   const struct work_options *options)
{
	struct worker worker[8];
	size_t count = 0;
	state->queue = queue;
	mutex_lock(&state->lock); /* what is published may be settled already */
	state->options = *options;
	mutex_unlock(&state->lock);
	for (unsigned i = 0; i < 2 * options->workers; i++) {
		worker[count] =
			(struct worker){ .state = state,
					 .kind = i % 2 ? SEGMENT_DIRECTORIES : SEGMENT_TRANSFERS,
					 .random = options->seed + i };
		assert_true(thread_start(&worker[count].thread, "worker", work, &worker[count]));
		count++;
	}
	for (size_t i = 0; i < count; i++)
		thread_join(&worker[i].thread);
	assert_int_equal(queue_close(queue, NULL), FAULT_NONE);
	assert_string_equal(state->wrong, "");
}

void work_assert_complete(struct work_state *state, const struct contract *contract)
{
	for (size_t i = 0; i < state->plan->count; i++) {
		assert_true(state->durable[i]);
		struct outcome outcome = contract->get(state->plan->node[i].id);
		assert_int_equal(outcome.state, state->state[i]);
	}
}
