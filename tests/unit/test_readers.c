#include "read/readers.h"

#include "read/landing.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_queue.h"
#include "tests/unit/plan_case.h"

enum { FILES = 60 };

struct hall {
	struct plan_case plan;
	struct tree_source source;
	struct fake_queue queue;
	struct gate *gate;
	struct flight *flight;
	struct policy *policy;
	atomic_bool cancel;
	atomic_uint delivered;
	struct readers *readers;
};

/* Ends the body at once, as a very fast pool would: in the reader's thread. */
static void deliver(void *context, struct body *body)
{
	struct hall *hall = context;
	struct outcome done = { .state = OUTCOME_DONE };
	atomic_fetch_add(&hall->delivered, 1);
	struct work *work = body->work;
	landing_end(hall->flight, body, &done);
	body_unref(body);
	work_settle(work, &done, NULL);
}

static void add_tasks(struct hall *hall)
{
	struct manifest_reader *reader;
	struct err err;
	assert_int_equal(manifest_open(hall->plan.manifest, &reader, &err), 0);
	struct manifest_block block = { .next = manifest_first(reader) };
	do {
		assert_int_equal(manifest_read(reader, block.next, &block, &err), 0);
	} while (block.id != 1);
	for (size_t i = 0; i < block.count; i++) {
		char name[20];
		snprintf(name, sizeof name, "%.*s", (int)block.entry[i].name_size,
			 block.entry[i].name);
		struct fake_task *task = fake_add(
			&hall->queue,
			&(struct task){ .id = block.entry[i].id, .listing = block.listing },
			SEGMENT_TRANSFERS);
		task->task.name = memcpy(task->meta, name, sizeof name);
		task->task.name_size = strlen(name);
	}
	manifest_close(reader);
}

static void open_hall(struct hall *hall, unsigned threads, uint64_t budget)
{
	struct err err;
	char name[20];
	*hall = (struct hall){ .delivered = 0 };
	plan_case_init(&hall->plan);
	for (size_t i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "f%02zu", i);
		make_file(&hall->plan, name, i < 10 ? 10 + i : 1000 + i / 2);
	}
	assert_int_equal(plan_afresh(&hall->plan), FAULT_NONE);
	hall->source = (struct tree_source){ hall->plan.tree, "top" };
	fake_queue_init(&hall->queue);
	hall->gate = gate_new(4, budget);
	hall->flight = flight_new(64);
	assert_int_equal(policy_new(0, NULL, &hall->policy, &err), 0);
	const struct readers_options options = {
		.tree = { .manifest = hall->plan.manifest,
			  .source = &hall->source,
			  .source_count = 1 },
		.threads = threads,
		.gate = hall->gate,
		.flight = hall->flight,
		.policy = hall->policy,
		.cancel = &hall->cancel,
		.deliver = deliver,
		.context = hall,
	};
	assert_int_equal(readers_new(&options, &hall->readers, &err), 0);
	add_tasks(hall);
}

static void close_hall(struct hall *hall)
{
	readers_free(hall->readers);
	gate_free(hall->gate);
	flight_free(hall->flight);
	policy_free(hall->policy);
	fake_queue_fini(&hall->queue);
	plan_case_fini(&hall->plan);
}

static void push_all(struct hall *hall)
{
	size_t count;
	struct work *work = fake_works(&hall->queue, SEGMENT_TRANSFERS, &count);
	assert_int_equal(count, FILES);
	for (size_t i = 0; i < count; i++)
		readers_push(hall->readers, &work[i]);
}

static void every_work_ends_under_a_small_budget(void **state)
{
	(void)state;
	struct hall hall;
	open_hall(&hall, 6, 1500); /* one file at a time */
	push_all(&hall);
	fake_queue_wait(&hall.queue);
	for (size_t i = 0; i < FILES; i++) {
		/* What waited for its like was done with it. */
		assert_true(hall.queue.task[i].settled);
		assert_int_equal(hall.queue.task[i].outcome.state, OUTCOME_DONE);
	}
	/* Two of each size are equal. */
	assert_int_equal(atomic_load(&hall.delivered), (FILES - 10) / 2);
	close_hall(&hall);
}

static void after_a_stop_all_go_back(void **state)
{
	(void)state;
	struct hall hall;
	open_hall(&hall, 3, 1500);
	atomic_store(&hall.cancel, true);
	push_all(&hall);
	fake_queue_wait(&hall.queue);
	for (size_t i = 0; i < FILES; i++)
		assert_false(hall.queue.task[i].settled);
	assert_int_equal(atomic_load(&hall.delivered), 0);
	close_hall(&hall);
}

static void freeing_ends_what_was_pushed(void **state)
{
	(void)state;
	struct hall hall;
	open_hall(&hall, 2, 1 << 20);
	push_all(&hall);
	readers_free(hall.readers);
	hall.readers = NULL;
	for (size_t i = 0; i < FILES; i++)
		assert_true(hall.queue.task[i].settled);
	close_hall(&hall);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(every_work_ends_under_a_small_budget),
		cmocka_unit_test(after_a_stop_all_go_back),
		cmocka_unit_test(freeing_ends_what_was_pushed),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
