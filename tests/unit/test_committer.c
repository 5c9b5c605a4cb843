#include "commit/committer.h"

#include "queue/core/retry.h"
#include "tests/unit/facts.h"
#include "tests/unit/office.h"
#include "tests/unit/scratch.h"

/* ---- mutable directories ---- */

static void a_mutable_directory_is_made_once_and_listed(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, DIRECTORY_ID, false, true);
	const struct outcome *outcome = office_run(&office);
	office_done_with(outcome, &office.made[0]);
	assert_int_equal(outcome->level, VERIFY_READ);
	assert_int_equal(outcome->attempts, 1);
	assert_int_equal(office.made_count, 1);
	assert_int_equal(office.last_children, OFFICE_ITEMS);
	assert_non_null(strstr(office.last_body, "\"rw_uri\": \"" OFFICE_SUB "\""));
	assert_null(intents_find(office.intents, DIRECTORY_ID));
	assert_int_equal(committer_unreferenced(office.committer), 0);
	office_close(&office);
}

static void a_lost_reply_makes_no_second_directory(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, DIRECTORY_ID, false, true);
	office.lost_replies = 1;
	const struct outcome *outcome = office_run(&office);
	office_done_with(outcome, &office.made[0]);
	assert_int_equal(outcome->attempts, 2);
	assert_int_equal(office.made_count, 1);
	assert_int_equal(office_started(&office, FAKE_MAKE_DIRECTORY), 2);
	office_close(&office);
}

static void a_run_after_a_kill_uses_the_key_of_the_run_before(void **state)
{
	(void)state;
	struct office office;
	struct mutable_key key;
	struct err err;
	office_open(&office, DIRECTORY_ID, false, true);
	assert_int_equal(mutable_key_generate(&key, &err), 0);
	assert_int_equal(intents_add(office.intents, DIRECTORY_ID, &key, &err), 0);
	office.made[office.made_count++] = key.cap; /* killed behind the request */
	office_done_with(office_run(&office), &key.cap);
	assert_int_equal(office.made_count, 1);
	office_close(&office);
}

static void a_key_that_made_something_else_is_spent(void **state)
{
	(void)state;
	struct office office;
	struct mutable_key key;
	struct err err;
	office_open(&office, DIRECTORY_ID, false, true);
	assert_int_equal(mutable_key_generate(&key, &err), 0);
	assert_int_equal(intents_add(office.intents, DIRECTORY_ID, &key, &err), 0);
	office.made[office.made_count++] = key.cap;
	office.listing[0] = LIST_OTHER; /* with fewer children, say */
	office_done_with(office_run(&office),
			 &office.made[1]); /* the second try takes another key */
	assert_int_equal(committer_unreferenced(office.committer), 1);
	assert_int_equal(office.queue.task[0].outcome.attempts, 2);
	assert_false(cap_equal(&office.made[0], &office.made[1]));
	office_close(&office);
}

static void a_key_whose_directory_stays_unreadable_is_given_up(void **state)
{
	(void)state;
	struct office office;
	struct mutable_key key;
	struct err err;
	office_open(&office, DIRECTORY_ID, false, true);
	assert_int_equal(mutable_key_generate(&key, &err), 0);
	assert_int_equal(intents_add(office.intents, DIRECTORY_ID, &key, &err), 0);
	office.made[office.made_count++] = key.cap;
	for (size_t i = 0; i < RETRY_ATTEMPTS - 1; i++)
		office.listing[i] = LIST_FAULT;
	office_done_with(office_run(&office), &office.made[1]); /* the last try takes another key */
	assert_int_equal(office.queue.task[0].outcome.attempts, RETRY_ATTEMPTS);
	assert_int_equal(committer_unreferenced(office.committer), 1);
	office_close(&office);
}

static void a_gateway_that_makes_its_own_keys_is_told_of_once(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, DIRECTORY_ID, false, true);
	fake_add(&office.queue,
		 &(struct task){ .id = DIRECTORY_ID + 1,
				 .kind = MANIFEST_DIRECTORY,
				 .listing = office.shelf.listing },
		 SEGMENT_DIRECTORIES);
	office.own_keys = true;
	office_run(&office);
	assert_int_equal(office.made_count, 2);
	assert_int_equal(office.queue.task[0].outcome.state, OUTCOME_DONE);
	assert_int_equal(office.queue.task[1].outcome.state, OUTCOME_DONE);
	assert_int_equal(office.told, 1);
	office_close(&office);
}

