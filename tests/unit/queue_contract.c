#include "tests/unit/queue_contract.h"

#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <unistd.h>

static const struct contract *the;
static struct plan plan;
static struct work_state work;

static const struct work_options calm = { .seed = 1, .workers = 1 };

static struct contract_options options_of(size_t listings, bool complete)
{
	return (struct contract_options){ .plan = &plan,
					  .listings = listings,
					  .complete = complete,
					  .settled = work_settled,
					  .before = work_before,
					  .context = &work };
}

static struct queue *open_at(size_t listings, bool complete)
{
	struct contract_options options = options_of(listings, complete);
	return the->open(&options);
}

static struct queue *open_whole(void) { return open_at(SIZE_MAX, true); }

static void start(void)
{
	plan_init(&plan);
	work_init(&work, &plan);
	the->begin(contract_job);
}

static struct segment *lease(struct queue *queue, enum segment_kind kind)
{
	struct segment *segment = NULL;
	assert_int_equal(queue_lease(queue, kind, &segment, NULL), FAULT_NONE);
	return segment;
}

static void settle(struct queue *queue, const struct segment *segment, uint64_t id)
{
	struct outcome outcome = { .id = id, .state = OUTCOME_DONE };
	for (size_t i = 0; i < work.plan->count; i++)
		if (work.plan->node[i].id == id) {
			mutex_lock(&work.lock);
			work.recorded[i] = true;
			work.state[i] = OUTCOME_DONE;
			mutex_unlock(&work.lock);
		}
	assert_int_equal(queue_record(queue, segment, &outcome, 1, NULL), FAULT_NONE);
}

static void close_fine(struct queue *queue)
{
	assert_int_equal(queue_close(queue, NULL), FAULT_NONE);
	assert_string_equal(work.wrong, "");
	work_fini(&work);
}

static void an_empty_root_is_the_only_directory(void **state)
{
	(void)state;
	start();
	plan_write(&plan, false);
	struct queue *queue = open_whole();
	assert_null(lease(queue, SEGMENT_TRANSFERS));
	struct segment *segment = lease(queue, SEGMENT_DIRECTORIES);
	assert_int_equal(segment->count, 1);
	assert_int_equal(segment->task[0].id, 0);
	assert_int_equal(segment->task[0].directory, 0);
	assert_int_equal(segment->task[0].name_size, 0);
	settle(queue, segment, 0);
	assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
	assert_null(lease(queue, SEGMENT_DIRECTORIES));
	close_fine(queue);
	assert_int_equal(the->get(0).state, OUTCOME_DONE);
}

static void random_plans_are_worked_bottom_up(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		start();
		uint64_t random = seed;
		plan_add_random(&plan, contract_random(&random, seed % 3 == 0 ? 2500 : 60),
				&random);
		plan_write(&plan, false);
		struct work_options options = { .seed = seed,
						.workers = 1 + (unsigned)(seed % 3),
						.returns = seed % 2 ? 10 : 0,
						.leaves = seed % 4 ? 5 : 0,
						.fails = 5 };
		contract_work(&work, open_whole(), &options);
		work_assert_complete(&work, the);
		work_fini(&work);
	}
}

/* A listing of several blocks, and a path as deep as it is long. */
static void wide_and_deep_plans_are_worked(void **state)
{
	(void)state;
	start();
	for (size_t i = 0; i < 2700; i++)
		plan_add(&plan, 0, i % 9 ? MANIFEST_DIRECTORY : MANIFEST_FILE);
	size_t parent = 1 + 1;
	for (size_t i = 0; i < 250; i++)
		parent = plan_add(&plan, parent, MANIFEST_DIRECTORY);
	plan_write(&plan, false);
	struct work_options options = { .seed = 3, .workers = 2, .returns = 3 };
	contract_work(&work, open_whole(), &options);
	work_assert_complete(&work, the);
	work_fini(&work);
}

