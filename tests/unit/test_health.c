#include "store/health.h"

#include "queue/core/thread.h"
#include "tests/unit/facts.h"
#include "tests/unit/moved_clock.h"

struct heard {
	unsigned trouble, well;
};

static void hear(void *context, const struct err *why)
{
	struct heard *heard = context;
	*(why ? &heard->trouble : &heard->well) += 1;
}

static struct health *new_health(struct heard *heard, uint64_t grid_ms)
{
	*heard = (struct heard){ 0 };
	const struct health_options options = {
		.grid_ms = grid_ms, .gateway_ms = grid_ms, .tell = hear, .context = heard
	};
	struct health *health = health_new(&options);
	assert_non_null(health);
	return health;
}

static struct err fails(struct health *health, const struct health_call *call)
{
	struct err err = { .fault = FAULT_RETRY, .remote = true, .text = "scripted" };
	health_trouble(health, call, false, &err);
	return err;
}

static struct health_call begin(struct health *health)
{
	return health_begin(health, 0, HEALTH_STORING);
}

static struct err fail_one(struct health *health)
{
	struct health_call call = begin(health);
	return fails(health, &call);
}

static void do_one(struct health *health)
{
	struct health_call call = begin(health);
	health_well(health, &call);
}

static void the_first_trouble_counts_and_the_rest_waits(void **state)
{
	(void)state;
	struct heard heard;
	struct health *health = new_health(&heard, 60000);
	assert_int_equal(fail_one(health).excuse, EXCUSE_NONE);
	assert_int_equal(heard.trouble, 0);
	uint32_t before = 0;
	for (int i = 0; i < 10; i++) {
		struct err err = fail_one(health);
		assert_int_equal(err.excuse, EXCUSE_WAITING);
		assert_int_equal(err.fault, FAULT_RETRY);
		assert_in_range(err.retry_after_ms, before, 5000);
		before = err.retry_after_ms;
	}
	assert_int_equal(before, 5000);
	assert_int_equal(heard.trouble, 1);
	do_one(health);
	assert_int_equal(heard.well, 1);
	assert_int_equal(fail_one(health).excuse, EXCUSE_NONE);
	health_free(health);
}

/* Others succeed between its tries: each of them counts. */
static void one_that_fails_alone_has_its_tries(void **state)
{
	(void)state;
	struct heard heard;
	struct health *health = new_health(&heard, 60000);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(fail_one(health).excuse, EXCUSE_NONE);
		do_one(health);
	}
	assert_int_equal(heard.trouble, 0);
	health_free(health);
}

static void what_was_on_its_way_clears_nothing(void **state)
{
	(void)state;
	struct heard heard;
	struct health *health = new_health(&heard, 60000);
	struct health_call early = begin(health), other = begin(health);
	assert_int_equal(fail_one(health).excuse, EXCUSE_NONE);
	health_well(health, &early);
	assert_int_equal(fail_one(health).excuse, EXCUSE_WAITING);
	/* It began when all was well, so it counts. */
	assert_int_equal(fails(health, &other).excuse, EXCUSE_NONE);
	health_free(health);
}

static void kinds_and_gateways_are_apart(void **state)
{
	(void)state;
	struct heard heard;
	struct health *health = new_health(&heard, 60000);
	fail_one(health);
	struct health_call reading = health_begin(health, 0, HEALTH_READING);
	struct health_call listing = health_begin(health, 0, HEALTH_LISTING);
	struct health_call elsewhere = health_begin(health, 3, HEALTH_STORING);
	assert_int_equal(fails(health, &reading).excuse, EXCUSE_NONE);
	assert_int_equal(fails(health, &listing).excuse, EXCUSE_NONE);
	assert_int_equal(fails(health, &elsewhere).excuse, EXCUSE_NONE);
	reading = health_begin(health, 0, HEALTH_READING);
	health_well(health, &reading);
	assert_int_equal(fail_one(health).excuse, EXCUSE_WAITING);
	struct health_call nothing = health_begin(health, 0, HEALTH_NOTHING);
	assert_int_equal(fails(health, &nothing).excuse, EXCUSE_NONE);
	health_free(health);
}

static void the_wait_ends(void **state)
{
	(void)state;
	struct heard heard;
	struct health *health = new_health(&heard, 30);
	fail_one(health);
	struct err err = fail_one(health);
	assert_int_equal(err.excuse, EXCUSE_WAITING);
	assert_in_range(err.retry_after_ms, 0, 30); /* not behind the end */
	/* Another gateway at which it goes well keeps the job alive. */
	clock_move(40);
	struct health_call elsewhere = health_begin(health, 1, HEALTH_STORING);
	health_well(health, &elsewhere);
	assert_int_equal(fail_one(health).excuse, EXCUSE_WAITING);
	clock_move(40);
	err = fail_one(health);
	assert_int_equal(err.excuse, EXCUSE_OVER);
	assert_int_equal(err.fault, FAULT_UNAVAILABLE);
	assert_non_null(strstr(err.text, "scripted"));
	health_free(health);
}

static bool alone(void *context) { return *(bool *)context; }