static void a_directory_that_lists_otherwise_is_never_done(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, DIRECTORY_ID, false, true);
	for (size_t i = 0; i < ARRAY_COUNT(office.listing); i++)
		office.listing[i] = i % 2 ? LIST_NONE : LIST_SUB;
	office_run(&office);
	assert_int_equal(office.queue.task[0].outcome.state, OUTCOME_FAILED);
	assert_int_equal(office.queue.task[0].outcome.reason, REASON_MISMATCH);
	assert_int_equal(office.queue.task[0].outcome.attempts, RETRY_ATTEMPTS);
	assert_int_equal(committer_unreferenced(office.committer), RETRY_ATTEMPTS);
	office_close(&office);
}

static void a_gateway_away_is_no_try(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, DIRECTORY_ID, false, true);
	office.fault = FAULT_UNAVAILABLE;
	office.queue.leases_max = 1;
	office_run(&office);
	assert_false(office.queue.task[0].settled);
	assert_int_equal(office.queue.task[0].task.attempts, 0);
	assert_non_null(intents_find(office.intents, DIRECTORY_ID)); /* for the next try */
	office_close(&office);
}

/* ---- immutable directories ---- */

/* "sub" is mutable, which an immutable directory cannot hold: it is left out here. */
static void open_immutable(struct office *office, bool secret)
{
	office_open(office, DIRECTORY_ID, true, secret);
	const struct outcome failed = { .id = 3, .state = OUTCOME_FAILED };
	shelf_put(&office->shelf, &failed);
}

static void an_immutable_directory_is_proven_by_its_cap(void **state)
{
	(void)state;
	struct office office;
	open_immutable(&office, true);
	const struct outcome *outcome = office_run(&office);
	assert_int_equal(outcome->state, OUTCOME_DONE);
	assert_int_equal(outcome->level, VERIFY_CAP);
	assert_int_equal(office_started(&office, FAKE_LIST), 0);
	office_close(&office);
}

static void another_cap_of_an_immutable_directory_is_never_done(void **state)
{
	(void)state;
	struct office office;
	open_immutable(&office, true);
	unsigned met, remaining;
	struct err err;
	/* The secret is believed. */
	struct cap good = { .kind = CAP_CHK, .needed = 1, .total = 1, .size = 100 };
	assert_int_equal(
		policy_judge(office.policy, 0, good.key, 100, NULL, &good, &met, &remaining, &err),
		FAULT_NONE);
	office.wrong_cap = true;
	office_run(&office);
	assert_int_equal(office.queue.task[0].outcome.state, OUTCOME_FAILED);
	assert_int_equal(office.queue.task[0].outcome.reason, REASON_MISMATCH);
	assert_int_equal(office_started(&office, FAKE_MAKE_DIRECTORY), RETRY_ATTEMPTS);
	office_close(&office);
}

static void without_the_secret_an_immutable_directory_is_listed(void **state)
{
	(void)state;
	struct office office;
	open_immutable(&office, false);
	office.listing[0] = LIST_OTHER; /* three children, and other ones */
	office.queue.leases_max = 1;
	office_run(&office);
	assert_int_equal(office_started(&office, FAKE_LIST), 1);
	assert_false(office.queue.task[0].settled);
	office_close(&office);
}

static void stopped_it_sends_nothing(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, DIRECTORY_ID, false, true);
	atomic_store(&office.cancel, true);
	office.queue.leases_max = 1;
	office_run(&office);
	assert_false(office.queue.task[0].settled);
	assert_int_equal(office_started(&office, FAKE_MAKE_DIRECTORY), 0);
	office_close(&office);
}

static void lanes_that_refuse_give_everything_back(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, DIRECTORY_ID, false, true);
	lanes_stop(office.lanes);
	office.queue.leases_max = 1;
	office_run(&office);
	assert_false(office.queue.task[0].settled);
	assert_int_equal(office.queue.task[0].task.attempts, 0);
	office_close(&office);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(a_mutable_directory_is_made_once_and_listed),
		cmocka_unit_test(a_lost_reply_makes_no_second_directory),
		cmocka_unit_test(a_run_after_a_kill_uses_the_key_of_the_run_before),
		cmocka_unit_test(a_key_that_made_something_else_is_spent),
		cmocka_unit_test(a_key_whose_directory_stays_unreadable_is_given_up),
		cmocka_unit_test(a_gateway_that_makes_its_own_keys_is_told_of_once),
		cmocka_unit_test(a_directory_that_lists_otherwise_is_never_done),
		cmocka_unit_test(a_gateway_away_is_no_try),
		cmocka_unit_test(an_immutable_directory_is_proven_by_its_cap),
		cmocka_unit_test(another_cap_of_an_immutable_directory_is_never_done),
		cmocka_unit_test(without_the_secret_an_immutable_directory_is_listed),
		cmocka_unit_test(stopped_it_sends_nothing),
		cmocka_unit_test(lanes_that_refuse_give_everything_back),
	};
	return cmocka_run_group_tests(facts, scratch_setup, scratch_teardown);
}
