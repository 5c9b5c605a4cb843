#include "queue/retry.h"

#include "queue/file/outcomes.h"
#include "tests/unit/facts.h"

#include <errno.h>

/* Whether there is another try after the `attempts`-th has failed. */
static bool again_after(const struct err *err, unsigned attempts, uint32_t *delay_ms)
{
	static uint64_t random = 7;
	struct retry_state state = { .attempts = attempts - 1, .random = random += 2 };
	enum fate fate = retry_decide(err, &state, delay_ms);
	return fate == FATE_AGAIN || fate == FATE_AWAY;
}

static bool again(enum fault fault, unsigned attempts, uint32_t *delay_ms)
{
	const struct err err = { .fault = fault };
	return again_after(&err, attempts, delay_ms);
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

static void every_fault_has_its_owner(void **state)
{
	(void)state;
	static const struct {
		enum fate ours, theirs;
		enum outcome_reason our_reason, their_reason;
		bool general;
	} table[] = {
		[FAULT_RETRY] = { FATE_AGAIN, FATE_AGAIN, REASON_GATEWAY, REASON_GATEWAY, false },
		[FAULT_UNAVAILABLE] = { FATE_AWAY, FATE_AWAY, REASON_GATEWAY, REASON_GATEWAY,
					true },
		[FAULT_AUTH] = { FATE_FAILED, FATE_FAILED, REASON_PERMISSION, REASON_GATEWAY,
				 false },
		[FAULT_NOT_FOUND] = { FATE_FAILED, FATE_FAILED, REASON_VANISHED, REASON_GATEWAY,
				      false },
		[FAULT_EXISTS] = { FATE_FAILED, FATE_FAILED, REASON_CONFLICT, REASON_CONFLICT,
				   false },
		[FAULT_CHANGED] = { FATE_AGAIN, FATE_AGAIN, REASON_CHANGED, REASON_CHANGED, false },
		[FAULT_CORRUPT] = { FATE_FAILED, FATE_AGAIN, REASON_LOST, REASON_MISMATCH, false },
		[FAULT_FULL] = { FATE_BROKEN, FATE_FAILED, REASON_IO, REASON_GATEWAY, false },
		[FAULT_GONE] = { FATE_BROKEN, FATE_FAILED, REASON_IO, REASON_GATEWAY, false },
		[FAULT_TOO_LARGE] = { FATE_FAILED, FATE_FAILED, REASON_IO, REASON_GATEWAY, false },
		[FAULT_CANCELLED] = { FATE_STOPPED, FATE_STOPPED, REASON_GATEWAY, REASON_GATEWAY,
				      true },
		[FAULT_USAGE] = { FATE_FAILED, FATE_FAILED, REASON_NAME, REASON_GATEWAY, false },
		[FAULT_LOCKED] = { FATE_FAILED, FATE_FAILED, REASON_IO, REASON_GATEWAY, false },
		[FAULT_INSECURE] = { FATE_FAILED, FATE_FAILED, REASON_ASTRAY, REASON_GATEWAY,
				     false },
		[FAULT_NOMEM] = { FATE_AGAIN, FATE_AGAIN, REASON_IO, REASON_IO, true },
		[FAULT_IO] = { FATE_FAILED, FATE_FAILED, REASON_IO, REASON_IO, false },
	};
	assert_int_equal(ARRAY_COUNT(table), FAULT_IO + 1);
	for (int fault = FAULT_RETRY; fault <= FAULT_IO; fault++) {
		const struct err ours = { .fault = (enum fault)fault };
		const struct err theirs = { .fault = (enum fault)fault, .remote = true };
		assert_int_equal(fate_of(&ours), table[fault].ours);
		assert_int_equal(fate_of(&theirs), table[fault].theirs);
		assert_int_equal(reason_of(&ours), table[fault].our_reason);
		assert_int_equal(reason_of(&theirs), table[fault].their_reason);
		assert_int_equal(fault_is_general((enum fault)fault), table[fault].general);
	}
}

/* Nothing else would do without them either, but for what is too much of one entry. */
static void the_jobs_own_files_end_the_job(void **state)
{
	(void)state;
	static const enum fault job[] = { FAULT_AUTH,    FAULT_NOT_FOUND, FAULT_EXISTS,
					  FAULT_CORRUPT, FAULT_FULL,      FAULT_GONE,
					  FAULT_LOCKED,  FAULT_INSECURE,  FAULT_IO };
	for (int fault = FAULT_RETRY; fault <= FAULT_IO; fault++) {
		const struct err ours = { .fault = (enum fault)fault };
		struct err err = ours;
		enum fate fate = fate_of(&ours);
		for (size_t i = 0; i < ARRAY_COUNT(job); i++)
			if (job[i] == (enum fault)fault)
				fate = FATE_BROKEN;
		assert_int_equal(err_sort(&err, ERR_JOB), fault);
		assert_int_equal(fate_of(&err), fate);
	}
}

static void after_tries_a_reply_says_nothing_of_us(void **state)
{
	(void)state;
	const struct err reply = { .fault = FAULT_CORRUPT, .remote = true };
	const struct err ours = { .fault = FAULT_CORRUPT };
	const struct err proxy = { .fault = FAULT_UNAVAILABLE, .remote = true, .http_status = 502 };
	const struct err refused = { .fault = FAULT_AUTH, .remote = true };
	assert_int_equal(fault_after_tries(&reply), FAULT_RETRY);
	assert_int_equal(fault_after_tries(&ours), FAULT_CORRUPT);
	assert_int_equal(fault_after_tries(&proxy), FAULT_RETRY);
	assert_int_equal(fault_after_tries(&refused), FAULT_AUTH);
}

/* Of what failed at a local target nobody is told that it could not be read. */
static void what_could_not_be_written_says_so(void **state)
{
	(void)state;
	static const struct {
		enum fault fault;
		enum outcome_reason reason;
	} table[] = {
		{ FAULT_AUTH, REASON_UNWRITTEN },      { FAULT_NOT_FOUND, REASON_UNWRITTEN },
		{ FAULT_EXISTS, REASON_CONFLICT },     { FAULT_FULL, REASON_UNWRITTEN },
		{ FAULT_GONE, REASON_UNWRITTEN },      { FAULT_IO, REASON_UNWRITTEN },
		{ FAULT_TOO_LARGE, REASON_UNWRITTEN }, { FAULT_USAGE, REASON_NAME },
		{ FAULT_NOMEM, REASON_UNWRITTEN },     { FAULT_INSECURE, REASON_ASTRAY },
	};
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		const struct err ours = { .fault = table[i].fault };
		const struct err err = { .fault = table[i].fault, .side = ERR_TARGET };
		assert_int_equal(reason_of(&err), table[i].reason);
		assert_int_equal(fate_of(&err), fate_of(&ours));
	}
}

