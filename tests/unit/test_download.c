#include "download/download.h"

#include "base/digest.h"
#include "tests/unit/facts.h"
#include "tests/unit/port.h"
#include "verify/policy.h"

static struct port port;

static int setup(void **state)
{
	tree_setup(state);
	port_open(&port);
	return 0;
}

static int teardown(void **state)
{
	port_close(&port);
	return tree_teardown(state);
}

static void assert_fetched(enum port_file file, const struct fake_task *task, unsigned level)
{
	unsigned char content[CONTENT_HASH_SIZE];
	struct cap cap;
	const struct outcome *outcome = &task->outcome;
	assert_int_equal(outcome->state, OUTCOME_DONE);
	assert_true(port_has(&port, file, task->task.name));
	assert_int_equal(outcome->length, PORT_SIZE);
	assert_int_equal(outcome->level, level);
	content_hash_of(port.content[file], PORT_SIZE, content);
	assert_memory_equal(outcome->content, content, sizeof content);
	assert_true(cap_unpack(outcome->cap, outcome->cap_size, outcome->cap_kind, &cap));
	assert_true(cap_equal(&cap, &port.cap[file]));
}

static void assert_failed(const struct fake_task *task, enum outcome_reason reason)
{
	assert_int_equal(task->outcome.state, OUTCOME_FAILED);
	assert_int_equal(task->outcome.reason, reason);
	assert_int_equal(tree_count("out"), 0);
}

/* ---- whole files ---- */

static void fetches_a_whole_file_that_its_key_proves(void **state)
{
	(void)state;
	struct fake_task *task = port_task(&port, PORT_OURS, "file", false);
	port_fetch(&port, PORT_OURS);
	assert_fetched(PORT_OURS, task, VERIFY_CAP);
	assert_int_equal(port.gets, 1);
	assert_true(port.get[0].length == UINT64_MAX);
	assert_int_equal(port.downloads.reread, 0);
	assert_int_equal(port.moved, PORT_SIZE);
}

static void reads_a_second_time_what_no_key_proves(void **state)
{
	(void)state;
	struct fake_task *task = port_task(&port, PORT_ALIEN, "file", false);
	port_fetch(&port, PORT_ALIEN);
	assert_fetched(PORT_ALIEN, task, VERIFY_READ);
	assert_int_equal(port.gets, 2);
	assert_int_equal(port.downloads.reread, 1);
}

static void reads_a_second_time_where_no_secret_is_known(void **state)
{
	(void)state;
	struct fake_task *task = port_task(&port, PORT_OURS, "file", false);
	port.downloads.secret = NULL;
	port_fetch(&port, PORT_OURS);
	assert_fetched(PORT_OURS, task, VERIFY_READ);
	assert_int_equal(port.gets, 2);
}

static void keeps_no_first_reading_that_a_second_belies(void **state)
{
	(void)state;
	RULES({ 0, 1, 1, PORT_FLIP });
	struct fake_task *task = port_task(&port, PORT_OURS, "file", false);
	port_fetch(&port, PORT_OURS);
	assert_false(task->settled);
	assert_int_equal(tree_count("out"), 0);
	port_fetch(&port, PORT_OURS);
	assert_fetched(PORT_OURS, task, VERIFY_CAP);
	assert_int_equal(task->outcome.attempts, 2);
}

/* Fetches a file about which the gateway never stops lying. */
static void assert_refuses(enum port_file file, enum port_lie lie, enum outcome_reason reason)
{
	const struct port_rule rules[] = { { 0, 1, UINT32_MAX, lie },
					   { PORT_SIZE - 7, 1, UINT32_MAX, PORT_FAIL } };
	port.rule = rules;
	port.rules = ARRAY_COUNT(rules);
	port.harbour.queue.count = 0;
	port.gets = 0;
	struct fake_task *task = port_task(&port, file, "file", false);
	port_fetch_all(&port, file);
	assert_failed(task, reason);
	assert_int_equal(task->outcome.attempts, 5);
	port.rules = 0;
}

static void accepts_no_lie_of_the_gateway(void **state)
{
	(void)state;
	for (int file = PORT_OURS; file <= PORT_CHANGING; file++) {
		assert_refuses(file, PORT_FLIP, REASON_MISMATCH);
		assert_refuses(file, PORT_FAIL, REASON_GATEWAY);
		/* Equal twice, but no other read confirms the end. */
		assert_refuses(file, PORT_SPLICE, REASON_GATEWAY);
		if (file == PORT_CHANGING)
			continue; /* it has no length of its own */
		assert_refuses(file, PORT_SHORT, REASON_MISMATCH);
		assert_refuses(file, PORT_LONG, REASON_MISMATCH);
	}
}

static void accepts_a_true_end_that_looks_like_a_lie(void **state)
{
	(void)state;
	struct fake_task *task = port_task(&port, PORT_ENDING, "file", false);
	port_fetch(&port, PORT_ENDING);
	assert_fetched(PORT_ENDING, task, VERIFY_READ);
	assert_int_equal(port.gets, 3);
	assert_int_equal(port_gets_at(&port, PORT_SIZE - 7), 1);
	assert_int_equal(port.get[2].length, 7);
}