static void what_is_settled_is_never_done_again(void **state)
{
	(void)state;
	start();
	uint64_t random = 5;
	plan_add_random(&plan, 300, &random);
	plan_write(&plan, false);
	contract_work(&work, open_whole(), &calm);
	memset(work.durable, 0, sizeof work.durable);
	memset(work.recorded, 0, sizeof work.recorded);
	struct queue *queue = open_whole();
	assert_null(lease(queue, SEGMENT_TRANSFERS));
	assert_null(lease(queue, SEGMENT_DIRECTORIES));
	for (size_t i = 0; i < plan.count; i++)
		assert_true(work.known[i]);
	close_fine(queue);
}

static void a_full_segment_has_a_thousand_tasks(void **state)
{
	(void)state;
	start();
	for (size_t i = 0; i < SEGMENT_TASKS_MAX + 7; i++)
		plan_add(&plan, 0, MANIFEST_FILE);
	plan_write(&plan, false);
	struct queue *queue = open_whole();
	struct segment *first = lease(queue, SEGMENT_TRANSFERS);
	assert_int_equal(first->count, SEGMENT_TASKS_MAX);
	struct segment *second = lease(queue, SEGMENT_TRANSFERS);
	assert_int_equal(second->count, 7);
	assert_true(second->number != first->number);
	close_fine(queue);
}

static void a_stale_lease_changes_nothing(void **state)
{
	(void)state;
	start();
	size_t file = plan_add(&plan, 0, MANIFEST_FILE);
	plan_write(&plan, false);
	struct queue *queue = open_whole();
	struct segment *segment = lease(queue, SEGMENT_TRANSFERS);
	struct segment old = *segment, forged = *segment;
	struct outcome outcome = { .id = plan.node[file].id, .state = OUTCOME_DONE };
	forged.epoch++;
	assert_int_equal(queue_record(queue, &forged, &outcome, 1, NULL), FAULT_CHANGED);
	assert_int_equal(queue_extend(queue, &forged, NULL), FAULT_CHANGED);
	assert_int_equal(queue_release(queue, &forged, NULL, 0, NULL), FAULT_CHANGED);
	assert_int_equal(queue_extend(queue, segment, NULL), FAULT_NONE);
	assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
	assert_int_equal(queue_record(queue, &old, &outcome, 1, NULL), FAULT_CHANGED);
	assert_int_equal(queue_extend(queue, &old, NULL), FAULT_CHANGED);
	assert_int_equal(queue_release(queue, &old, NULL, 0, NULL), FAULT_CHANGED);
	segment = lease(queue, SEGMENT_TRANSFERS);
	assert_true(segment->number != old.number || segment->epoch != old.epoch);
	assert_int_equal(segment->task[0].id, outcome.id);
	assert_int_equal(queue_record(queue, &old, &outcome, 1, NULL), FAULT_CHANGED);
	close_fine(queue);
	assert_int_equal(the->get(outcome.id).state, OUTCOME_NONE);
}

static void foreign_and_repeated_outcomes_are_refused_whole(void **state)
{
	(void)state;
	start();
	size_t file = plan_add(&plan, 0, MANIFEST_FILE);
	plan_write(&plan, false);
	struct queue *queue = open_whole();
	struct segment *segment = lease(queue, SEGMENT_TRANSFERS);
	uint64_t id = plan.node[file].id;
	struct outcome good = { .id = id, .state = OUTCOME_SKIPPED };
	struct outcome foreign[2] = { good, { .id = id + 1, .state = OUTCOME_DONE } };
	struct outcome twice[2] = { good, good };
	struct outcome senseless = { .id = id, .state = OUTCOME_DAMAGED };
	struct task_return rest = { .id = id + 1 };
	assert_int_equal(queue_record(queue, segment, foreign, 2, NULL), FAULT_USAGE);
	assert_int_equal(queue_record(queue, segment, twice, 2, NULL), FAULT_USAGE);
	assert_int_equal(queue_record(queue, segment, &senseless, 1, NULL), FAULT_USAGE);
	assert_int_equal(queue_release(queue, segment, &rest, 1, NULL), FAULT_USAGE);
	settle(queue, segment, id);
	assert_int_equal(queue_record(queue, segment, &good, 1, NULL), FAULT_USAGE);
	assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
	close_fine(queue);
	assert_int_equal(the->get(id).state, OUTCOME_DONE);
}

