#include "download/download.h"

#include "base/digest.h"
#include "tests/unit/download_case.h"
#include "tests/unit/facts.h"
#include "tests/unit/thread_io.h"
#include "verify/policy.h"

#include <unistd.h>

static struct download_case download_case;

static int setup(void **state)
{
	tree_setup(state);
	download_case_open(&download_case);
	return 0;
}

static int teardown(void **state)
{
	download_case_close(&download_case);
	return tree_teardown(state);
}

static void assert_fetched(enum download_case_file file, const struct fake_task *task,
			   unsigned level)
{
	unsigned char content[CONTENT_HASH_SIZE];
	struct cap cap;
	const struct outcome *outcome = &task->outcome;
	assert_int_equal(outcome->state, OUTCOME_DONE);
	assert_true(download_case_has(&download_case, file, task->task.name));
	assert_int_equal(outcome->length, DOWNLOAD_CASE_SIZE);
	assert_int_equal(outcome->level, level | OUTCOME_OWN);
	content_hash_of(download_case.content[file], DOWNLOAD_CASE_SIZE, content);
	assert_memory_equal(outcome->content, content, sizeof content);
	assert_true(cap_unpack(outcome->cap, outcome->cap_size, outcome->cap_kind, &cap));
	assert_true(cap_equal(&cap, &download_case.cap[file]));
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
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", false);
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_fetched(DOWNLOAD_CASE_OURS, task, VERIFY_CAP);
	assert_int_equal(download_case.gets, 1);
	assert_true(download_case.get[0].length == UINT64_MAX);
	assert_int_equal(download_case.downloads.reread, 0);
	assert_int_equal(download_case.moved, DOWNLOAD_CASE_SIZE);
}

static void reads_a_second_time_what_no_key_proves(void **state)
{
	(void)state;
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_ALIEN, "file", false);
	download_case_fetch(&download_case, DOWNLOAD_CASE_ALIEN);
	assert_fetched(DOWNLOAD_CASE_ALIEN, task, VERIFY_READ);
	assert_int_equal(download_case.gets, 2);
	assert_int_equal(download_case.downloads.reread, 1);
}

static void reads_a_second_time_where_no_secret_is_known(void **state)
{
	(void)state;
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", false);
	download_case.downloads.secret = NULL;
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_fetched(DOWNLOAD_CASE_OURS, task, VERIFY_READ);
	assert_int_equal(download_case.gets, 2);
}

static void keeps_no_first_reading_that_a_second_belies(void **state)
{
	(void)state;
	RULES({ 0, 1, 1, DOWNLOAD_CASE_FLIP });
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", false);
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_false(task->settled);
	assert_int_equal(tree_count("out"), 0);
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_fetched(DOWNLOAD_CASE_OURS, task, VERIFY_CAP);
	assert_int_equal(task->outcome.attempts, 2);
}

/* Fetches a file about which the gateway never stops lying. */
static void assert_refuses(enum download_case_file file, enum download_case_lie lie,
			   enum outcome_reason reason)
{
	const struct download_case_rule rules[] = { { 0, 1, UINT32_MAX, lie },
						    { DOWNLOAD_CASE_SIZE - 7, 1, UINT32_MAX,
						      DOWNLOAD_CASE_FAIL } };
	download_case.rule = rules;
	download_case.rules = ARRAY_COUNT(rules);
	download_case.land_case.queue.count = 0;
	download_case.gets = 0;
	struct fake_task *task = download_case_task(&download_case, file, "file", false);
	download_case_fetch_all(&download_case, file);
	assert_failed(task, reason);
	assert_int_equal(task->outcome.attempts, 5);
	download_case.rules = 0;
}

static void accepts_no_lie_of_the_gateway(void **state)
{
	(void)state;
	for (int file = DOWNLOAD_CASE_OURS; file <= DOWNLOAD_CASE_CHANGING; file++) {
		assert_refuses(file, DOWNLOAD_CASE_FLIP, REASON_MISMATCH);
		assert_refuses(file, DOWNLOAD_CASE_FAIL, REASON_GATEWAY);
		/* Equal twice, but no other read confirms the end. */
		assert_refuses(file, DOWNLOAD_CASE_SPLICE, REASON_GATEWAY);
		if (file == DOWNLOAD_CASE_CHANGING)
			continue; /* it has no length of its own */
		assert_refuses(file, DOWNLOAD_CASE_SHORT, REASON_MISMATCH);
		assert_refuses(file, DOWNLOAD_CASE_LONG, REASON_MISMATCH);
	}
}

