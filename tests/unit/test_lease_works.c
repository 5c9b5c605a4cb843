/* Leases of the queue; tests/unit/test_lease.c is about those of shares. */
#include "queue/lease.h"

#include "queue/backend.h"
#include "queue/retry.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_queue.h"

#include <unistd.h>

static struct fake_queue fake;
static struct heartbeat *heartbeat;

/* The fake's operations with a step between: what is asked is noted, and `refuses` is the answer.
 */
static const struct queue_backend *real;
static struct queue_backend between;
static enum fault refuses;
static struct task_return returned[FAKE_TASKS];
static size_t returns;
static uint64_t released_ms;

static enum fault lease(struct queue *queue, enum segment_kind kind, struct segment **segment,
			struct err *err)
{
	return refuses ? err_set(err, refuses, "refused") : real->lease(queue, kind, segment, err);
}

static enum fault record(struct queue *queue, const struct segment *segment,
			 const struct outcome *outcome, size_t count, struct err *err)
{
	enum fault fault = real->record(queue, segment, outcome, count, err);
	return refuses ? err_set(err, refuses, "refused") : fault;
}

static enum fault extend(struct queue *queue, const struct segment *segment, struct err *err)
{
	enum fault fault = real->extend(queue, segment, err);
	return refuses ? err_set(err, refuses, "refused") : fault;
}

static enum fault release(struct queue *queue, struct segment *segment,
			  const struct task_return *rest, size_t count, struct err *err)
{
	if (count > 0)
		memcpy(returned, rest, count * sizeof *rest);
	returns = count;
	released_ms = clock_ms();
	enum fault fault = real->release(queue, segment, rest, count, err);
	return refuses ? err_set(err, refuses, "refused") : fault;
}

static int begin(void **state)
{
	(void)state;
	fake_queue_init(&fake);
	real = fake.queue->backend;
	between = *real;
	between.lease = lease;
	between.record = record;
	between.extend = extend;
	between.release = release;
	fake.queue->backend = &between;
	refuses = FAULT_NONE;
	heartbeat = NULL;
	return 0;
}

static int end(void **state)
{
	(void)state;
	heartbeat_stop(heartbeat);
	fake_queue_fini(&fake);
	return 0;
}

static void beat(void)
{
	assert_int_equal(heartbeat_start(&heartbeat, NULL), FAULT_NONE);
	fake.lease.heartbeat = heartbeat;
}

/* Leases so many new tasks, with ids from 1 on. */
static struct work *works(size_t count)
{
	for (size_t i = 0; i < count; i++)
		fake_add(&fake, &(struct task){ .id = fake.count + 1 }, SEGMENT_TRANSFERS);
	return fake_works(&fake, SEGMENT_TRANSFERS, NULL);
}

static void settle(struct work *work)
{
	struct outcome outcome = { .state = OUTCOME_DONE };
	work_settle(work, &outcome, NULL);
}

static unsigned count_of(const unsigned *count)
{
	mutex_lock(&fake.lock);
	unsigned value = *count;
	mutex_unlock(&fake.lock);
	return value;
}

static void await(const unsigned *count, unsigned value)
{
	while (count_of(count) < value)
		usleep(500);
}

/* ---- recording ---- */

static void without_a_heartbeat_each_is_recorded_at_once(void **state)
{
	(void)state;
	struct work *work = works(3);
	for (unsigned i = 0; i < 3; i++) {
		settle(&work[i]);
		assert_int_equal(fake.records, i + 1);
		assert_int_equal(fake.task[i].outcome.id, i + 1);
		assert_int_equal(fake.task[i].outcome.state, OUTCOME_DONE);
	}
	assert_int_equal(returns, 0);
	assert_false(fake.task[0].leased);
}

static struct mutex gate;

static uint64_t wait_at_gate(void *context)
{
	(void)context;
	mutex_lock(&gate);
	mutex_unlock(&gate);
	return UINT64_MAX;
}