static void chunks_and_plans_are_kept_and_settle_nothing(void **state)
{
	(void)state;
	start();
	size_t file = plan_add(&plan, 0, MANIFEST_FILE);
	plan.node[file].chunks = 3;
	plan_write(&plan, false);
	struct queue *queue = open_whole();
	struct segment *segment = lease(queue, SEGMENT_TRANSFERS);
	uint64_t id = plan.node[file].id;
	for (uint64_t chunk = 1; chunk <= 3; chunk++)
		settle(queue, segment, id + chunk);
	struct outcome planned = { .id = id, .state = OUTCOME_PLANNED };
	struct outcome beyond = { .id = id + 4, .state = OUTCOME_DONE };
	assert_int_equal(queue_record(queue, segment, &planned, 1, NULL), FAULT_NONE);
	assert_int_equal(queue_record(queue, segment, &beyond, 1, NULL), FAULT_USAGE);
	assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
	segment = lease(queue, SEGMENT_TRANSFERS);
	assert_int_equal(segment->task[0].id, id);
	assert_false(work.durable[file]);
	close_fine(queue);
	for (uint64_t chunk = 1; chunk <= 3; chunk++)
		assert_int_equal(the->get(id + chunk).state, OUTCOME_DONE);
	assert_int_equal(the->get(id).state, OUTCOME_PLANNED);
}

static void tasks_given_back_come_again_when_due(void **state)
{
	(void)state;
	start();
	size_t file[3];
	for (size_t i = 0; i < 3; i++)
		file[i] = plan_add(&plan, 0, MANIFEST_FILE);
	plan_write(&plan, false);
	struct queue *queue = open_whole();
	struct segment *segment = lease(queue, SEGMENT_TRANSFERS);
	uint64_t due_ms = clock_ms() + 30;
	struct task_return rest[] = {
		{ .id = plan.node[file[1]].id, .retry_at_ms = due_ms, .attempts = 3 },
		{ .id = plan.node[file[0]].id, .retry_at_ms = due_ms + 3600000, .attempts = 9 },
	};
	assert_int_equal(queue_release(queue, segment, rest, 2, NULL), FAULT_NONE);
	segment = lease(queue, SEGMENT_TRANSFERS);
	assert_int_equal(segment->count, 1);
	assert_int_equal(segment->task[0].id, plan.node[file[2]].id);
	assert_int_equal(segment->task[0].attempts, 0);
	settle(queue, segment, segment->task[0].id);
	assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
	segment = lease(queue, SEGMENT_TRANSFERS);
	assert_true(clock_ms() >= due_ms);
	assert_int_equal(segment->count, 1);
	assert_int_equal(segment->task[0].id, plan.node[file[1]].id);
	assert_int_equal(segment->task[0].attempts, 3);
	assert_int_equal(segment->task[0].name_size, 7);
	queue_stop(queue);
	close_fine(queue);
}

struct sleeper {
	struct queue *queue;
	enum segment_kind kind;
	struct segment *segment;
	enum fault fault;
	struct thread thread;
};

static void sleep_in_lease(void *context)
{
	struct sleeper *sleeper = context;
	sleeper->fault = queue_lease(sleeper->queue, sleeper->kind, &sleeper->segment, NULL);
}