static void accepts_a_true_end_that_looks_like_a_lie(void **state)
{
	(void)state;
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_ENDING, "file", false);
	download_case_fetch(&download_case, DOWNLOAD_CASE_ENDING);
	assert_fetched(DOWNLOAD_CASE_ENDING, task, VERIFY_READ);
	assert_int_equal(download_case.gets, 3);
	assert_int_equal(download_case_gets_at(&download_case, DOWNLOAD_CASE_SIZE - 7), 1);
	assert_int_equal(download_case.get[2].length, 7);
}

static void fetches_a_mutable_file_whose_size_nobody_knows(void **state)
{
	(void)state;
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_CHANGING, "file", false);
	assert_int_equal(task->task.bytes, 0);
	download_case_fetch(&download_case, DOWNLOAD_CASE_CHANGING);
	assert_fetched(DOWNLOAD_CASE_CHANGING, task, VERIFY_READ);
	assert_int_equal(download_case.gets, 2);
}

static void takes_a_literal_out_of_its_cap(void **state)
{
	(void)state;
	struct fake_task *task =
		land_case_file(&download_case.land_case, LAND_CASE_ROOT, "file", 5, NULL);
	download_case.cap[DOWNLOAD_CASE_OURS] = (struct cap){ .kind = CAP_LIT, .size = 5 };
	memcpy(download_case.cap[DOWNLOAD_CASE_OURS].content, "hello", 5);
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_int_equal(task->outcome.state, OUTCOME_DONE);
	assert_int_equal(task->outcome.level, VERIFY_ALL | OUTCOME_OWN);
	assert_int_equal(task->outcome.length, 5);
	assert_true(tree_holds("out/file", "hello", 5));
	assert_int_equal(download_case.gets, 0);
	download_case.cap[DOWNLOAD_CASE_OURS].size = 0;
	task = land_case_file(&download_case.land_case, LAND_CASE_ROOT, "empty", 0, NULL);
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_int_equal(task->outcome.state, OUTCOME_DONE);
	assert_true(tree_holds("out/empty", "", 0));
}

static void fails_what_no_slot_can_tell(void **state)
{
	(void)state;
	struct fake_task *task =
		land_case_file(&download_case.land_case, LAND_CASE_ROOT, "file", 5, NULL);
	download_case.cap[DOWNLOAD_CASE_OURS] = (struct cap){ .kind = CAP_DIR2_RO };
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_failed(task, REASON_LOST);
	const struct outcome damaged = { .state = OUTCOME_DAMAGED };
	task = land_case_file(&download_case.land_case, LAND_CASE_ROOT, "other", 5, NULL);
	download_take(&download_case.downloads, land_case_work(&download_case.land_case), &damaged);
	assert_failed(task, REASON_LOST);
	assert_int_equal(download_case.gets, 0);
}

static void waits_without_counting_while_the_gateway_is_away(void **state)
{
	(void)state;
	RULES({ 0, 1, 1, DOWNLOAD_CASE_GONE });
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", false);
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_false(task->settled);
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS); /* once a probe is answered */
	assert_fetched(DOWNLOAD_CASE_OURS, task, VERIFY_CAP);
	assert_int_equal(task->outcome.attempts, 1);
}

static void gives_back_what_the_lanes_refuse(void **state)
{
	(void)state;
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", false);
	lanes_stop(download_case.lanes);
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
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
		download_case_task(&download_case, DOWNLOAD_CASE_OURS, name[i], i % 2);
	}
	/* 10 whole ones and 10 of 5 pieces. */
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	for (size_t i = 0; i < FILES; i++) {
		char path[20];
		assert_int_equal(download_case.land_case.queue.task[i].outcome.state, OUTCOME_DONE);
		snprintf(path, sizeof path, "out/%.7s", name[i]);
		assert_true(tree_holds(path, download_case.content[DOWNLOAD_CASE_OURS],
				       DOWNLOAD_CASE_SIZE));
	}
	assert_int_equal(tree_count("out"), FILES);
	assert_int_equal(download_case.gets, 10 + 50);
	assert_in_range(atomic_load(&download_case.fake.in_flight_max), 2, 8);
}

/* ---- threads ---- */

static void no_lane_writes_or_reads_a_file(void **state)
{
	(void)state;
	struct thread_io lane = thread_io_of("lane"), writer = thread_io_of("writer");
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", false);
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_fetched(DOWNLOAD_CASE_OURS, task, VERIFY_CAP);
	assert_int_equal(thread_io_of("lane").written, lane.written);
	assert_int_equal(thread_io_of("lane").read, lane.read);
	assert_true(thread_io_of("writer").written - writer.written >= DOWNLOAD_CASE_SIZE);
}

