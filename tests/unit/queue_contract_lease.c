#include "tests/unit/queue_contract.h"

#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <stdatomic.h>

/* Leases, their times and their epochs.  The clock stands still until a fact moves it. */

enum { LEASE_MS = 1000 };

static const struct contract *the;
static struct plan plan;
static _Atomic uint64_t now_ms;

static uint64_t clock_by_hand(void) { return atomic_load(&now_ms); }

static void start(size_t files)
{
	plan_init(&plan);
	for (size_t i = 0; i < files; i++)
		plan_add(&plan, 0, MANIFEST_FILE);
	the->begin(contract_job);
	atomic_store(&now_ms, 5000);
}

static struct queue *open_with(uint64_t (*clock)(void), uint32_t lease_ms)
{
	const struct contract_options options = { .plan = &plan,
						  .listings = SIZE_MAX,
						  .complete = true,
						  .lease_ms = lease_ms,
						  .clock_ms = clock };
	plan_write(&plan, false);
	return the->open(&options);
}

static struct queue *open_queue(void) { return open_with(clock_by_hand, LEASE_MS); }

static struct segment *lease(struct queue *queue, enum segment_kind kind)
{
	struct segment *segment = NULL;
	assert_int_equal(queue_lease(queue, kind, &segment, NULL), FAULT_NONE);
	return segment;
}

static enum fault record(struct queue *queue, const struct segment *segment, uint64_t id,
			 uint8_t state)
{
	struct outcome outcome = { .id = id, .state = state };
	return queue_record(queue, segment, &outcome, 1, NULL);
}

static void assert_refused(struct queue *queue, struct segment *segment, uint64_t id)
{
	struct task_return rest = { .id = id, .attempts = 9 };
	assert_int_equal(record(queue, segment, id, OUTCOME_FAILED), FAULT_CHANGED);
	assert_int_equal(queue_extend(queue, segment, NULL), FAULT_CHANGED);
	assert_int_equal(queue_release(queue, segment, &rest, 1, NULL), FAULT_CHANGED);
}

static void close_queue(struct queue *queue)
{
	assert_int_equal(queue_close(queue, NULL), FAULT_NONE);
}

/* ---- facts ---- */

static void what_ran_out_is_leased_anew_under_a_later_epoch(void **state)
{
	(void)state;
	start(3);
	struct queue *queue = open_queue();
	assert_int_equal(queue_lease_ms(queue), LEASE_MS);
	struct segment *old = lease(queue, SEGMENT_TRANSFERS);
	uint64_t number = old->number, epoch = old->epoch;
	assert_int_equal(record(queue, old, 2, OUTCOME_DONE), FAULT_NONE);
	atomic_fetch_add(&now_ms, LEASE_MS);
	struct segment *new = lease(queue, SEGMENT_TRANSFERS);
	assert_int_equal(new->number, number);
	assert_true(new->epoch > epoch);
	assert_int_equal(new->count, 2);
	assert_int_equal(new->task[0].id, 1);
	assert_int_equal(new->task[1].id, 3);
	assert_int_equal(new->task[0].attempts, 0);
	assert_int_equal(old->task[2].id, 3); /* its former lessee may be reading it still */
	assert_int_equal(old->task[2].name_size, 7);
	assert_refused(queue, old, 1);
	for (uint64_t id = 1; id <= 3; id += 2)
		assert_int_equal(record(queue, new, id, OUTCOME_DONE), FAULT_NONE);
	assert_int_equal(queue_release(queue, new, NULL, 0, NULL), FAULT_NONE);
	assert_null(lease(queue, SEGMENT_TRANSFERS));
	close_queue(queue);
	for (uint64_t id = 1; id <= 3; id++)
		assert_int_equal(the->get(id).state, OUTCOME_DONE);
}

static void directories_run_out_too(void **state)
{
	(void)state;
	start(0);
	struct queue *queue = open_queue();
	assert_null(lease(queue, SEGMENT_TRANSFERS));
	struct segment *old = lease(queue, SEGMENT_DIRECTORIES);
	for (int round = 0; round < 3; round++) {
		atomic_fetch_add(&now_ms, LEASE_MS);
		struct segment *new = lease(queue, SEGMENT_DIRECTORIES);
		assert_int_equal(new->task[0].id, 0);
		assert_int_equal(new->epoch, old->epoch + 1);
		assert_refused(queue, old, 0);
		old = new;
	}
	assert_int_equal(record(queue, old, 0, OUTCOME_DONE), FAULT_NONE);
	assert_int_equal(queue_release(queue, old, NULL, 0, NULL), FAULT_NONE);
	assert_null(lease(queue, SEGMENT_DIRECTORIES));
	close_queue(queue);
	assert_int_equal(the->get(0).state, OUTCOME_DONE);
}

