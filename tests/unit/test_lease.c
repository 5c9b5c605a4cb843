#include "queue/lease.h"

#include "queue/backend.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_queue.h"
#include "tests/unit/queue_memory.h"

#include <unistd.h>

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

static void what_failed_ends_as_its_fault_says(void **state)
{
	(void)state;
	static const struct {
		enum fault fault;
		bool remote;
		uint8_t given;              /* reason */
		enum outcome_reason reason; /* NONE: given back */
		unsigned attempts;
	} table[] = {
		{ FAULT_RETRY, true, REASON_NONE, REASON_NONE, 3 },
		{ FAULT_CORRUPT, true, REASON_NONE, REASON_NONE, 3 },
		{ FAULT_CORRUPT, false, REASON_NONE, REASON_LOST, 3 },
		{ FAULT_CHANGED, false, REASON_NONE, REASON_CHANGED, 3 }, /* for the third time */
		{ FAULT_UNAVAILABLE, true, REASON_NONE, REASON_NONE, 2 },
		{ FAULT_CANCELLED, false, REASON_NONE, REASON_NONE, 2 },
		{ FAULT_AUTH, true, REASON_NONE, REASON_GATEWAY, 3 },
		{ FAULT_AUTH, false, REASON_LOST, REASON_LOST, 3 },
		{ FAULT_FULL, false, REASON_NONE, REASON_NONE, 2 },
	};
	struct fake_queue fake;
	add_tasks(&fake, ARRAY_COUNT(table));
	struct work *work = fake_works(&fake, SEGMENT_TRANSFERS, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		const struct fake_task *task = fake_find(&fake, i + 1);
		struct err err;
		assert_int_equal(fake.broken.fault, FAULT_NONE);
		err_set(&err, table[i].fault, "scripted");
		err.remote = table[i].remote;
		assert_int_equal(work_is_over(&work[i], &err), table[i].reason != REASON_NONE);
		work_retry(&work[i], table[i].given, &err);
		assert_int_equal(task->settled, table[i].reason != REASON_NONE);
		assert_int_equal(task->outcome.reason, table[i].reason);
		assert_int_equal(task->settled ? task->outcome.attempts : 0,
				 task->settled ? table[i].attempts : 0);
	}
	assert_int_equal(fake.broken.fault, FAULT_FULL);
	for (size_t i = 0; i < ARRAY_COUNT(table); i++)
		if (!table[i].reason)
			assert_int_equal(fake_find(&fake, i + 1)->task.attempts, table[i].attempts);
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
		if (round % 2)
			assert_int_equal(heartbeat_start(&fake.lease.heartbeat, NULL), FAULT_NONE);
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
		heartbeat_stop(fake.lease.heartbeat);
	}
}

/* ---- batches ---- */

static void await(struct fake_queue *fake, const unsigned *count, unsigned least)
{
	bool reached = false;
	for (int i = 0; i < 2000 && !reached; i++) {
		mutex_lock(&fake->lock);
		reached = *count >= least;
		mutex_unlock(&fake->lock);
		usleep(reached ? 0 : 5000);
	}
	assert_true(reached);
}

static void settle(struct work *work, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		struct outcome done = { .state = OUTCOME_DONE };
		work_settle(&work[i], &done, NULL);
	}
}

/* Somebody whose call keeps the heartbeat from recording until `busy` is unlocked. */
static struct mutex busy;

static uint64_t dawdle(void *context)
{
	(void)context;
	mutex_lock(&busy);
	mutex_unlock(&busy);
	return UINT64_MAX;
}

static struct work *start_dawdling(struct fake_queue *fake, struct beat *beat,
				   uint64_t tasks) UNCHECKED
{
	add_tasks(fake, tasks);
	assert_int_equal(heartbeat_start(&fake->lease.heartbeat, NULL), FAULT_NONE);
	mutex_init(&busy);
	mutex_lock(&busy);
	*beat = (struct beat){ .call = dawdle };
	heartbeat_add(fake->lease.heartbeat, beat, 0);
	return fake_works(fake, SEGMENT_TRANSFERS, NULL);
}