static void stopping_wakes_leases_and_lets_records_through(void **state)
{
	(void)state;
	start();
	size_t file = plan_add(&plan, 0, MANIFEST_FILE);
	plan_write(&plan, false);
	struct queue *queue = open_whole();
	struct segment *segment = lease(queue, SEGMENT_TRANSFERS);
	struct sleeper sleeper[4];
	for (unsigned i = 0; i < 4; i++) {
		sleeper[i] =
			(struct sleeper){ .queue = queue,
					  .kind = i % 2 ? SEGMENT_TRANSFERS : SEGMENT_DIRECTORIES,
					  .segment = segment };
		assert_true(
			thread_start(&sleeper[i].thread, "sleeper", sleep_in_lease, &sleeper[i]));
	}
	usleep(50000); /* they sleep by now, so that somebody has to wake them */
	queue_stop(queue);
	queue_stop(queue);
	for (size_t i = 0; i < 4; i++) {
		thread_join(&sleeper[i].thread);
		assert_int_equal(sleeper[i].fault, FAULT_NONE);
		assert_null(sleeper[i].segment);
	}
	settle(queue, segment, plan.node[file].id);
	assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
	assert_null(lease(queue, SEGMENT_TRANSFERS));
	assert_null(lease(queue, SEGMENT_DIRECTORIES));
	close_fine(queue);
	assert_int_equal(the->get(plan.node[file].id).state, OUTCOME_DONE);
}

/* ---- behind the planner ---- */

static void publish_on(void *context)
{
	struct queue *queue = context;
	for (size_t i = 1; i <= plan.listings; i++)
		the->publish(queue, i, false);
	the->publish(queue, SIZE_MAX, true);
}

static void a_plan_is_worked_while_it_grows(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		start();
		uint64_t random = seed * 77;
		plan_add_random(&plan, 600, &random);
		plan_write(&plan, true);
		struct queue *queue = open_at(0, false);
		struct thread thread;
		assert_true(thread_start(&thread, "publisher", publish_on, queue));
		struct work_options options = { .seed = seed, .workers = 2, .returns = 5 };
		contract_work(&work, queue, &options);
		thread_join(&thread);
		work_assert_complete(&work, the);
		work_fini(&work);
	}
}

/* Nothing that is not published is read, and a segment that has something does not wait. */
static void a_segment_closes_where_the_plan_ends_for_now(void **state)
{
	(void)state;
	start();
	size_t top = plan_add(&plan, 0, MANIFEST_FILE);
	size_t below = plan_add(&plan, 0, MANIFEST_DIRECTORY);
	size_t deep = plan_add(&plan, below, MANIFEST_FILE);
	plan_write(&plan, true);
	assert_int_equal(plan.listings, 2);
	struct queue *queue = open_at(1, false);
	struct segment *segment = lease(queue, SEGMENT_TRANSFERS);
	assert_int_equal(segment->count, 1);
	assert_int_equal(segment->task[0].id, plan.node[top].id);
	the->publish(queue, 2, true);
	segment = lease(queue, SEGMENT_TRANSFERS);
	assert_int_equal(segment->count, 1);
	assert_int_equal(segment->task[0].id, plan.node[deep].id);
	close_fine(queue);
}

/* ---- what earlier runs and the planner left ---- */

static void planned_slots_are_tasks_and_existing_directories(void **state)
{
	(void)state;
	start();
	size_t file = plan_add(&plan, 0, MANIFEST_FILE);
	size_t directory = plan_add(&plan, 0, MANIFEST_DIRECTORY);
	plan_write(&plan, false);
	struct outcome planned = { .state = OUTCOME_PLANNED };
	planned.id = plan.node[file].id;
	the->put(&planned);
	planned.id = plan.node[directory].id;
	the->put(&planned);
	struct queue *queue = open_whole();
	struct segment *segment = lease(queue, SEGMENT_TRANSFERS);
	assert_int_equal(segment->count, 1);
	assert_true(segment->task[0].existing != 0);
	settle(queue, segment, segment->task[0].id);
	assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
	assert_null(lease(queue, SEGMENT_TRANSFERS));
	segment = lease(queue, SEGMENT_DIRECTORIES);
	assert_int_equal(segment->count, 1);
	assert_int_equal(segment->task[0].id, plan.node[directory].id);
	assert_true(segment->task[0].existing != 0);
	settle(queue, segment, plan.node[directory].id);
	assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
	segment = lease(queue, SEGMENT_DIRECTORIES);
	assert_int_equal(segment->task[0].id, 0);
	assert_int_equal(segment->task[0].existing, 0);
	close_fine(queue);
}