static void who_extends_in_time_keeps_its_lease(void **state)
{
	(void)state;
	start(SEGMENT_TASKS_MAX + 1);
	struct queue *queue = open_queue();
	struct segment *other = lease(queue, SEGMENT_TRANSFERS);
	struct segment *kept = lease(queue, SEGMENT_TRANSFERS);
	assert_int_equal(kept->count, 1);
	for (int beat = 0; beat < 5; beat++) {
		atomic_fetch_add(&now_ms, LEASE_MS / 3);
		assert_int_equal(queue_extend(queue, kept, NULL), FAULT_NONE);
	}
	struct segment *new = lease(queue, SEGMENT_TRANSFERS);
	assert_int_equal(new->number, other->number);
	assert_int_equal(queue_extend(queue, kept, NULL), FAULT_NONE);
	assert_int_equal(queue_release(queue, kept, NULL, 0, NULL), FAULT_NONE);
	close_queue(queue);
}

static void who_is_late_keeps_what_nobody_took(void **state)
{
	(void)state;
	start(2);
	struct queue *queue = open_queue();
	struct segment *segment = lease(queue, SEGMENT_TRANSFERS);
	uint64_t epoch = segment->epoch;
	atomic_fetch_add(&now_ms, 10 * LEASE_MS);
	assert_int_equal(record(queue, segment, 1, OUTCOME_DONE), FAULT_NONE);
	assert_int_equal(queue_extend(queue, segment, NULL), FAULT_NONE);
	atomic_fetch_add(&now_ms, LEASE_MS - 1);
	assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
	segment = lease(queue, SEGMENT_TRANSFERS);
	assert_int_equal(segment->epoch, epoch); /* given back, not taken away: another segment */
	assert_int_equal(segment->count, 1);
	close_queue(queue);
	assert_int_equal(the->get(1).state, OUTCOME_DONE);
}

static void a_sleeping_lessee_gets_what_runs_out(void **state)
{
	(void)state;
	start(1);
	struct queue *queue = open_with(clock_ms, 30);
	uint64_t begun_ms = clock_ms();
	struct segment *old = lease(queue, SEGMENT_TRANSFERS);
	uint64_t number = old->number;
	struct segment *new = lease(queue, SEGMENT_TRANSFERS);
	assert_true(clock_ms() - begun_ms >= 30);
	assert_int_equal(new->number, number);
	assert_refused(queue, old, 1);
	queue_stop(queue);
	close_queue(queue);
}

static void without_a_clock_no_lease_runs_out(void **state)
{
	(void)state;
	start(SEGMENT_TASKS_MAX + 1);
	struct queue *queue = open_with(NULL, 1);
	struct segment *segment = lease(queue, SEGMENT_TRANSFERS);
	for (uint64_t begun_ms = clock_ms(); clock_ms() - begun_ms < 10;)
		;
	assert_int_equal(lease(queue, SEGMENT_TRANSFERS)->count, 1);
	assert_int_equal(queue_extend(queue, segment, NULL), FAULT_NONE);
	assert_int_equal(record(queue, segment, 1, OUTCOME_DONE), FAULT_NONE);
	close_queue(queue);
}

/* ---- batches ---- */

static void a_batch_is_recorded_whole_and_in_its_order(void **state)
{
	(void)state;
	start(2);
	plan.node[1].chunks = 2;
	struct queue *queue = open_queue();
	struct segment *segment = lease(queue, SEGMENT_TRANSFERS);
	uint64_t file = plan.node[1].id, other = plan.node[2].id;
	struct outcome batch[] = {
		{ .id = file + 2, .state = OUTCOME_DONE },
		{ .id = other, .state = OUTCOME_PLANNED },
		{ .id = file, .state = OUTCOME_DONE },
		{ .id = other, .state = OUTCOME_SKIPPED, .reason = REASON_VANISHED },
		{ .id = file + 1, .state = OUTCOME_DONE }, /* of a task that is settled by then */
	};
	assert_int_equal(queue_record(queue, segment, batch, 5, NULL), FAULT_USAGE);
	assert_int_equal(queue_record(queue, segment, batch, 4, NULL), FAULT_NONE);
	struct task_return settled = { .id = file, .attempts = 3 };
	assert_int_equal(queue_release(queue, segment, &settled, 1, NULL), FAULT_NONE);
	assert_null(lease(queue, SEGMENT_TRANSFERS));
	close_queue(queue);
	assert_int_equal(the->get(file).state, OUTCOME_DONE);
	assert_int_equal(the->get(file + 1).state, OUTCOME_NONE);
	assert_int_equal(the->get(file + 2).state, OUTCOME_DONE);
	assert_int_equal(the->get(other).state, OUTCOME_SKIPPED);
	assert_int_equal(the->get(other).reason, REASON_VANISHED);
}

