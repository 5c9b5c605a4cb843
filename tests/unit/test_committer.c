#include "commit/committer.h"

#include "queue/retry.h"
#include "queue/split.h"
#include "tests/unit/commit_case.h"
#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

/* ---- mutable directories ---- */

static void a_mutable_directory_is_made_once_and_listed(void **state)
{
	(void)state;
	struct commit_case commit_case;
	commit_case_open(&commit_case, DIRECTORY_ID, false, true);
	const struct outcome *outcome = commit_case_run(&commit_case);
	commit_case_done_with(outcome, &commit_case.made[0]);
	assert_int_equal(outcome->level, VERIFY_READ);
	assert_int_equal(outcome->attempts, 1);
	assert_int_equal(commit_case.made_count, 1);
	assert_int_equal(commit_case.last_children, COMMIT_CASE_ITEMS);
	assert_non_null(strstr(commit_case.last_body, "\"rw_uri\": \"" COMMIT_CASE_SUB "\""));
	assert_null(intents_find(commit_case.intents, DIRECTORY_ID));
	assert_int_equal(committer_unreferenced(commit_case.committer), 0);
	commit_case_close(&commit_case);
}

static void a_lost_reply_makes_no_second_directory(void **state)
{
	(void)state;
	struct commit_case commit_case;
	commit_case_open(&commit_case, DIRECTORY_ID, false, true);
	commit_case.lost_replies = 1;
	const struct outcome *outcome = commit_case_run(&commit_case);
	commit_case_done_with(outcome, &commit_case.made[0]);
	assert_int_equal(outcome->attempts, 2);
	assert_int_equal(commit_case.made_count, 1);
	assert_int_equal(commit_case_started(&commit_case, FAKE_MAKE_DIRECTORY), 2);
	commit_case_close(&commit_case);
}

static void a_run_after_a_kill_uses_the_key_of_the_run_before(void **state)
{
	(void)state;
	struct commit_case commit_case;
	struct mutable_key key;
	struct err err;
	commit_case_open(&commit_case, DIRECTORY_ID, false, true);
	assert_int_equal(mutable_key_generate(&key, &err), 0);
	assert_int_equal(intents_add(commit_case.intents, DIRECTORY_ID, &key, &err), 0);
	commit_case.made[commit_case.made_count++] = key.cap; /* killed behind the request */
	commit_case_done_with(commit_case_run(&commit_case), &key.cap);
	assert_int_equal(commit_case.made_count, 1);
	commit_case_close(&commit_case);
}

static void a_key_that_made_something_else_is_spent(void **state)
{
	(void)state;
	struct commit_case commit_case;
	struct mutable_key key;
	struct err err;
	commit_case_open(&commit_case, DIRECTORY_ID, false, true);
	assert_int_equal(mutable_key_generate(&key, &err), 0);
	assert_int_equal(intents_add(commit_case.intents, DIRECTORY_ID, &key, &err), 0);
	commit_case.made[commit_case.made_count++] = key.cap;
	commit_case.listing[0] = LIST_OTHER; /* with fewer children, say */
	commit_case_done_with(commit_case_run(&commit_case),
			      &commit_case.made[1]); /* the second try takes another key */
	assert_int_equal(committer_unreferenced(commit_case.committer), 1);
	assert_int_equal(commit_case.queue.task[0].outcome.attempts, 2);
	assert_false(cap_equal(&commit_case.made[0], &commit_case.made[1]));
	commit_case_close(&commit_case);
}

static void a_key_whose_directory_stays_unreadable_is_given_up(void **state)
{
	(void)state;
	struct commit_case commit_case;
	struct mutable_key key;
	struct err err;
	commit_case_open(&commit_case, DIRECTORY_ID, false, true);
	assert_int_equal(mutable_key_generate(&key, &err), 0);
	assert_int_equal(intents_add(commit_case.intents, DIRECTORY_ID, &key, &err), 0);
	commit_case.made[commit_case.made_count++] = key.cap;
	for (size_t i = 0; i < RETRY_ATTEMPTS - 1; i++)
		commit_case.listing[i] = LIST_FAULT;
	commit_case_done_with(commit_case_run(&commit_case),
			      &commit_case.made[1]); /* the last try takes another key */
	assert_int_equal(commit_case.queue.task[0].outcome.attempts, RETRY_ATTEMPTS);
	assert_int_equal(committer_unreferenced(commit_case.committer), 1);
	commit_case_close(&commit_case);
}