static void put_settled(size_t index, uint8_t to)
{
	struct outcome outcome = { .id = plan.node[index].id, .state = to };
	the->put(&outcome);
}

/* root (done) / a (done) / { file lost, b lost / { c settled, d lost } } */
static void entries_below_a_done_directory_are_transfers(void **state)
{
	(void)state;
	start();
	size_t a = plan_add(&plan, 0, MANIFEST_DIRECTORY);
	size_t file = plan_add(&plan, a, MANIFEST_FILE);
	size_t b = plan_add(&plan, a, MANIFEST_DIRECTORY);
	size_t c = plan_add(&plan, b, MANIFEST_FILE);
	size_t d = plan_add(&plan, b, MANIFEST_DIRECTORY);
	plan_write(&plan, false);
	put_settled(0, OUTCOME_DONE);
	put_settled(a, OUTCOME_DONE);
	put_settled(c, OUTCOME_DONE);
	struct queue *queue = open_whole();
	struct segment *segment = lease(queue, SEGMENT_TRANSFERS);
	assert_int_equal(segment->count, 2);
	assert_int_equal(segment->task[0].id, plan.node[file].id);
	assert_int_equal(segment->task[1].id, plan.node[b].id);
	assert_int_equal(segment->task[1].kind, MANIFEST_DIRECTORY);
	assert_int_equal(segment->task[1].listing.value, plan.node[a].listing);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(segment->task[i].flags, TASK_BELOW_DONE);
		settle(queue, segment, segment->task[i].id);
	}
	assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
	assert_null(lease(queue, SEGMENT_TRANSFERS));
	segment = lease(queue, SEGMENT_DIRECTORIES);
	assert_int_equal(segment->count, 1);
	assert_int_equal(segment->task[0].id, plan.node[d].id);
	assert_int_equal(segment->task[0].flags, 0);
	settle(queue, segment, plan.node[d].id);
	assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
	assert_null(lease(queue, SEGMENT_DIRECTORIES));
	close_fine(queue);
	assert_true(work.known[0] && work.known[a] && work.known[c]);
}

static void entries_below_a_failed_directory_fail(void **state)
{
	(void)state;
	start();
	size_t a = plan_add(&plan, 0, MANIFEST_DIRECTORY);
	size_t file = plan_add(&plan, a, MANIFEST_FILE);
	size_t b = plan_add(&plan, a, MANIFEST_DIRECTORY);
	size_t deep = plan_add(&plan, b, MANIFEST_FILE);
	plan_write(&plan, false);
	put_settled(a, OUTCOME_FAILED);
	contract_work(&work, open_whole(), &calm);
	work_assert_complete(&work, the);
	work_fini(&work);
	size_t unlinked[] = { file, b, deep };
	for (size_t i = 0; i < 3; i++) {
		struct outcome outcome = the->get(plan.node[unlinked[i]].id);
		assert_int_equal(outcome.state, OUTCOME_FAILED);
		assert_int_equal(outcome.reason, REASON_UNLINKED);
	}
	assert_int_equal(the->get(0).state, OUTCOME_DONE);
}

