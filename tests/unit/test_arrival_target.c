#include "land/arrival.h"

#include "tests/unit/facts.h"
#include "tests/unit/land_case.h"

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static atomic_uint naps;

/* In the place of the library's: the clock of the target goes on while nobody sleeps. */
int nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)time, (void)left;
	atomic_fetch_add(&naps, 1);
	return 0;
}

static struct stat status_of(const char *path)
{
	struct stat st;
	assert_int_equal(lstat(tree_path(path), &st), 0);
	return st;
}

/* Begins a file or symlink of four bytes, which are written then. */
static struct arrival *write_file(enum land_case_directory directory, enum manifest_kind kind)
{
	land_case_file(&land_case, directory, "file", 4, NULL)->task.kind = (uint8_t)kind;
	land_case_start(&land_case);
	struct arrival *arrival = land_case_begin(&land_case);
	assert_non_null(arrival);
	land_case_write(arrival, "text", 4);
	return arrival;
}

/* Waits until it has arrived. */
static void complete(struct arrival *arrival)
{
	const struct fake_task *task = &land_case.queue.task[0];
	arrival_complete(arrival);
	fake_queue_wait(&land_case.queue);
	assert_true(task->settled);
	assert_int_equal(task->outcome.state, OUTCOME_DONE);
}

static void opens_a_read_only_directory_for_a_while(void **state)
{
	(void)state;
	assert_int_equal(mkdir(tree_path("out/d"), 0555), 0);
	tree_as_user();
	complete(write_file(LAND_CASE_D, MANIFEST_FILE));
	tree_as_root();
	assert_true(tree_holds("out/d/file", "text", 4));
	assert_int_equal(status_of("out/d").st_mode & 07777, S_ISUID | 0755);
}

/* Brings a file of this kind into a directory that another job of the same user has shut, which
 * ended while the file was being written. */
static void bring_into_shut_directory(enum manifest_kind kind)
{
	assert_int_equal(mkdir(tree_path("out/d"), 0555), 0);
	tree_as_user();
	struct arrival *arrival = write_file(LAND_CASE_D, kind);
	assert_int_equal(chmod(tree_path("out/d"), 0555), 0);
	complete(arrival);
	tree_as_root();
	assert_int_equal(tree_count("out/d"), 1);
	assert_int_equal(status_of("out/d").st_mode & 07777, S_ISUID | 0755);
}

static void opens_a_directory_that_was_shut_meanwhile(void **state)
{
	(void)state;
	bring_into_shut_directory(MANIFEST_FILE);
	assert_true(tree_holds("out/d/file", "text", 4));
}

static void opens_it_for_a_symlink_too(void **state)
{
	(void)state;
	bring_into_shut_directory(MANIFEST_SYMLINK);
	assert_true(S_ISLNK(status_of("out/d/file").st_mode));
}

/* ---- its clock ---- */

/* Brings a file of a plan that is so many milliseconds old, and returns how often that was waited
 * for. */
static unsigned wait_with(int64_t age_ms)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	land_case.options.policy.planned_ns =
		now.tv_sec * INT64_C(1000000000) + now.tv_nsec - age_ms * 1000000;
	atomic_store(&naps, 0);
	complete(write_file(LAND_CASE_ROOT, MANIFEST_FILE));
	return atomic_load(&naps);
}

static void waits_for_no_clock_that_is_later_than_the_plan(void **state)
{
	(void)state;
	assert_int_equal(wait_with(10000), 0);
}

/* At most as long as the coarsest clock takes: 600 times 5 milliseconds. */
static void waits_until_the_plan_is_outlasted(void **state)
{
	(void)state;
	assert_in_range(wait_with(-2500), 1, 600);
}

static void waits_for_no_clock_that_was_set_back(void **state)
{
	(void)state;
	assert_int_equal(wait_with(-1000000), 0);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, land_case_setup, land_case_teardown)
	const struct CMUnitTest fact[] = {
		FACT(opens_a_read_only_directory_for_a_while),
		FACT(opens_a_directory_that_was_shut_meanwhile),
		FACT(opens_it_for_a_symlink_too),
		FACT(waits_for_no_clock_that_is_later_than_the_plan),
		FACT(waits_until_the_plan_is_outlasted),
		FACT(waits_for_no_clock_that_was_set_back),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