static void a_gateway_that_makes_its_own_keys_is_told_of_once(void **state)
{
	(void)state;
	struct commit_case commit_case;
	commit_case_open(&commit_case, DIRECTORY_ID, false, true);
	fake_add(&commit_case.queue,
		 &(struct task){ .id = DIRECTORY_ID + 1,
				 .kind = MANIFEST_DIRECTORY,
				 .listing = commit_case.one_listing.listing },
		 SEGMENT_DIRECTORIES);
	commit_case.own_keys = true;
	commit_case_run(&commit_case);
	assert_int_equal(commit_case.made_count, 2);
	assert_int_equal(commit_case.queue.task[0].outcome.state, OUTCOME_DONE);
	assert_int_equal(commit_case.queue.task[1].outcome.state, OUTCOME_DONE);
	assert_int_equal(commit_case.told, 1);
	commit_case_close(&commit_case);
}

static void a_directory_that_lists_otherwise_is_never_done(void **state)
{
	(void)state;
	struct commit_case commit_case;
	commit_case_open(&commit_case, DIRECTORY_ID, false, true);
	for (size_t i = 0; i < ARRAY_COUNT(commit_case.listing); i++)
		commit_case.listing[i] = i % 2 ? LIST_NONE : LIST_SUB;
	commit_case_run(&commit_case);
	assert_int_equal(commit_case.queue.task[0].outcome.state, OUTCOME_FAILED);
	assert_int_equal(commit_case.queue.task[0].outcome.reason, REASON_MISMATCH);
	assert_int_equal(commit_case.queue.task[0].outcome.attempts, RETRY_ATTEMPTS);
	assert_int_equal(committer_unreferenced(commit_case.committer), RETRY_ATTEMPTS);
	commit_case_close(&commit_case);
}

static void a_gateway_away_is_no_try(void **state)
{
	(void)state;
	struct commit_case commit_case;
	commit_case_open(&commit_case, DIRECTORY_ID, false, true);
	commit_case.fault = FAULT_UNAVAILABLE;
	commit_case.queue.leases_max = 1;
	commit_case_run(&commit_case);
	assert_false(commit_case.queue.task[0].settled);
	assert_int_equal(commit_case.queue.task[0].task.attempts, 0);
	assert_non_null(intents_find(commit_case.intents, DIRECTORY_ID)); /* for the next try */
	commit_case_close(&commit_case);
}

/* ---- immutable directories ---- */

/* "sub" is mutable, which an immutable directory cannot hold: it is left out here. */
static void open_immutable(struct commit_case *commit_case, bool secret)
{
	commit_case_open(commit_case, DIRECTORY_ID, true, secret);
	const struct outcome failed = { .id = 3, .state = OUTCOME_FAILED };
	one_listing_put(&commit_case->one_listing, &failed);
}

static void an_immutable_directory_is_proven_by_its_cap(void **state)
{
	(void)state;
	struct commit_case commit_case;
	open_immutable(&commit_case, true);
	const struct outcome *outcome = commit_case_run(&commit_case);
	assert_int_equal(outcome->state, OUTCOME_DONE);
	assert_int_equal(outcome->level, VERIFY_CAP);
	assert_int_equal(commit_case_started(&commit_case, FAKE_LIST), 0);
	commit_case_close(&commit_case);
}

static void another_cap_of_an_immutable_directory_is_never_done(void **state)
{
	(void)state;
	struct commit_case commit_case;
	open_immutable(&commit_case, true);
	unsigned met, remaining;
	struct err err;
	/* The secret is believed. */
	struct cap good = { .kind = CAP_CHK, .needed = 1, .total = 1, .size = 100 };
	assert_int_equal(policy_judge(commit_case.policy, 0, good.key, 100, NULL, &good, &met,
				      &remaining, &err),
			 FAULT_NONE);
	commit_case.wrong_cap = true;
	commit_case_run(&commit_case);
	assert_int_equal(commit_case.queue.task[0].outcome.state, OUTCOME_FAILED);
	assert_int_equal(commit_case.queue.task[0].outcome.reason, REASON_MISMATCH);
	assert_int_equal(commit_case_started(&commit_case, FAKE_MAKE_DIRECTORY), RETRY_ATTEMPTS);
	commit_case_close(&commit_case);
}

static void without_the_secret_an_immutable_directory_is_listed(void **state)
{
	(void)state;
	struct commit_case commit_case;
	open_immutable(&commit_case, false);
	commit_case.listing[0] = LIST_OTHER; /* three children, and other ones */
	commit_case.queue.leases_max = 1;
	commit_case_run(&commit_case);
	assert_int_equal(commit_case_started(&commit_case, FAKE_LIST), 1);
	assert_false(commit_case.queue.task[0].settled);
	commit_case_close(&commit_case);
}