/* While the heartbeat is held up, so that nothing but the number has them recorded. */
static void a_batch_that_is_full_is_recorded(void **state)
{
	(void)state;
	struct beat held = { .call = wait_at_gate };
	beat();
	mutex_init(&gate);
	mutex_lock(&gate);
	heartbeat_add(heartbeat, &held, 0);
	usleep(20000); /* it is at the gate, or comes there before anything else */
	struct work *work = works(LEASE_BATCH + 2);
	for (size_t i = 0; i < LEASE_BATCH - 1; i++)
		settle(&work[i]);
	assert_int_equal(fake.records, 0);
	settle(&work[LEASE_BATCH - 1]);
	assert_int_equal(fake.records, 1);
	for (size_t i = 0; i < LEASE_BATCH; i++)
		assert_int_equal(fake.task[i].turn, i + 1);
	settle(&work[LEASE_BATCH]);
	assert_int_equal(fake.records, 1);
	mutex_unlock(&gate);
	settle(&work[LEASE_BATCH + 1]);
	assert_int_equal(fake.turns, LEASE_BATCH + 2);
	assert_int_equal(fake.task[LEASE_BATCH + 1].turn, LEASE_BATCH + 2);
	heartbeat_remove(heartbeat, &held);
	mutex_fini(&gate);
}

/* The rest of the segment is under way for long. */
static void what_is_gathered_is_recorded_soon(void **state)
{
	(void)state;
	beat();
	struct work *work = works(3);
	for (unsigned i = 0; i < 2; i++) {
		settle(&work[i]);
		await(&fake.turns, i + 1);
		usleep(3 * LEASE_GATHER_MS * 1000); /* until it comes no more by itself */
	}
	assert_true(fake.task[2].leased);
	assert_int_equal(count_of(&fake.extensions), 0);
	settle(&work[2]);
	assert_int_equal(fake.turns, 3);
	assert_false(fake.task[2].leased);
}

static void a_fault_of_the_queue_is_told_and_no_other(void **state)
{
	(void)state;
	struct work *work = works(2);
	refuses = FAULT_FULL;
	settle(&work[0]);
	assert_int_equal(fake.broken.fault, FAULT_FULL);
	fake.broken = (struct err){ 0 };
	refuses = FAULT_NONE;
	settle(&work[1]);
	assert_int_equal(fake.broken.fault, FAULT_NONE);
	assert_true(fake.task[1].settled);
	work = works(1);
	refuses = FAULT_IO;
	work_again(&work[0], 0, 0);
	assert_int_equal(fake.broken.fault, FAULT_IO);
}

/* ---- leases that run out ---- */

static void a_lease_is_extended_at_a_third_of_its_time(void **state)
{
	(void)state;
	enum { THIRD = 100 };
	beat();
	fake.queue->lease_ms = 3 * THIRD;
	uint64_t begun_ms = clock_ms();
	struct work *work = works(1);
	await(&fake.extensions, 2);
	uint64_t took_ms = clock_ms() - begun_ms;
	assert_true(took_ms >= 2 * THIRD);
	settle(&work[0]);
	assert_int_equal(fake.task[0].outcome.state, OUTCOME_DONE);
	assert_int_equal(fake.broken.fault, FAULT_NONE);
}

/* Another lessee does the tasks again, and tells of them. */
static void of_a_lost_lease_nothing_is_recorded_or_told(void **state)
{
	(void)state;
	const struct err why = { .fault = FAULT_IO };
	beat();
	fake.queue->lease_ms = 3;
	fake.stale = true;
	struct work *work = works(3);
	await(&fake.extensions, 1);
	usleep(20000); /* what the queue said is kept by now */
	work_fail(&work[0], REASON_IO, 1, &why);
	usleep(3 * LEASE_GATHER_MS * 1000);
	assert_int_equal(count_of(&fake.extensions), 1);
	settle(&work[1]);
	work_again(&work[2], 0, 1);
	assert_int_equal(fake.records, 0);
	assert_int_equal(fake.task[0].reason.fault, FAULT_NONE);
	assert_int_equal(fake.broken.fault, FAULT_NONE);
	assert_false(fake.task[0].settled);
	assert_false(fake.task[0].leased);
}