static void stop_dawdling(struct fake_queue *fake, struct beat *beat)
{
	heartbeat_remove(fake->lease.heartbeat, beat);
	mutex_fini(&busy);
	fake_queue_fini(fake);
	heartbeat_stop(fake->lease.heartbeat);
}

static void outcomes_that_come_together_are_recorded_together(void **state) UNCHECKED
{
	(void)state;
	struct fake_queue fake;
	struct beat beat;
	struct work *work = start_dawdling(&fake, &beat, 50);
	settle(work, 0, 40);
	assert_int_equal(fake.records, 0);
	mutex_unlock(&busy);
	await(&fake, &fake.turns, 40);
	assert_int_equal(fake.records, 1);
	settle(work, 40, 50);
	for (unsigned i = 0; i < 50; i++)
		assert_int_equal(fake.task[i].turn, i + 1);
	stop_dawdling(&fake, &beat);
}

static void a_full_batch_and_the_last_one_wait_for_nobody(void **state) UNCHECKED
{
	(void)state;
	struct fake_queue fake;
	struct beat beat;
	struct work *work = start_dawdling(&fake, &beat, LEASE_BATCH + 10);
	settle(work, 0, LEASE_BATCH - 1);
	assert_int_equal(fake.turns, 0);
	settle(work, LEASE_BATCH - 1, LEASE_BATCH);
	assert_int_equal(fake.turns, LEASE_BATCH);
	settle(work, LEASE_BATCH, LEASE_BATCH + 9);
	assert_int_equal(fake.turns, LEASE_BATCH);
	mutex_unlock(&busy); /* the segment leaves the heartbeat when it goes back */
	settle(work, LEASE_BATCH + 9, LEASE_BATCH + 10);
	assert_int_equal(fake.turns, LEASE_BATCH + 10);
	stop_dawdling(&fake, &beat);
}

/* ---- leases that are kept, and lost ---- */

static void a_lease_is_extended_while_its_works_go_on(void **state)
{
	(void)state;
	struct fake_queue fake;
	add_tasks(&fake, 2);
	fake.queue->lease_ms = 30;
	assert_int_equal(heartbeat_start(&fake.lease.heartbeat, NULL), FAULT_NONE);
	struct work *work = fake_works(&fake, SEGMENT_TRANSFERS, NULL);
	uint64_t begun_ms = clock_ms();
	await(&fake, &fake.extensions, 3);
	assert_true(clock_ms() - begun_ms >= 3 * 10);
	assert_int_equal(fake.records, 0);
	settle(work, 0, 2);
	unsigned extensions = fake.extensions;
	usleep(30000);
	assert_int_equal(fake.extensions, extensions);
	fake_queue_fini(&fake);
	heartbeat_stop(fake.lease.heartbeat);
}

static void assert_nothing_came_of_it(struct fake_queue *fake)
{
	assert_int_equal(fake->broken.fault, FAULT_NONE);
	assert_int_equal(fake->turns, 0);
	for (size_t i = 0; i < fake->count; i++) {
		assert_false(fake->task[i].settled || fake->task[i].leased);
		assert_int_equal(fake->task[i].task.attempts, 2);
	}
}

static void what_a_stale_lease_brings_is_dropped(void **state)
{
	(void)state;
	struct fake_queue fake;
	struct err err;
	add_tasks(&fake, 4);
	struct work *work = fake_works(&fake, SEGMENT_TRANSFERS, NULL);
	fake.stale = true;
	settle(work, 0, 1);
	assert_int_equal(fake.records, 1);
	err_set(&err, FAULT_IO, "the disk");
	work_fail(&work[1], REASON_IO, 1, &err);
	work_note(&work[2], &(struct outcome){ .id = 3, .state = OUTCOME_DONE });
	work_again(&work[2], 0, 7);
	settle(work, 3, 4);
	assert_int_equal(fake.records, 1);
	assert_int_equal(fake_find(&fake, 2)->reason.fault, FAULT_NONE);
	assert_nothing_came_of_it(&fake);
	fake_queue_fini(&fake);
}