static void stopped_it_sends_nothing(void **state)
{
	(void)state;
	struct commit_case commit_case;
	commit_case_open(&commit_case, DIRECTORY_ID, false, true);
	atomic_store(&commit_case.cancel, true);
	commit_case.queue.leases_max = 1;
	commit_case_run(&commit_case);
	assert_false(commit_case.queue.task[0].settled);
	assert_int_equal(commit_case_started(&commit_case, FAKE_MAKE_DIRECTORY), 0);
	commit_case_close(&commit_case);
}

static void lanes_that_refuse_give_everything_back(void **state)
{
	(void)state;
	struct commit_case commit_case;
	commit_case_open(&commit_case, DIRECTORY_ID, false, true);
	lanes_stop(commit_case.lanes);
	commit_case.queue.leases_max = 1;
	commit_case_run(&commit_case);
	assert_false(commit_case.queue.task[0].settled);
	assert_int_equal(commit_case.queue.task[0].task.attempts, 0);
	commit_case_close(&commit_case);
}

/* ---- files in chunks ---- */

static enum fault keep_slot(struct outcomes *outcomes, const struct outcome *outcome, size_t count,
			    struct err *err)
{
	(void)outcomes, (void)outcome, (void)count, (void)err;
	return FAULT_NONE;
}

static void take_whole(void *context, struct split *split)
{
	struct commit_case *commit_case = context;
	commit_case->chunks = split;
	committer_chunks(commit_case->committer, split);
}

/* Stores a file of 25 bytes in three chunks, the second with a cap of `kind`. */
static const struct fake_task *store_in_chunks(struct commit_case *commit_case, uint8_t kind)
{
	static const struct outcomes_backend backend = { .write = keep_slot };
	static struct outcomes chunks = { &backend };
	const struct task planned = {
		.id = 20, .kind = MANIFEST_FILE, .bytes = 25, .chunk_size = 10
	};
	commit_case_open(commit_case, DIRECTORY_ID, true, true);
	commit_case_run(commit_case);
	commit_case->queue.chunks = &chunks;
	const struct fake_task *task = fake_add(&commit_case->queue, &planned, SEGMENT_TRANSFERS);
	struct split_options options = {
		.work = fake_works(&commit_case->queue, SEGMENT_TRANSFERS, NULL),
		.size = planned.bytes,
		.part_size = planned.chunk_size,
		.whole = take_whole,
		.context = commit_case,
	};
	options.meta[0] = 9;
	struct split *split = split_new(&options);
	assert_non_null(split);
	for (uint64_t i = 0; i < 3; i++) {
		struct work *part = split_part(split, i);
		struct outcome outcome = { .state = OUTCOME_DONE,
					   .level = VERIFY_CAP | VERIFY_READ,
					   .cap_kind = i == 1 ? kind : CAP_LIT,
					   .cap_size = (uint8_t)split_range_of(part).size };
		work_settle(part, &outcome, NULL);
	}
	split_close(split);
	fake_queue_wait(&commit_case->queue);
	return task;
}

static void a_file_is_the_directory_of_its_chunks(void **state)
{
	(void)state;
	struct commit_case commit_case;
	const struct fake_task *task = store_in_chunks(&commit_case, CAP_LIT);
	assert_int_equal(task->outcome.state, OUTCOME_DONE);
	assert_int_equal(task->outcome.cap_kind, CAP_DIR2_CHK);
	assert_int_equal(task->outcome.length, 25);
	assert_int_equal(task->outcome.level, VERIFY_CAP);
	assert_int_equal(task->outcome.meta[0], 9);
	assert_int_equal(commit_case.last_children, 3);
	commit_case_close(&commit_case);
}

/* It is the job's own state that is wrong, so the job ends and no file has failed. */
static void a_chunk_without_a_cap_ends_the_job(void **state)
{
	(void)state;
	struct commit_case commit_case;
	const struct fake_task *task = store_in_chunks(&commit_case, UINT8_MAX);
	assert_false(task->settled);
	assert_int_equal(commit_case.queue.broken.fault, FAULT_CORRUPT);
	commit_case_close(&commit_case);
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
		cmocka_unit_test(a_file_is_the_directory_of_its_chunks),
		cmocka_unit_test(a_chunk_without_a_cap_ends_the_job),
	};
	return cmocka_run_group_tests(facts, scratch_setup, scratch_teardown);
}