static void verdicts_are_settled_by_the_queue(void **state)
{
	(void)state;
	start();
	for (size_t i = 0; i < 200; i++) {
		size_t node = plan_add(&plan, 0, i % 2 ? MANIFEST_OTHER : MANIFEST_DIRECTORY);
		plan.node[node].verdict = i % 3 ? OUTCOME_SKIPPED : OUTCOME_FAILED;
	}
	plan_write(&plan, false);
	struct queue *queue = open_whole();
	assert_null(lease(queue, SEGMENT_TRANSFERS));
	struct segment *segment = lease(queue, SEGMENT_DIRECTORIES);
	assert_int_equal(segment->count, 1);
	settle(queue, segment, 0);
	assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
	assert_null(lease(queue, SEGMENT_DIRECTORIES));
	assert_int_equal(queue_close(queue, NULL), FAULT_NONE);
	assert_string_equal(work.wrong, "");
	work_assert_complete(&work, the);
	work_fini(&work);
}

/* A planned slot with a reason: the planner could not list the directory, before the queue read its
 * entry or after. */
static void what_could_not_be_listed_is_settled_as_the_planner_says(void **state)
{
	(void)state;
	struct outcome condemned = { .state = OUTCOME_PLANNED,
				     .reason = REASON_PERMISSION,
				     .level = OUTCOME_FAILED };
	start();
	size_t file = plan_add(&plan, 0, MANIFEST_FILE);
	size_t directory[2];
	for (size_t i = 0; i < 2; i++) {
		directory[i] = plan_add(&plan, 0, MANIFEST_DIRECTORY);
		plan.node[directory[i]].unlisted = true;
	}
	plan_write(&plan, true);
	condemned.id = plan.node[directory[0]].id;
	the->put(&condemned);
	struct contract_options options = options_of(1, false);
	options.settled = NULL;
	struct queue *queue = the->open(&options);
	struct segment *segment = lease(queue, SEGMENT_TRANSFERS);
	settle(queue, segment, plan.node[file].id);
	assert_int_equal(queue_release(queue, segment, NULL, 0, NULL), FAULT_NONE);
	condemned.id = plan.node[directory[1]].id;
	the->put(&condemned);
	the->publish(queue, SIZE_MAX, true);
	assert_null(lease(queue, SEGMENT_TRANSFERS));
	segment = lease(queue, SEGMENT_DIRECTORIES);
	assert_int_equal(segment->count, 1);
	assert_int_equal(segment->task[0].id, 0);
	close_fine(queue);
	for (size_t i = 0; i < 2; i++) {
		struct outcome outcome = the->get(plan.node[directory[i]].id);
		assert_int_equal(outcome.state, OUTCOME_FAILED);
		assert_int_equal(outcome.reason, REASON_PERMISSION);
	}
}

int queue_contract_run(const struct contract *contract)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_root_is_the_only_directory),
		cmocka_unit_test(random_plans_are_worked_bottom_up),
		cmocka_unit_test(wide_and_deep_plans_are_worked),
		cmocka_unit_test(what_is_settled_is_never_done_again),
		cmocka_unit_test(a_full_segment_has_a_thousand_tasks),
		cmocka_unit_test(a_stale_lease_changes_nothing),
		cmocka_unit_test(foreign_and_repeated_outcomes_are_refused_whole),
		cmocka_unit_test(chunks_and_plans_are_kept_and_settle_nothing),
		cmocka_unit_test(tasks_given_back_come_again_when_due),
		cmocka_unit_test(stopping_wakes_leases_and_lets_records_through),
		cmocka_unit_test(a_plan_is_worked_while_it_grows),
		cmocka_unit_test(a_segment_closes_where_the_plan_ends_for_now),
		cmocka_unit_test(planned_slots_are_tasks_and_existing_directories),
		cmocka_unit_test(entries_below_a_done_directory_are_transfers),
		cmocka_unit_test(entries_below_a_failed_directory_fail),
		cmocka_unit_test(verdicts_are_settled_by_the_queue),
		cmocka_unit_test(what_could_not_be_listed_is_settled_as_the_planner_says),
	};
	the = contract;
	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown) +
	       queue_contract_leases(contract);
}
