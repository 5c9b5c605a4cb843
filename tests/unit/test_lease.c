#include "queue/lease.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_queue.h"

static void add_tasks(struct fake_queue *fake, uint64_t count)
{
	fake_queue_init(fake);
	for (uint64_t id = 1; id <= count; id++)
		fake_add(fake, &(struct task){ .id = id, .attempts = 2 }, SEGMENT_TRANSFERS);
}

static void outcomes_come_at_once_and_the_segment_goes_back_with_the_last(void **state)
{
	(void)state;
	struct fake_queue fake;
	size_t count;
	add_tasks(&fake, 3);
	struct work *work = fake_works(&fake, SEGMENT_TRANSFERS, &count);
	assert_int_equal(count, 3);
	struct outcome done = { .state = OUTCOME_DONE, .length = 7 };
	work_settle(&work[1], &done, NULL);
	assert_int_equal(done.id, 2);
	assert_true(fake_find(&fake, 2)->settled);
	assert_int_equal(fake_find(&fake, 2)->outcome.length, 7);
	assert_true(fake_find(&fake, 2)->leased);
	struct err err;
	err_set(&err, FAULT_IO, "the disk");
	work_fail(&work[0], REASON_IO, 300, &err);
	assert_int_equal(fake_find(&fake, 1)->outcome.state, OUTCOME_FAILED);
	assert_int_equal(fake_find(&fake, 1)->outcome.reason, REASON_IO);
	assert_int_equal(fake_find(&fake, 1)->outcome.attempts, 255);
	assert_string_equal(fake_find(&fake, 1)->reason.text, "the disk");
	assert_true(fake_find(&fake, 3)->leased);
	work_fail(&work[2], REASON_VANISHED, 1, NULL);
	assert_int_equal(fake_find(&fake, 3)->outcome.state, OUTCOME_SKIPPED);
	assert_int_equal(fake_find(&fake, 3)->reason.fault, FAULT_NONE);
	fake_queue_fini(&fake);
}

static void what_is_given_back_says_when_and_how_often(void **state)
{
	(void)state;
	struct fake_queue fake;
	add_tasks(&fake, 2);
	struct work *work = fake_works(&fake, SEGMENT_TRANSFERS, NULL);
	work_again(&work[0], 60000, 3);
	work_again(&work[1], 0, 1000);
	assert_in_range(fake_find(&fake, 1)->delay_ms, 50000, 60000);
	assert_int_equal(fake_find(&fake, 1)->task.attempts, 3);
	assert_int_equal(fake_find(&fake, 2)->delay_ms, 0);
	assert_int_equal(fake_find(&fake, 2)->task.attempts, 255);
	assert_false(fake_find(&fake, 1)->settled);
	fake_queue_fini(&fake);
}

static void what_is_done_remembers_that_its_name_was_there(void **state)
{
	(void)state;
	struct fake_queue fake;
	fake_queue_init(&fake);
	for (uint64_t id = 1; id <= 3; id++)
		fake_add(&fake, &(struct task){ .id = id, .existing = id > 1 }, SEGMENT_TRANSFERS);
	struct work *work = fake_works(&fake, SEGMENT_TRANSFERS, NULL);
	for (size_t i = 0; i < 2; i++) {
		struct outcome done = { .state = OUTCOME_DONE, .level = 1 };
		work_settle(&work[i], &done, NULL);
	}
	work_fail(&work[2], REASON_PRESENT, 1, NULL);
	assert_int_equal(fake_find(&fake, 1)->outcome.level, 1);
	assert_int_equal(fake_find(&fake, 2)->outcome.level, 1 | OUTCOME_EXISTED);
	assert_int_equal(fake_find(&fake, 3)->outcome.level, 0);
	fake_queue_fini(&fake);
}

struct ender {
	struct thread thread;
	struct work *work;
	size_t first;
};

static void end_every_third(void *context)
{
	struct ender *ender = context;
	for (size_t i = ender->first; i < FAKE_TASKS; i += 3) {
		struct outcome done = { .state = OUTCOME_DONE };
		if (i % 2)
			work_settle(&ender->work[i], &done, NULL);
		else
			work_again(&ender->work[i], 0, (unsigned)i);
	}
}

static void works_end_in_many_threads(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		struct fake_queue fake;
		struct ender ender[3];
		add_tasks(&fake, FAKE_TASKS);
		struct work *work = fake_works(&fake, SEGMENT_TRANSFERS, NULL);
		for (size_t i = 0; i < 3; i++) {
			ender[i].work = work;
			ender[i].first = i;
			assert_true(thread_start(&ender[i].thread, "ender", end_every_third,
						 &ender[i]));
		}
		for (size_t i = 0; i < 3; i++)
			thread_join(&ender[i].thread);
		for (size_t i = 0; i < FAKE_TASKS; i++) {
			assert_false(fake.task[i].leased);
			assert_int_equal(fake.task[i].settled, i % 2);
			if (!fake.task[i].settled)
				assert_int_equal(fake.task[i].task.attempts, i);
		}
		fake_queue_fini(&fake);
	}
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(outcomes_come_at_once_and_the_segment_goes_back_with_the_last),
		cmocka_unit_test(what_is_given_back_says_when_and_how_often),
		cmocka_unit_test(what_is_done_remembers_that_its_name_was_there),
		cmocka_unit_test(works_end_in_many_threads),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
