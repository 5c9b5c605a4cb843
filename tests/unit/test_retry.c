#include "queue/core/retry.h"

#include "tests/unit/facts.h"

static bool again(enum fault fault, unsigned attempts, uint32_t *delay_ms)
{
	static uint64_t random = 7;
	struct err err = { .fault = fault };
	return retry_again(&retry_default, &err, attempts, &random, delay_ms);
}

static void only_passing_faults_are_tried_again(void **state)
{
	(void)state;
	for (int fault = FAULT_NONE; fault <= FAULT_IO; fault++) {
		uint32_t delay_ms;
		bool passing = fault == FAULT_RETRY || fault == FAULT_UNAVAILABLE ||
			       fault == FAULT_NOMEM || fault == FAULT_CHANGED;
		assert_int_equal(again((enum fault)fault, 1, &delay_ms), passing);
	}
}

static void tries_are_counted(void **state)
{
	(void)state;
	uint32_t delay_ms;
	assert_true(again(FAULT_RETRY, RETRY_ATTEMPTS - 1, &delay_ms));
	assert_false(again(FAULT_RETRY, RETRY_ATTEMPTS, &delay_ms));
	assert_true(again(FAULT_CHANGED, RETRY_CHANGED_ATTEMPTS - 1, &delay_ms));
	assert_false(again(FAULT_CHANGED, RETRY_CHANGED_ATTEMPTS, &delay_ms));
	struct retry_policy strict = { .attempts = 2, .base_ms = 1, .ceiling_ms = 1 };
	struct err err = { .fault = FAULT_CHANGED };
	uint64_t random = 0;
	assert_true(retry_again(&strict, &err, 1, &random, &delay_ms));
	assert_false(retry_again(&strict, &err, 2, &random, &delay_ms));
}

static void delays_double_up_to_the_ceiling_and_fill_their_range(void **state)
{
	(void)state;
	struct retry_policy policy = { .attempts = 100, .base_ms = 200, .ceiling_ms = 30000 };
	struct err err = { .fault = FAULT_RETRY };
	uint64_t random = 42;
	uint64_t limit = 200;
	for (unsigned attempts = 1; attempts < 70; attempts++) {
		uint64_t sum = 0;
		uint32_t highest = 0;
		for (int i = 0; i < 1000; i++) {
			uint32_t delay_ms;
			assert_true(retry_again(&policy, &err, attempts, &random, &delay_ms));
			assert_true(delay_ms <= limit);
			highest = delay_ms > highest ? delay_ms : highest;
			sum += delay_ms;
		}
		assert_true(highest >= limit * 95 / 100);
		assert_in_range(sum / 1000, limit * 45 / 100, limit * 55 / 100);
		limit = min_u64(limit * 2, 30000);
	}
}

static void retry_after_wins_up_to_a_limit(void **state)
{
	(void)state;
	uint64_t random = 1;
	uint32_t delay_ms;
	struct err err = { .fault = FAULT_UNAVAILABLE, .retry_after_ms = 77777 };
	assert_true(retry_again(&retry_default, &err, 1, &random, &delay_ms));
	assert_int_equal(delay_ms, 77777);
	err.retry_after_ms = UINT32_MAX;
	assert_true(retry_again(&retry_default, &err, 4, &random, &delay_ms));
	assert_int_equal(delay_ms, RETRY_AFTER_MAX_MS);
	assert_false(retry_again(&retry_default, &err, RETRY_ATTEMPTS, &random, &delay_ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_passing_faults_are_tried_again),
		cmocka_unit_test(tries_are_counted),
		cmocka_unit_test(delays_double_up_to_the_ceiling_and_fill_their_range),
		cmocka_unit_test(retry_after_wins_up_to_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
