#include "read/readers.h"

#include "read/duplicate.h"
#include "tests/unit/catalog_case.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_queue.h"
#include "tests/unit/plan_case.h"

enum { FILES = 60 };

struct readers_case {
	struct catalog *catalog;
	struct plan_case plan;
	struct source_tree_root source;
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
	struct readers_case *readers_case = context;
	struct outcome done = { .state = OUTCOME_DONE };
	atomic_fetch_add(&readers_case->delivered, 1);
	struct work *work = body->work;
	duplicate_end(readers_case->flight, body, &done);
	body_unref(body);
	work_settle(work, &done, NULL);
}

static void add_tasks(struct readers_case *readers_case)
{
	struct catalog_reader *reader;
	struct catalog_page page;
	struct err err;
	assert_int_equal(catalog_reader_new(readers_case->catalog, &reader, &err), 0);
	do {
		assert_int_equal(catalog_read(reader, &page, &err), 0);
	} while (page.id != 1);
	for (size_t i = 0; i < page.count; i++) {
		char name[20];
		snprintf(name, sizeof name, "%.*s", (int)page.entry[i].name_size,
			 page.entry[i].name);
		struct fake_task *task = fake_add(&readers_case->queue,
						  &(struct task){ .id = page.entry[i].id,
								  .kind = MANIFEST_FILE,
								  .listing = page.listing },
						  SEGMENT_TRANSFERS);
		task->task.name = memcpy(task->meta, name, sizeof name);
		task->task.name_size = strlen(name);
	}
	catalog_reader_free(reader);
}

static void open_hall(struct readers_case *readers_case, unsigned threads, uint64_t budget)
{
	struct err err;
	char name[20];
	*readers_case = (struct readers_case){ .delivered = 0 };
	plan_case_init(&readers_case->plan);
	for (size_t i = 0; i < FILES; i++) {
		snprintf(name, sizeof name, "f%02zu", i);
		make_file(&readers_case->plan, name, i < 10 ? 10 + i : 1000 + i / 2);
	}
	assert_int_equal(plan_afresh(&readers_case->plan), FAULT_NONE);
	readers_case->catalog = catalog_case_open(readers_case->plan.manifest, NULL);
	readers_case->source =
		(struct source_tree_root){ .path = readers_case->plan.tree, .name = "top" };
	fake_queue_init(&readers_case->queue);
	readers_case->gate = gate_new(4, budget);
	readers_case->flight = flight_new(64);
	assert_int_equal(policy_new(0, NULL, &readers_case->policy, &err), 0);
	const struct readers_options options = {
		.tree = { .catalog = readers_case->catalog,
			  .source = &readers_case->source,
			  .source_count = 1 },
		.threads = threads,
		.gate = readers_case->gate,
		.flight = readers_case->flight,
		.policy = readers_case->policy,
		.cancel = &readers_case->cancel,
		.deliver = deliver,
		.context = readers_case,
	};
	assert_int_equal(readers_new(&options, &readers_case->readers, &err), 0);
	add_tasks(readers_case);
}

static void close_hall(struct readers_case *readers_case)
{
	readers_free(readers_case->readers);
	gate_free(readers_case->gate);
	flight_free(readers_case->flight);
	policy_free(readers_case->policy);
	fake_queue_fini(&readers_case->queue);
	catalog_close(readers_case->catalog);
	plan_case_fini(&readers_case->plan);
}

static void push_all(struct readers_case *readers_case)
{
	size_t count;
	struct work *work = fake_works(&readers_case->queue, SEGMENT_TRANSFERS, &count);
	assert_int_equal(count, FILES);
	for (size_t i = 0; i < count; i++)
		readers_push(readers_case->readers, &work[i]);
}

static void every_work_ends_under_a_small_budget(void **state)
{
	(void)state;
	struct readers_case readers_case;
	open_hall(&readers_case, 6, 1500); /* one file at a time */
	push_all(&readers_case);
	fake_queue_wait(&readers_case.queue);
	for (size_t i = 0; i < FILES; i++) {
		/* What waited for its like was done with it. */
		assert_true(readers_case.queue.task[i].settled);
		assert_int_equal(readers_case.queue.task[i].outcome.state, OUTCOME_DONE);
	}
	/* Two of each size are equal. */
	assert_int_equal(atomic_load(&readers_case.delivered), (FILES - 10) / 2);
	close_hall(&readers_case);
}

static void after_a_stop_all_go_back(void **state)
{
	(void)state;
	struct readers_case readers_case;
	open_hall(&readers_case, 3, 1500);
	atomic_store(&readers_case.cancel, true);
	push_all(&readers_case);
	fake_queue_wait(&readers_case.queue);
	for (size_t i = 0; i < FILES; i++)
		assert_false(readers_case.queue.task[i].settled);
	assert_int_equal(atomic_load(&readers_case.delivered), 0);
	close_hall(&readers_case);
}

static void freeing_ends_what_was_pushed(void **state)
{
	(void)state;
	struct readers_case readers_case;
	open_hall(&readers_case, 2, 1 << 20);
	push_all(&readers_case);
	readers_free(readers_case.readers);
	readers_case.readers = NULL;
	for (size_t i = 0; i < FILES; i++)
		assert_true(readers_case.queue.task[i].settled);
	close_hall(&readers_case);
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
