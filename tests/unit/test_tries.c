#include "calls/tries.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/moved_clock.h"

struct watch {
	struct fake fake;
	struct store_wait wait;
	struct away *away;
	struct tries tries;
	unsigned aways, backs, again;
	unsigned stop_after; /* questions; 0: never */
	unsigned questions;
};

static bool stop(void *context)
{
	struct watch *watch = context;
	return watch->stop_after && ++watch->questions >= watch->stop_after;
}

static void hear_away(void *context, const char *gateway, const struct err *why)
{
	struct watch *watch = context;
	assert_non_null(gateway);
	*(why ? &watch->aways : &watch->backs) += 1;
}

static void hear_again(void *context, const struct err *err)
{
	struct watch *watch = context;
	assert_string_equal(err->text, "scripted");
	watch->again++;
}

static bool again_after(struct watch *watch, struct err err, struct err *out)
{
	*out = err;
	out->retry_after_ms = 1;
	snprintf(out->text, sizeof out->text, "scripted");
	return tries_again(&watch->tries, out);
}

static bool again(struct watch *watch, enum fault fault, struct err *err)
{
	return again_after(watch, (struct err){ .fault = fault, .remote = true }, err);
}

static struct tries tries_of(struct watch *watch)
{
	return (struct tries){
		.wait = &watch->wait,
		.away = watch->away,
		.again = hear_again,
		.context = watch,
	};
}

static void watch_open(struct watch *watch, uint64_t wait_ms)
{
	*watch = (struct watch){ .aways = 0 };
	const struct away_options away = { .wait_ms = wait_ms,
					   .tell = hear_away,
					   .context = watch };
	watch->wait = (struct store_wait){ .store = fake_open(&watch->fake),
					   .stop = stop,
					   .context = watch };
	watch->away = away_new(&away);
	watch->tries = tries_of(watch);
}

static void watch_close(struct watch *watch)
{
	away_free(watch->away);
	store_close(watch->wait.store);
}

static void what_may_go_well_is_tried_five_times(void **state)
{
	(void)state;
	struct watch watch;
	struct err err;
	watch_open(&watch, 0);
	for (int i = 1; i < 5; i++)
		assert_true(again(&watch, i % 2 ? FAULT_RETRY : FAULT_CORRUPT, &err));
	assert_int_equal(watch.again, 4);
	assert_false(again(&watch, FAULT_CORRUPT, &err));
	assert_int_equal(err.fault, FAULT_RETRY); /* a reply, not our state */
	watch.tries = tries_of(&watch);
	assert_false(again(&watch, FAULT_EXISTS, &err));
	assert_int_equal(err.fault, FAULT_EXISTS);
	assert_int_equal(watch.again, 4);
	watch_close(&watch);
}

static void state_of_ours_that_is_damaged_is_not_tried_again(void **state)
{
	(void)state;
	struct watch watch;
	struct err err;
	watch_open(&watch, 0);
	assert_false(again_after(&watch, (struct err){ .fault = FAULT_CORRUPT }, &err));
	assert_int_equal(err.fault, FAULT_CORRUPT);
	watch_close(&watch);
}

static void an_answer_in_a_gateways_place_is_tried_and_is_no_reason_to_wait(void **state)
{
	(void)state;
	const struct err answer = { .fault = FAULT_UNAVAILABLE,
				    .remote = true,
				    .http_status = 502 };
	struct watch watch;
	struct err err;
	watch_open(&watch, 60000);
	for (int i = 1; i < 5; i++)
		assert_true(again_after(&watch, answer, &err));
	assert_false(again_after(&watch, answer, &err));
	assert_int_equal(err.fault, FAULT_RETRY);
	assert_int_equal(watch.aways, 0);
	watch_close(&watch);
}

static void a_gateway_that_is_away_has_its_time_and_costs_no_try(void **state)
{
	(void)state;
	struct watch watch;
	struct err err;
	watch_open(&watch, 0);
	assert_false(again(&watch, FAULT_UNAVAILABLE, &err));
	assert_int_equal(err.fault, FAULT_UNAVAILABLE);
	watch_close(&watch);
	watch_open(&watch, 60000);
	assert_true(again(&watch, FAULT_UNAVAILABLE, &err));
	assert_true(again(&watch, FAULT_UNAVAILABLE, &err));
	assert_int_equal(watch.tries.state.attempts, 0);
	assert_true(again(&watch, FAULT_RETRY, &err));
	assert_int_equal(watch.aways, 1);
	assert_int_equal(watch.backs, 1);
	assert_true(again(&watch, FAULT_UNAVAILABLE, &err));
	assert_int_equal(watch.aways, 2);
	watch_close(&watch);
}

static void a_call_that_found_nothing_wrong_says_nothing_of_what_others_found(void **state)
{
	(void)state;
	struct watch watch;
	struct err err;
	watch_open(&watch, 60000);
	struct tries other = tries_of(&watch);
	assert_true(again(&watch, FAULT_UNAVAILABLE, &err));
	tries_over(&other);
	assert_int_equal(watch.backs, 0);
	tries_over(&watch.tries);
	assert_int_equal(watch.backs, 1);
	watch_close(&watch);
}

/* The last one: the clock stands still from here on, so no sleep ends by itself. */
static void a_sleep_ends_when_asked_to_stop(void **state)
{
	(void)state;
	struct watch watch;
	struct err err;
	clock_stop();
	watch_open(&watch, 60000);
	watch.stop_after = 2;
	assert_false(again(&watch, FAULT_UNAVAILABLE, &err));
	assert_int_equal(err.fault, FAULT_CANCELLED);
	assert_int_equal(tries_pause(&watch.tries, 0, &err), FAULT_NONE);
	assert_false(again(&watch, FAULT_CANCELLED, &err));
	assert_int_equal(watch.backs, 0); /* nobody has answered */
	watch_close(&watch);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(what_may_go_well_is_tried_five_times),
		cmocka_unit_test(state_of_ours_that_is_damaged_is_not_tried_again),
		cmocka_unit_test(an_answer_in_a_gateways_place_is_tried_and_is_no_reason_to_wait),
		cmocka_unit_test(a_gateway_that_is_away_has_its_time_and_costs_no_try),
		cmocka_unit_test(a_call_that_found_nothing_wrong_says_nothing_of_what_others_found),
		cmocka_unit_test(a_sleep_ends_when_asked_to_stop),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