/* The queue says so when an outcome comes. */
static void a_lease_may_be_lost_while_recording(void **state)
{
	(void)state;
	const struct err why = { .fault = FAULT_IO };
	struct work *work = works(3);
	fake.stale = true;
	settle(&work[0]);
	assert_int_equal(fake.records, 1);
	work_fail(&work[1], REASON_IO, 1, &why);
	settle(&work[2]);
	assert_int_equal(fake.records, 1);
	assert_int_equal(fake.task[1].reason.fault, FAULT_NONE);
	assert_int_equal(fake.broken.fault, FAULT_NONE);
}

/* ---- ends of works ---- */

static void what_was_there_is_noted_of_what_is_done(void **state)
{
	(void)state;
	fake_add(&fake, &(struct task){ .id = 1, .existing = 1 }, SEGMENT_TRANSFERS);
	fake_add(&fake, &(struct task){ .id = 2, .existing = 1 }, SEGMENT_TRANSFERS);
	struct work *work = works(1);
	struct outcome outcome = { .state = OUTCOME_DONE, .level = 1 };
	work_settle(&work[0], &outcome, NULL);
	work_fail(&work[1], REASON_CONFLICT, 1, NULL);
	settle(&work[2]);
	assert_int_equal(fake.task[0].outcome.level, OUTCOME_EXISTED | 1);
	assert_int_equal(fake.task[1].outcome.level, 0);
	assert_int_equal(fake.task[1].reason.fault, FAULT_NONE);
	assert_int_equal(fake.task[2].outcome.level, 0);
}

static void what_is_no_failure_is_skipped(void **state)
{
	(void)state;
	const struct err why = { .fault = FAULT_EXISTS };
	struct work *work = works(REASON_FIXED);
	for (unsigned reason = 1; reason <= REASON_FIXED; reason++)
		work_fail(&work[reason - 1], (uint8_t)reason, 250 + reason, &why);
	for (unsigned reason = 1; reason <= REASON_FIXED; reason++) {
		const struct fake_task *task = &fake.task[reason - 1];
		bool skip = reason == REASON_VANISHED || reason == REASON_UNCHANGED ||
			    reason == REASON_PRESENT;
		assert_int_equal(task->outcome.state, skip ? OUTCOME_SKIPPED : OUTCOME_FAILED);
		assert_int_equal(task->outcome.reason, reason);
		assert_int_equal(task->outcome.attempts, min_u64(250 + reason, 255));
		assert_int_equal(task->reason.fault, FAULT_EXISTS);
	}
}

static void what_is_given_back_keeps_its_tries(void **state)
{
	(void)state;
	const struct retry_state tries = { .attempts = 3, .trouble = 77 };
	const struct retry_state many = { .attempts = 300 };
	fake_add(&fake, &(struct task){ .id = 1, .trouble = 5 }, SEGMENT_TRANSFERS);
	struct work *work = works(3);
	uint64_t begun_ms = clock_ms();
	work_again(&work[0], 5000, 2);
	work_return(&work[1], &tries, 0);
	settle(&work[3]);
	work_return(&work[2], &many, 1000);
	assert_int_equal(returns, 3);
	assert_int_equal(returned[0].id, 1);
	assert_int_equal(returned[0].attempts, 2);
	assert_int_equal(returned[0].trouble, 5);
	assert_true(returned[0].retry_at_ms >= begun_ms + 5000 &&
		    returned[0].retry_at_ms <= released_ms + 5000);
	assert_int_equal(returned[1].id, 2);
	assert_int_equal(returned[1].attempts, 3);
	assert_int_equal(returned[1].trouble, 77);
	assert_true(returned[1].retry_at_ms <= released_ms);
	assert_int_equal(returned[2].attempts, 255);
	assert_true(fake.task[3].settled);
}