/* Has trouble last longer than it is waited for. */
static struct err fail_for_long(struct health *health)
{
	fail_one(health);
	fail_one(health);
	clock_move(40);
	return fail_one(health);
}

static void what_is_left_alone_is_asked_about(void **state)
{
	(void)state;
	struct heard heard;
	bool is_alone = false;
	struct health *health = new_health(&heard, 30);
	const struct health_call sample = { .work = HEALTH_STORING };
	health_watch_rest(health, alone, &is_alone);
	assert_int_equal(fail_for_long(health).excuse, EXCUSE_OVER); /* others are left */
	assert_false(health_asks(health, &sample));
	do_one(health);
	is_alone = true;
	struct err first = fail_one(health);
	struct err err = fail_for_long(health);
	assert_int_equal(err.excuse, EXCUSE_WAITING);
	assert_true(health_asks(health, &sample));
	assert_false(health_asks(health, &sample)); /* once */
	assert_int_equal(fail_one(health).excuse, EXCUSE_WAITING);
	do_one(health); /* the sample */
	err = fail_one(health);
	assert_true(err.well > first.trouble && err.excuse == EXCUSE_NONE);
	assert_int_equal(fail_for_long(health).excuse, EXCUSE_WAITING);
	assert_true(health_asks(health, &sample));
	health_refused(health, &sample);
	assert_int_equal(fail_one(health).excuse, EXCUSE_OVER);
	assert_false(health_asks(health, &sample));
	health_free(health);
}

static void little_is_begun_while_there_is_trouble(void **state)
{
	(void)state;
	struct heard heard;
	uint32_t wait_ms = 0;
	struct health *health = new_health(&heard, 60000);
	assert_true(health_admits(health, 0, HEALTH_STORING, &wait_ms));
	assert_true(health_admits(NULL, 0, HEALTH_STORING, &wait_ms));
	fail_one(health);
	assert_false(health_admits(health, 0, HEALTH_STORING | HEALTH_READING, &wait_ms));
	assert_in_range(wait_ms, 1, 250);
	assert_true(health_admits(health, 0, HEALTH_READING, &wait_ms));
	assert_true(health_admits(health, 1, HEALTH_STORING, &wait_ms));
	clock_move(260);
	assert_true(health_admits(health, 0, HEALTH_STORING, &wait_ms));
	assert_false(health_admits(health, 0, HEALTH_STORING, &wait_ms)); /* one at a time */
	do_one(health);
	assert_true(health_admits(health, 0, HEALTH_STORING, &wait_ms));
	assert_true(health_admits(health, 0, HEALTH_STORING, &wait_ms));
	health_free(health);
}

static void the_other_side_may_ask_for_more_time(void **state)
{
	(void)state;
	struct heard heard;
	struct health *health = new_health(&heard, 60000);
	struct health_call call = begin(health);
	struct err err = { .fault = FAULT_UNAVAILABLE, .retry_after_ms = 20000 };
	health_trouble(health, &call, true, &err);
	call = begin(health);
	health_trouble(health, &call, true, &err);
	assert_int_equal(err.excuse, EXCUSE_WAITING);
	assert_int_equal(err.retry_after_ms, 20000);
	assert_int_equal(heard.trouble, 0); /* who waits for a gateway tells it */
	health_free(health);
}

static void tells_what_went_well_since(void **state)
{
	(void)state;
	struct heard heard;
	struct health *health = new_health(&heard, 60000);
	struct err first = fail_one(health);
	do_one(health);
	fail_one(health);
	struct err err = fail_one(health);
	assert_int_equal(err.excuse, EXCUSE_WAITING);
	assert_true(err.well > first.trouble && err.trouble > err.well);
	health_free(health);
}

static void keeps_what_could_be_read(void **state)
{
	(void)state;
	struct heard heard;
	struct health *health = new_health(&heard, 60000);
	struct health_canary kept = { .offset = 7 }, found;
	static const char text[] = "URI:CHK:c2y4chzhpui5fvy5fq5o7v2nv4:"
				   "tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega:1:1:56";
	assert_int_equal(cap_parse(text, sizeof text - 1, &kept.cap, NULL), FAULT_NONE);
	assert_false(health_canary(health, false, &found));
	health_keep_canary(health, &kept);
	assert_true(health_canary(health, false, &found));
	assert_true(cap_equal(&kept.cap, &found.cap));
	assert_int_equal(found.offset, 7);
	assert_false(health_canary(health, true, &found));
	health_free(health);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(the_first_trouble_counts_and_the_rest_waits),
		cmocka_unit_test(one_that_fails_alone_has_its_tries),
		cmocka_unit_test(what_was_on_its_way_clears_nothing),
		cmocka_unit_test(kinds_and_gateways_are_apart),
		cmocka_unit_test(the_wait_ends),
		cmocka_unit_test(what_is_left_alone_is_asked_about),
		cmocka_unit_test(little_is_begun_while_there_is_trouble),
		cmocka_unit_test(tells_what_went_well_since),
		cmocka_unit_test(keeps_what_could_be_read),
		cmocka_unit_test(the_other_side_may_ask_for_more_time),
	};
	clock_stop();
	return cmocka_run_group_tests(facts, NULL, NULL);
}