/* What this process lacks is tried again, and then ends the job: it is no file's fault. */
static void a_shortage_is_no_verdict(void **state)
{
	(void)state;
	const struct err ours = { .fault = FAULT_NOMEM, .os_error = EMFILE };
	struct retry_state tries = { .attempts = 0 };
	uint32_t delay_ms;
	for (int i = 1; i < RETRY_ATTEMPTS; i++)
		assert_int_equal(retry_decide(&ours, &tries, &delay_ms), FATE_AGAIN);
	assert_int_equal(retry_decide(&ours, &tries, &delay_ms), FATE_BROKEN);
	const struct err theirs = { .fault = FAULT_NOMEM, .remote = true };
	tries = (struct retry_state){ .attempts = RETRY_ATTEMPTS - 1 };
	assert_int_equal(retry_decide(&theirs, &tries, &delay_ms), FATE_FAILED);
}

/* Our own state stays damaged, a reply may not. */
static void a_wrong_reply_is_asked_for_again(void **state)
{
	(void)state;
	uint32_t delay_ms;
	struct err err;
	assert_int_equal(err_wrong(&err, "no %s", "listing"), FAULT_CORRUPT);
	assert_string_equal(err.text, "no listing");
	assert_true(again_after(&err, RETRY_ATTEMPTS - 1, &delay_ms));
	assert_false(again_after(&err, RETRY_ATTEMPTS, &delay_ms));
	err_set(&err, FAULT_CORRUPT, "a slot");
	assert_false(again_after(&err, 1, &delay_ms));
}

static void tries_are_counted(void **state)
{
	(void)state;
	uint32_t delay_ms;
	assert_true(again(FAULT_RETRY, RETRY_ATTEMPTS - 1, &delay_ms));
	assert_false(again(FAULT_RETRY, RETRY_ATTEMPTS, &delay_ms));
	assert_true(again(FAULT_CHANGED, RETRY_CHANGED_ATTEMPTS - 1, &delay_ms));
	assert_false(again(FAULT_CHANGED, RETRY_CHANGED_ATTEMPTS, &delay_ms));
}

static void delays_double_and_fill_their_range(void **state)
{
	(void)state;
	const struct err err = { .fault = FAULT_RETRY };
	struct retry_state tried = { .random = 42 };
	uint64_t limit = RETRY_BASE_MS;
	for (unsigned attempts = 1; attempts < RETRY_ATTEMPTS; attempts++) {
		uint64_t sum = 0;
		uint32_t highest = 0;
		for (int i = 0; i < 1000; i++) {
			uint32_t delay_ms;
			tried.attempts = attempts - 1;
			assert_int_equal(retry_decide(&err, &tried, &delay_ms), FATE_AGAIN);
			assert_true(delay_ms <= limit);
			highest = delay_ms > highest ? delay_ms : highest;
			sum += delay_ms;
		}
		assert_true(highest >= limit * 95 / 100);
		assert_in_range(sum / 1000, limit * 45 / 100, limit * 55 / 100);
		limit *= 2;
	}
}