static void a_failed_try_is_decided_by_its_fault(void **state)
{
	(void)state;
	static const struct {
		enum fault fault;
		uint8_t attempts, reason, expected_state, expected_reason, expected_attempts;
		enum fault broken;
	} table[] = {
		{ FAULT_RETRY, 0, 0, 0, 0, 1, FAULT_NONE },
		{ FAULT_RETRY, 3, 0, 0, 0, 4, FAULT_NONE },
		{ FAULT_RETRY, 4, 0, OUTCOME_FAILED, REASON_GATEWAY, 5, FAULT_NONE },
		{ FAULT_RETRY, 4, REASON_FIXED, OUTCOME_FAILED, REASON_FIXED, 5, FAULT_NONE },
		{ FAULT_NOT_FOUND, 0, 0, OUTCOME_SKIPPED, REASON_VANISHED, 1, FAULT_NONE },
		{ FAULT_CANCELLED, 2, 0, 0, 0, 2, FAULT_NONE },
		{ FAULT_UNAVAILABLE, 2, 0, 0, 0, 2, FAULT_NONE },
		{ FAULT_FULL, 2, 0, 0, 0, 2, FAULT_FULL },
	};
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		const struct err err = { .fault = table[i].fault };
		struct task planned = { .id = 1, .attempts = table[i].attempts };
		fake_queue_fini(&fake);
		begin(NULL);
		struct fake_task *task = fake_add(&fake, &planned, SEGMENT_TRANSFERS);
		struct work *work = fake_works(&fake, SEGMENT_TRANSFERS, NULL);
		bool over = table[i].expected_state != 0;
		assert_int_equal(work_is_over(work, &err), over);
		work_retry(work, table[i].reason, &err);
		assert_int_equal(task->settled, over);
		assert_int_equal(task->outcome.state, table[i].expected_state);
		assert_int_equal(task->outcome.reason, table[i].expected_reason);
		assert_int_equal(returns, !over);
		assert_int_equal(over ? task->outcome.attempts : returned[0].attempts,
				 table[i].expected_attempts);
		assert_int_equal(fake.broken.fault, table[i].broken);
	}
}

/* ---- leasing ---- */

static size_t taken;

static void take_one(void *context, struct work *work)
{
	assert_ptr_equal(context, &taken);
	assert_int_equal(work->task->id, ++taken);
	assert_null(work->split);
	settle(work);
}

static void each_work_is_taken_in_order(void **state)
{
	(void)state;
	taken = 0;
	for (uint64_t i = 1; i <= 5; i++)
		fake_add(&fake, &(struct task){ .id = i }, SEGMENT_TRANSFERS);
	lease_each(&fake.lease, SEGMENT_DIRECTORIES, take_one, &taken);
	assert_int_equal(taken, 0);
	lease_each(&fake.lease, SEGMENT_TRANSFERS, take_one, &taken);
	assert_int_equal(taken, 5);
	assert_int_equal(fake.broken.fault, FAULT_NONE);
	refuses = FAULT_CORRUPT;
	lease_each(&fake.lease, SEGMENT_TRANSFERS, take_one, &taken);
	assert_int_equal(fake.broken.fault, FAULT_CORRUPT);
	assert_int_equal(taken, 5);
}

#define LEASE_FACT(fact) cmocka_unit_test_setup_teardown(fact, begin, end)

int main(void)
{
	const struct CMUnitTest facts[] = {
		LEASE_FACT(without_a_heartbeat_each_is_recorded_at_once),
		LEASE_FACT(a_batch_that_is_full_is_recorded),
		LEASE_FACT(what_is_gathered_is_recorded_soon),
		LEASE_FACT(a_fault_of_the_queue_is_told_and_no_other),
		LEASE_FACT(a_lease_is_extended_at_a_third_of_its_time),
		LEASE_FACT(of_a_lost_lease_nothing_is_recorded_or_told),
		LEASE_FACT(a_lease_may_be_lost_while_recording),
		LEASE_FACT(what_was_there_is_noted_of_what_is_done),
		LEASE_FACT(what_is_no_failure_is_skipped),
		LEASE_FACT(what_is_given_back_keeps_its_tries),
		LEASE_FACT(a_failed_try_is_decided_by_its_fault),
		LEASE_FACT(each_work_is_taken_in_order),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
