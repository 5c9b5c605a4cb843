#include "calls/patience.h"

#include "queue/core/thread.h"
#include "tests/unit/facts.h"

static struct store_reply unhappy(void)
{
	return (struct store_reply){
		.fault = FAULT_RETRY,
		.trouble = STORE_TROUBLE_UNHAPPY,
		.err = { .fault = FAULT_RETRY, .http_status = 500 },
	};
}

static void note(void *context, const char *text)
{
	assert_non_null(strstr(text, "30 minutes"));
	(*(int *)context)++;
}

static void there_is_none_before_something_was_cut_off(void **state)
{
	(void)state;
	struct patience patience = { 0 };
	struct store_reply reply = unhappy();
	uint32_t delay_ms;
	assert_false(patience_asks(&patience, &reply, &delay_ms));
	assert_false(patience_asks(NULL, &reply, &delay_ms));
}

static void an_unhappy_upload_is_tried_again_and_told_once(void **state)
{
	(void)state;
	int told = 0;
	struct patience patience = { .tell = note, .context = &told };
	struct store_reply reply = unhappy();
	uint32_t delay_ms = 0;
	patience_begin(&patience);
	for (int i = 0; i < 3; i++) {
		assert_true(patience_asks(&patience, &reply, &delay_ms));
		assert_in_range(delay_ms, PATIENCE_DELAY_MIN_MS, PATIENCE_DELAY_MAX_MS);
	}
	assert_int_equal(told, 1);
}

static void other_troubles_are_not_its_business(void **state)
{
	(void)state;
	struct patience patience = { 0 };
	struct store_reply reply = unhappy();
	uint32_t delay_ms;
	patience_begin(&patience);
	reply.trouble = STORE_TROUBLE_OTHER;
	assert_false(patience_asks(&patience, &reply, &delay_ms));
	reply = (struct store_reply){ .fault = FAULT_NONE };
	assert_false(patience_asks(&patience, &reply, &delay_ms));
}

static void a_lost_reply_begins_it(void **state)
{
	(void)state;
	struct patience patience = { 0 };
	struct store_reply lost = { .fault = FAULT_RETRY, .err = { .fault = FAULT_RETRY } };
	struct store_reply reply = unhappy();
	uint32_t delay_ms;
	assert_false(patience_asks(&patience, &lost, &delay_ms));
	assert_true(patience_asks(&patience, &reply, &delay_ms));
}

static void a_proxy_that_lost_the_reply_begins_it(void **state)
{
	(void)state;
	static const int status[] = { 403, 503, 502, 504 };
	for (size_t i = 0; i < 4; i++) {
		struct patience patience = { 0 };
		const struct store_reply strange = {
			.fault = FAULT_UNAVAILABLE,
			.trouble = STORE_TROUBLE_STRANGER,
			.err = { .fault = FAULT_UNAVAILABLE, .http_status = status[i] },
		};
		struct store_reply reply = unhappy();
		uint32_t delay_ms;
		assert_false(patience_asks(&patience, &strange, &delay_ms));
		assert_int_equal(patience_asks(&patience, &reply, &delay_ms), i >= 2);
	}
}

static void the_delay_grows_and_the_patience_ends(void **state)
{
	(void)state;
	struct patience patience = { 0 };
	struct store_reply reply = unhappy();
	uint32_t delay_ms;
	/* clock_ms may be less than half an hour after the machine's start: wrapping is right. */
	atomic_store(&patience.since_ms, clock_ms() - 40000);
	assert_true(patience_asks(&patience, &reply, &delay_ms));
	assert_in_range(delay_ms, 10000, 11000);
	atomic_store(&patience.since_ms, clock_ms() - PATIENCE_MS / 2);
	assert_true(patience_asks(&patience, &reply, &delay_ms));
	assert_int_equal(delay_ms, PATIENCE_DELAY_MAX_MS);
	atomic_store(&patience.since_ms, clock_ms() - PATIENCE_MS);
	assert_false(patience_asks(&patience, &reply, &delay_ms));
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(there_is_none_before_something_was_cut_off),
		cmocka_unit_test(an_unhappy_upload_is_tried_again_and_told_once),
		cmocka_unit_test(other_troubles_are_not_its_business),
		cmocka_unit_test(a_lost_reply_begins_it),
		cmocka_unit_test(a_proxy_that_lost_the_reply_begins_it),
		cmocka_unit_test(the_delay_grows_and_the_patience_ends),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