static void a_refused_extension_ends_the_recording_too(void **state)
{
	(void)state;
	struct fake_queue fake;
	add_tasks(&fake, 3);
	fake.queue->lease_ms = 9;
	fake.stale = true;
	assert_int_equal(heartbeat_start(&fake.lease.heartbeat, NULL), FAULT_NONE);
	struct work *work = fake_works(&fake, SEGMENT_TRANSFERS, NULL);
	await(&fake, &fake.extensions, 1);
	usleep(20000); /* no second one is asked for */
	assert_int_equal(fake.extensions, 1);
	settle(work, 0, 3);
	assert_int_equal(fake.records, 0);
	assert_nothing_came_of_it(&fake);
	fake_queue_fini(&fake);
	heartbeat_stop(fake.lease.heartbeat);
}

/* ---- a queue that takes segments away ---- */

static uint64_t now_ms;
static unsigned settled[4];

static uint64_t clock_by_hand(void) { return now_ms; }

static void count_settled(void *context, const struct task *task, const struct outcome *outcome)
{
	(void)context;
	assert_int_equal(outcome->state, OUTCOME_DONE);
	settled[task->id]++;
}

static void no_fault(void *context, const struct err *err)
{
	(void)context;
	fail_msg("%s", err->text);
}

static struct work *lease_works_of(struct queue *queue, size_t count)
{
	const struct lease_options options = { .queue = queue, .broken = no_fault };
	struct segment *segment = NULL;
	assert_int_equal(queue_lease(queue, SEGMENT_TRANSFERS, &segment, NULL), FAULT_NONE);
	assert_int_equal(segment->count, count);
	return lease_works(lease_new(&options, segment));
}

static void what_was_taken_away_is_done_once_and_by_the_other(void **state)
{
	(void)state;
	struct outcome slot[4] = { 0 };
	const struct queue_memory_options options = { .slot = slot,
						      .slots = ARRAY_COUNT(slot),
						      .settled = count_settled,
						      .lease_ms = 1000,
						      .clock_ms = clock_by_hand };
	struct queue *queue = queue_memory_open(&options);
	for (uint64_t id = 1; id <= 3; id++) {
		const struct manifest_entry file = { .id = id, .kind = MANIFEST_FILE, .name = "" };
		queue_memory_add(queue, 0, &file);
	}
	struct work *slow = lease_works_of(queue, 3);
	settle(slow, 0, 1);
	now_ms += 1000;
	struct work *other = lease_works_of(queue, 2);
	work_fail(&slow[1], REASON_IO, 1, NULL);
	settle(other, 0, 1);
	work_again(&slow[2], 0, 7);
	assert_int_equal(other[1].task->attempts, 0);
	settle(other, 1, 2);
	for (uint64_t id = 1; id <= 3; id++)
		assert_int_equal(settled[id], 1);
	queue_stop(queue);
	assert_int_equal(queue_close(queue, NULL), FAULT_NONE);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(outcomes_come_at_once_and_the_segment_goes_back_with_the_last),
		cmocka_unit_test(what_is_given_back_says_when_and_how_often),
		cmocka_unit_test(what_failed_ends_as_its_fault_says),
		cmocka_unit_test(what_is_done_remembers_that_its_name_was_there),
		cmocka_unit_test(works_end_in_many_threads),
		cmocka_unit_test(outcomes_that_come_together_are_recorded_together),
		cmocka_unit_test(a_full_batch_and_the_last_one_wait_for_nobody),
		cmocka_unit_test(a_lease_is_extended_while_its_works_go_on),
		cmocka_unit_test(what_a_stale_lease_brings_is_dropped),
		cmocka_unit_test(a_refused_extension_ends_the_recording_too),
		cmocka_unit_test(what_was_taken_away_is_done_once_and_by_the_other),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