static void fetches_a_mutable_file_whose_size_nobody_knows(void **state)
{
	(void)state;
	struct fake_task *task = port_task(&port, PORT_CHANGING, "file", false);
	assert_int_equal(task->task.bytes, 0);
	port_fetch(&port, PORT_CHANGING);
	assert_fetched(PORT_CHANGING, task, VERIFY_READ);
	assert_int_equal(port.gets, 2);
}

static void takes_a_literal_out_of_its_cap(void **state)
{
	(void)state;
	struct fake_task *task = harbour_file(&port.harbour, HARBOUR_ROOT, "file", 5, NULL);
	port.cap[PORT_OURS] = (struct cap){ .kind = CAP_LIT, .size = 5 };
	memcpy(port.cap[PORT_OURS].content, "hello", 5);
	port_fetch(&port, PORT_OURS);
	assert_int_equal(task->outcome.state, OUTCOME_DONE);
	assert_int_equal(task->outcome.level, VERIFY_ALL);
	assert_int_equal(task->outcome.length, 5);
	assert_true(tree_holds("out/file", "hello", 5));
	assert_int_equal(port.gets, 0);
	port.cap[PORT_OURS].size = 0;
	task = harbour_file(&port.harbour, HARBOUR_ROOT, "empty", 0, NULL);
	port_fetch(&port, PORT_OURS);
	assert_int_equal(task->outcome.state, OUTCOME_DONE);
	assert_true(tree_holds("out/empty", "", 0));
}

static void fails_what_no_slot_can_tell(void **state)
{
	(void)state;
	struct fake_task *task = harbour_file(&port.harbour, HARBOUR_ROOT, "file", 5, NULL);
	port.cap[PORT_OURS] = (struct cap){ .kind = CAP_DIR2_RO };
	port_fetch(&port, PORT_OURS);
	assert_failed(task, REASON_LOST);
	const struct outcome damaged = { .state = OUTCOME_DAMAGED };
	task = harbour_file(&port.harbour, HARBOUR_ROOT, "other", 5, NULL);
	download_take(&port.downloads, harbour_work(&port.harbour), &damaged);
	assert_failed(task, REASON_LOST);
	assert_int_equal(port.gets, 0);
}

static void waits_without_counting_while_the_gateway_is_away(void **state)
{
	(void)state;
	RULES({ 0, 1, 1, PORT_GONE });
	struct fake_task *task = port_task(&port, PORT_OURS, "file", false);
	port_fetch(&port, PORT_OURS);
	assert_false(task->settled);
	port_fetch(&port, PORT_OURS); /* once a probe is answered */
	assert_fetched(PORT_OURS, task, VERIFY_CAP);
	assert_int_equal(task->outcome.attempts, 1);
}

static void gives_back_what_the_lanes_refuse(void **state)
{
	(void)state;
	struct fake_task *task = port_task(&port, PORT_OURS, "file", false);
	lanes_stop(port.lanes);
	port_fetch(&port, PORT_OURS);
	assert_false(task->settled);
	assert_int_equal(task->task.attempts, 0);
	assert_int_equal(tree_count("out"), 0);
}

static void fetches_many_files_at_once(void **state)
{
	(void)state;
	enum { FILES = 20 };
	static char name[FILES][8];
	for (size_t i = 0; i < FILES; i++) {
		snprintf(name[i], sizeof name[i], "%02zu", i);
		port_task(&port, PORT_OURS, name[i], i % 2);
	}
	/* 10 whole ones and 10 of 5 pieces. */
	port_fetch(&port, PORT_OURS);
	for (size_t i = 0; i < FILES; i++) {
		char path[20];
		assert_int_equal(port.harbour.queue.task[i].outcome.state, OUTCOME_DONE);
		snprintf(path, sizeof path, "out/%.7s", name[i]);
		assert_true(tree_holds(path, port.content[PORT_OURS], PORT_SIZE));
	}
	assert_int_equal(tree_count("out"), FILES);
	assert_int_equal(port.gets, 10 + 50);
	assert_in_range(atomic_load(&port.fake.in_flight_max), 2, 8);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(fetches_a_whole_file_that_its_key_proves),
		FACT(reads_a_second_time_what_no_key_proves),
		FACT(reads_a_second_time_where_no_secret_is_known),
		FACT(keeps_no_first_reading_that_a_second_belies),
		FACT(accepts_no_lie_of_the_gateway),
		FACT(accepts_a_true_end_that_looks_like_a_lie),
		FACT(fetches_a_mutable_file_whose_size_nobody_knows),
		FACT(takes_a_literal_out_of_its_cap),
		FACT(fails_what_no_slot_can_tell),
		FACT(waits_without_counting_while_the_gateway_is_away),
		FACT(gives_back_what_the_lanes_refuse),
		FACT(fetches_many_files_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
