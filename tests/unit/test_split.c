#include "queue/split.h"

#include "queue/core/thread.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_queue.h"

enum { PART = 100, SIZE = 250, ID = 10 };

static struct fake_queue fake;
static struct split *whole;
static struct outcome noted[8];
static size_t noted_count;

static void take_whole(void *context, struct split *split)
{
	(void)context;
	whole = split;
}

static const struct task planned = {
	.id = ID, .kind = MANIFEST_FILE, .bytes = SIZE, .chunk_size = PART
};

/* Keeps what is written of chunks. */
static enum fault note(struct outcomes *outcomes, const struct outcome *outcome, size_t count,
		       struct err *err)
{
	(void)outcomes;
	(void)err;
	for (size_t i = 0; i < count; i++)
		noted[noted_count++] = outcome[i];
	return FAULT_NONE;
}

static struct split *divide(void)
{
	size_t count;
	struct split_options options = {
		.work = fake_works(&fake, SEGMENT_TRANSFERS, &count),
		.size = SIZE,
		.part_size = PART,
		.whole = take_whole,
	};
	memset(options.meta, 7, sizeof options.meta);
	struct split *split = split_new(&options);
	assert_non_null(split);
	assert_int_equal(split_count(split), 3);
	return split;
}

static struct outcome done(uint64_t length)
{
	struct outcome outcome = {
		.state = OUTCOME_DONE, .level = 7, .cap_kind = 3, .cap_size = 5, .length = length
	};
	memset(outcome.meta, 7, sizeof outcome.meta);
	return outcome;
}

static void part_done(struct split *split, uint64_t number)
{
	struct work *part = split_part(split, number);
	struct outcome outcome = done(split_range_of(part).size);
	work_settle(part, &outcome, NULL);
}

static struct fake_task *task(void) { return fake_find(&fake, ID); }

static int begin(void **state)
{
	static const struct outcomes_backend type = { .write = note };
	static struct outcomes chunks = { &type };
	(void)state;
	whole = NULL;
	noted_count = 0;
	fake_queue_init(&fake);
	fake.chunks = &chunks;
	fake_add(&fake, &planned, SEGMENT_TRANSFERS);
	return 0;
}

static int end(void **state)
{
	(void)state;
	fake_queue_fini(&fake);
	return 0;
}

static void a_task_is_whole_with_its_last_part(void **state)
{
	(void)state;
	struct split *split = divide();
	struct work *part = split_part(split, 2);
	const struct split_range range = split_range_of(part);
	assert_int_equal(part->task->id, ID + 3);
	assert_int_equal(range.offset, 200);
	assert_int_equal(range.size, 50);
	part_done(split, 0);
	part_done(split, 1);
	split_close(split);
	assert_null(whole);
	struct outcome outcome = done(50);
	outcome.level = 3;
	work_settle(part, &outcome, NULL);
	assert_ptr_equal(whole, split);
	assert_int_equal(split_level(split), 3);
	assert_int_equal(split_cap_of(split, 2)->kind, 3);
	struct work *work = split_about(split)->work;
	outcome = done(SIZE);
	work_settle(work, &outcome, NULL);
	split_free(split);
	assert_int_equal(task()->outcome.length, SIZE);
	assert_int_equal(noted_count, 3);
	assert_int_equal(noted[2].id, ID + 3);
}

static void what_was_proven_of_this_file_is_believed(void **state)
{
	(void)state;
	struct split *split = divide();
	struct outcome slot = done(PART), other = done(PART), shorter = done(49);
	other.meta[0] = 8;
	split_believe(split, 0, &other);
	assert_true(split_lacks(split, 0));
	split_believe(split, 0, &slot);
	assert_false(split_lacks(split, 0));
	slot.state = OUTCOME_PLANNED;
	split_believe(split, 1, &slot);
	assert_true(split_lacks(split, 1));
	split_believe(split, 2, &shorter);
	assert_true(split_lacks(split, 2));
	part_done(split, 1);
	part_done(split, 2);
	split_close(split);
	assert_non_null(whole);
	work_again(split_about(split)->work, 0, 0);
	split_free(split);
}

