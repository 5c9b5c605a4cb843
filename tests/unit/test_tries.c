#include "calls/tries.h"

#include "tests/unit/facts.h"

struct watch {
	unsigned away, back, again;
	unsigned stop_after; /* questions; 0: never */
	unsigned questions;
};

static bool stop(void *context)
{
	struct watch *watch = context;
	return watch->stop_after && ++watch->questions >= watch->stop_after;
}

static void hear_away(void *context, const struct err *why)
{
	struct watch *watch = context;
	*(why ? &watch->away : &watch->back) += 1;
}

static void hear_again(void *context, const struct err *err)
{
	struct watch *watch = context;
	assert_string_equal(err->text, "scripted");
	watch->again++;
}

static bool again(struct tries *tries, enum fault fault, struct err *err)
{
	*err = (struct err){ .retry_after_ms = 1 };
	err->fault = fault;
	snprintf(err->text, sizeof err->text, "scripted");
	return tries_again(tries, err);
}

static struct tries tries_of(struct store_wait *wait, struct watch *watch)
{
	*watch = (struct watch){ .away = 0 };
	*wait = (struct store_wait){ .stop = stop, .context = watch };
	return (struct tries){
		.wait = wait,
		.away = hear_away,
		.again = hear_again,
		.context = watch,
	};
}

static void what_may_go_well_is_tried_five_times(void **state)
{
	(void)state;
	struct store_wait wait;
	struct watch watch;
	struct err err;
	struct tries tries = tries_of(&wait, &watch);
	for (int i = 1; i < 5; i++)
		assert_true(again(&tries, i % 2 ? FAULT_RETRY : FAULT_CORRUPT, &err));
	assert_int_equal(watch.again, 4);
	assert_false(again(&tries, FAULT_CORRUPT, &err));
	assert_int_equal(err.fault, FAULT_RETRY); /* a reply, not our state */
	tries = tries_of(&wait, &watch);
	assert_false(again(&tries, FAULT_EXISTS, &err));
	assert_int_equal(err.fault, FAULT_EXISTS);
	assert_int_equal(watch.again, 0);
}

static void a_gateway_that_is_away_has_its_time_and_costs_no_try(void **state)
{
	(void)state;
	struct store_wait wait;
	struct watch watch;
	struct err err;
	struct tries tries = tries_of(&wait, &watch);
	assert_false(again(&tries, FAULT_UNAVAILABLE, &err));
	assert_int_equal(watch.away, 0); /* nobody waits, so nobody is told */
	tries = tries_of(&wait, &watch);
	tries.away_ms = 60000;
	assert_true(again(&tries, FAULT_UNAVAILABLE, &err));
	assert_true(again(&tries, FAULT_UNAVAILABLE, &err));
	assert_int_equal(tries.state.attempts, 0);
	assert_true(again(&tries, FAULT_RETRY, &err));
	assert_int_equal(watch.away, 1);
	assert_int_equal(watch.back, 1);
	assert_true(again(&tries, FAULT_UNAVAILABLE, &err));
	assert_int_equal(watch.away, 2);
}

static void a_sleep_ends_when_asked_to_stop(void **state)
{
	(void)state;
	struct store_wait wait;
	struct watch watch;
	struct err err;
	struct tries tries = tries_of(&wait, &watch);
	tries.away_ms = 60000;
	watch.stop_after = 2;
	assert_false(again(&tries, FAULT_UNAVAILABLE, &err));
	assert_int_equal(err.fault, FAULT_CANCELLED);
	assert_int_equal(tries_pause(&tries, 0, &err), FAULT_NONE);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(what_may_go_well_is_tried_five_times),
		cmocka_unit_test(a_gateway_that_is_away_has_its_time_and_costs_no_try),
		cmocka_unit_test(a_sleep_ends_when_asked_to_stop),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