static void whoever_hands_out_literals_writes_none(void **state)
{
	(void)state;
	struct thread_io here = thread_io_of("test_download");
	struct fake_task *task =
		land_case_file(&download_case.land_case, LAND_CASE_ROOT, "file", 5, NULL);
	download_case.cap[DOWNLOAD_CASE_OURS] = (struct cap){ .kind = CAP_LIT, .size = 5 };
	download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
	assert_int_equal(task->outcome.state, OUTCOME_DONE);
	assert_int_equal(thread_io_of("test_download").written, here.written);
}

/* With --checksum all of what is at the target is read: that is nothing for the dispatcher. */
static void whoever_hands_out_compares_nothing(void **state)
{
	(void)state;
	struct land_case *land = &download_case.land_case;
	land_case_settle(land);
	land->options.policy.checksum = true;
	land_case_start(land);
	download_case.downloads.arrivals = land->arrivals;
	for (int same = 0; same < 2; same++) {
		struct fake_task *task = download_case_task(&download_case, DOWNLOAD_CASE_OURS,
							    same ? "same" : "other", false);
		FILE *file = fopen(tree_path(same ? "out/same" : "out/other"), "w");
		assert_non_null(file);
		assert_int_equal(fwrite(download_case.content[same ? DOWNLOAD_CASE_OURS
								   : DOWNLOAD_CASE_ALIEN],
					1, DOWNLOAD_CASE_SIZE, file),
				 DOWNLOAD_CASE_SIZE);
		assert_int_equal(fclose(file), 0);
		struct thread_io here = thread_io_of("test_download");
		struct thread_io comparer = thread_io_of("comparer");
		download_case.gets = 0;
		download_case_fetch(&download_case, DOWNLOAD_CASE_OURS);
		assert_true(thread_io_of("comparer").read - comparer.read >= DOWNLOAD_CASE_SIZE);
		assert_true(thread_io_of("test_download").read - here.read < DOWNLOAD_CASE_SIZE);
		assert_int_equal(task->outcome.state, same ? OUTCOME_SKIPPED : OUTCOME_DONE);
		assert_int_equal(download_case.gets, same ? 0 : 1);
		assert_true(tree_holds(same ? "out/same" : "out/other",
				       download_case.content[DOWNLOAD_CASE_OURS],
				       DOWNLOAD_CASE_SIZE));
	}
}

/* A task of the writers that keeps one busy, as a disk does that is silent. */
struct silence {
	struct worker_task task; /* first */
	atomic_bool over;
};

static bool be_silent(struct worker_task *task)
{
	while (!atomic_load(&((struct silence *)task)->over))
		usleep(100);
	return true;
}

static atomic_uint answers;

static void answer(struct lane_task *lane_task, struct store *store)
{
	(void)store;
	lane_task_end(lane_task, NULL);
	atomic_fetch_add(&answers, 1);
}

static void a_silent_disk_pauses_its_files_and_no_lane(void **state)
{
	(void)state;
	struct silence silence[2] = { { .task = { .run = be_silent } },
				      { .task = { .run = be_silent } } };
	struct lane_task other = { .kind = LANE_TASK_DIRECTORY, .start = answer };
	struct outcome source = { .state = OUTCOME_PLANNED };
	download_case.downloads.queue_max = 500;
	for (size_t i = 0; i < ARRAY_COUNT(silence); i++)
		workers_wake(download_case.workers, &silence[i].task);
	struct fake_task *task =
		download_case_task(&download_case, DOWNLOAD_CASE_OURS, "file", true);
	assert_true(cap_pack(&download_case.cap[DOWNLOAD_CASE_OURS], source.cap, &source.cap_size,
			     &source.cap_kind));
	download_take(&download_case.downloads, land_case_work(&download_case.land_case), &source);
	while (atomic_load(&download_case.fake.pauses) == 0)
		usleep(100);
	atomic_store(&answers, 0);
	lanes_submit(download_case.lanes, &other);
	while (atomic_load(&answers) == 0)
		usleep(100);
	assert_false(task->settled);
	for (size_t i = 0; i < ARRAY_COUNT(silence); i++)
		atomic_store(&silence[i].over, true);
	fake_queue_wait(&download_case.land_case.queue);
	assert_fetched(DOWNLOAD_CASE_OURS, task, VERIFY_CAP);
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
		FACT(no_lane_writes_or_reads_a_file),
		FACT(whoever_hands_out_literals_writes_none),
		FACT(whoever_hands_out_compares_nothing),
		FACT(a_silent_disk_pauses_its_files_and_no_lane),
		FACT(fetches_many_files_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