static void a_whole_segment_is_one_batch(void **state)
{
	(void)state;
	static struct outcome batch[SEGMENT_TASKS_MAX];
	start(SEGMENT_TASKS_MAX);
	struct queue *queue = open_queue();
	struct segment *segment = lease(queue, SEGMENT_TRANSFERS);
	for (size_t i = 0; i < segment->count; i++)
		batch[i] = (struct outcome){ .id = segment->task[i].id, .state = OUTCOME_DONE };
	assert_int_equal(queue_record(queue, segment, batch, segment->count, NULL), FAULT_NONE);
	assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
	assert_null(lease(queue, SEGMENT_TRANSFERS));
	assert_int_equal(lease(queue, SEGMENT_DIRECTORIES)->task[0].id, 0);
	close_queue(queue);
	for (size_t i = 0; i < SEGMENT_TASKS_MAX; i++)
		assert_int_equal(the->get(batch[i].id).state, OUTCOME_DONE);
}

/* ---- lessees that die, and some that come back ---- */

static struct dead {
	struct segment *segment;
	uint64_t number, task;
	bool replaced; /* the queue has leased it anew */
} dead[PLAN_NODES_MAX];
static size_t dead_count;

/* What was leased anew must have a later epoch than all that died with it. */
static void meet_the_dead(struct queue *queue, const struct segment *segment, uint64_t *random)
{
	for (size_t i = 0; i < dead_count; i++)
		if (dead[i].number == segment->number) {
			assert_true(dead[i].segment->epoch < segment->epoch);
			dead[i].replaced = true;
		}
	for (size_t i = dead_count; i-- > 0;)
		if (dead[i].replaced && contract_random(random, 2) == 0) {
			assert_refused(queue, dead[i].segment, dead[i].task);
			dead[i] = dead[--dead_count];
		}
}

/* Settles some of a segment; then gives the rest back, or dies.  Counts what it settles. */
static void live_or_die(struct queue *queue, struct segment *segment, uint64_t *random,
			unsigned *settled)
{
	uint64_t last = segment->task[segment->count - 1].id;
	for (size_t i = 0; i < segment->count; i++) {
		uint64_t id = segment->task[i].id;
		if (contract_random(random, 3) == 0)
			continue;
		assert_int_equal(record(queue, segment, id, OUTCOME_DONE), FAULT_NONE);
		settled[id]++;
	}
	if (contract_random(random, 2) == 0) {
		assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
		return;
	}
	dead[dead_count++] =
		(struct dead){ .segment = segment, .number = segment->number, .task = last };
	atomic_fetch_add(&now_ms, LEASE_MS);
}

static void the_dead_lose_nothing_and_change_nothing(void **state)
{
	(void)state;
	static unsigned settled[PLAN_NODES_MAX * 8];
	for (uint64_t seed = 1; seed <= 10; seed++) {
		uint64_t random = seed;
		start(0);
		memset(settled, 0, sizeof settled);
		dead_count = 0;
		plan_add_random(&plan, 200, &random);
		struct queue *queue = open_queue();
		for (int kind = SEGMENT_TRANSFERS; kind <= SEGMENT_DIRECTORIES; kind++)
			for (struct segment *segment; (segment = lease(queue, kind));) {
				meet_the_dead(queue, segment, &random);
				live_or_die(queue, segment, &random, settled);
			}
		close_queue(queue);
		for (size_t i = 0; i < plan.count; i++) {
			const struct plan_node *node = &plan.node[i];
			assert_int_equal(settled[node->id], node->verdict ? 0 : 1);
			assert_true(the->get(node->id).state >= OUTCOME_DONE);
		}
	}
}

int queue_contract_leases(const struct contract *contract)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_ran_out_is_leased_anew_under_a_later_epoch),
		cmocka_unit_test(directories_run_out_too),
		cmocka_unit_test(who_extends_in_time_keeps_its_lease),
		cmocka_unit_test(who_is_late_keeps_what_nobody_took),
		cmocka_unit_test(a_sleeping_lessee_gets_what_runs_out),
		cmocka_unit_test(without_a_clock_no_lease_runs_out),
		cmocka_unit_test(a_batch_is_recorded_whole_and_in_its_order),
		cmocka_unit_test(a_whole_segment_is_one_batch),
		cmocka_unit_test(the_dead_lose_nothing_and_change_nothing),
	};
	the = contract;
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