/* The grid's trouble, as its health tells it: number of the failure, and of the last success. */
static struct err trouble(enum err_excuse excuse, uint64_t number, uint64_t well)
{
	return (struct err){ .fault = excuse == EXCUSE_OVER ? FAULT_UNAVAILABLE : FAULT_RETRY,
			     .remote = true,
			     .excuse = excuse,
			     .retry_after_ms = 7,
			     .trouble = number,
			     .well = well };
}

static void what_everything_suffers_counts_no_try(void **state)
{
	(void)state;
	struct retry_state tried = { .random = 1 };
	uint32_t delay_ms;
	struct err err = trouble(EXCUSE_WAITING, 5, 4);
	for (int i = 0; i < 20; i++)
		assert_int_equal(retry_decide(&err, &tried, &delay_ms), FATE_AWAY);
	assert_int_equal(delay_ms, 7);
	assert_int_equal(tried.attempts, 0);
	err = trouble(EXCUSE_OVER, 6, 4);
	assert_int_equal(retry_decide(&err, &tried, &delay_ms), FATE_BROKEN);
}

static void trouble_of_its_own_counts(void **state)
{
	(void)state;
	struct retry_state tried = { .random = 1 };
	uint32_t delay_ms;
	uint64_t waited_ms = 0;
	struct err err = trouble(EXCUSE_NONE, 5, 4);
	assert_int_equal(retry_decide(&err, &tried, &delay_ms), FATE_AGAIN);
	err = trouble(EXCUSE_WAITING, 9, 5); /* what went well was begun before the trouble */
	assert_int_equal(retry_decide(&err, &tried, &delay_ms), FATE_AWAY);
	for (unsigned i = 2; i < RETRY_ATTEMPTS; i++) {
		err = trouble(EXCUSE_WAITING, 10 + i, 6);
		assert_int_equal(retry_decide(&err, &tried, &delay_ms), FATE_AGAIN);
		waited_ms += delay_ms;
	}
	assert_in_range(waited_ms, 10000, 30000);
	assert_int_equal(retry_decide(&err, &tried, &delay_ms), FATE_FAILED);
}

/* Something answers in the gateway's place, whose probes go well. */
static void a_strangers_reply_counts_unless_it_is_excused(void **state)
{
	(void)state;
	struct err err = { .fault = FAULT_UNAVAILABLE, .remote = true };
	assert_int_equal(fate_of(&err), FATE_AWAY);
	err.http_status = 502;
	assert_int_equal(fate_of(&err), FATE_AGAIN);
	err.excuse = EXCUSE_WAITING;
	assert_int_equal(fate_of(&err), FATE_AWAY);
}

static void retry_after_wins_up_to_a_limit(void **state)
{
	(void)state;
	uint32_t delay_ms;
	struct err err = { .fault = FAULT_UNAVAILABLE, .retry_after_ms = 77777 };
	assert_true(again_after(&err, 1, &delay_ms));
	assert_int_equal(delay_ms, 77777);
	err.retry_after_ms = UINT32_MAX;
	assert_true(again_after(&err, 4, &delay_ms));
	assert_int_equal(delay_ms, RETRY_AFTER_MAX_MS);
	err.fault = FAULT_RETRY;
	assert_true(again_after(&err, 4, &delay_ms));
	assert_int_equal(delay_ms, RETRY_AFTER_MAX_MS);
	assert_false(again_after(&err, RETRY_ATTEMPTS, &delay_ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_passing_faults_are_tried_again),
		cmocka_unit_test(every_fault_has_its_owner),
		cmocka_unit_test(the_jobs_own_files_end_the_job),
		cmocka_unit_test(after_tries_a_reply_says_nothing_of_us),
		cmocka_unit_test(what_could_not_be_written_says_so),
		cmocka_unit_test(a_shortage_is_no_verdict),
		cmocka_unit_test(a_wrong_reply_is_asked_for_again),
		cmocka_unit_test(tries_are_counted),
		cmocka_unit_test(delays_double_and_fill_their_range),
		cmocka_unit_test(what_everything_suffers_counts_no_try),
		cmocka_unit_test(trouble_of_its_own_counts),
		cmocka_unit_test(a_strangers_reply_counts_unless_it_is_excused),
		cmocka_unit_test(retry_after_wins_up_to_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