static void a_part_given_back_gives_the_task_back(void **state)
{
	(void)state;
	struct split *split = divide();
	struct work *one = split_part(split, 0), *other = split_part(split, 1);
	work_again(one, 700, 2);
	assert_false(split_goes_on(split));
	split_close(split);
	assert_true(task()->leased);
	work_again(other, 300, 1);
	assert_false(task()->leased);
	assert_int_equal(task()->delay_ms / 100, 7);
	assert_int_equal(task()->task.attempts, 2);
}

/* Whether others had none since then is asked of the first. */
static void the_first_trouble_of_the_parts_is_that_of_the_task(void **state)
{
	(void)state;
	static const uint64_t trouble[] = { 0, 5, 9 };
	struct split *split = divide();
	for (uint64_t i = 0; i < ARRAY_COUNT(trouble); i++) {
		const struct retry_state tries = { .attempts = 1, .trouble = trouble[i] };
		work_return(split_part(split, i), &tries, 0);
	}
	split_close(split);
	assert_int_equal(task()->trouble, 5);
}

static void a_try_that_has_proven_something_does_not_count(void **state)
{
	(void)state;
	struct split *split = divide();
	struct work *one = split_part(split, 0);
	part_done(split, 1);
	work_again(one, 0, 1);
	split_close(split);
	assert_int_equal(task()->task.attempts, 0);
	assert_null(whole);
}

static void a_part_that_fails_fails_the_task(void **state)
{
	(void)state;
	struct split *split = divide();
	struct work *one = split_part(split, 0);
	struct err err;
	err_set(&err, FAULT_IO, "bad block");
	work_fail(split_part(split, 1), REASON_IO, 1, &err);
	assert_false(split_goes_on(split));
	work_again(one, 0, 0);
	assert_true(task()->leased);
	split_close(split);
	assert_int_equal(task()->outcome.state, OUTCOME_FAILED);
	assert_int_equal(task()->outcome.reason, REASON_IO);
	assert_string_equal(task()->reason.text, "bad block");
}

static void a_file_that_changes_is_begun_anew_three_times(void **state)
{
	(void)state;
	for (unsigned i = 0; i < RETRY_CHANGED_ATTEMPTS; i++) {
		assert_false(task()->settled);
		struct split *split = divide();
		work_fail(split_part(split, 0), REASON_CHANGED, 1, NULL);
		split_close(split);
	}
	assert_int_equal(task()->outcome.state, OUTCOME_FAILED);
	assert_int_equal(task()->outcome.reason, REASON_CHANGED);
}

static void parts_grow_where_a_file_has_grown(void **state)
{
	(void)state;
	assert_int_equal(split_part_size(&planned, SIZE), PART);
	assert_int_equal(split_part_size(&planned, 120), PART);
	assert_int_equal(split_part_size(&planned, 300), PART);
	assert_int_equal(split_part_size(&planned, 301), 101);
	assert_int_equal(split_part_size(&planned, UINT64_MAX), UINT64_MAX / 3);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test_setup_teardown(a_task_is_whole_with_its_last_part, begin, end),
		cmocka_unit_test_setup_teardown(what_was_proven_of_this_file_is_believed, begin,
						end),
		cmocka_unit_test_setup_teardown(a_part_given_back_gives_the_task_back, begin, end),
		cmocka_unit_test_setup_teardown(the_first_trouble_of_the_parts_is_that_of_the_task,
						begin, end),
		cmocka_unit_test_setup_teardown(a_try_that_has_proven_something_does_not_count,
						begin, end),
		cmocka_unit_test_setup_teardown(a_part_that_fails_fails_the_task, begin, end),
		cmocka_unit_test_setup_teardown(a_file_that_changes_is_begun_anew_three_times,
						begin, end),
		cmocka_unit_test(parts_grow_where_a_file_has_grown),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
