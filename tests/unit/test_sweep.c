#include "land/sweep.h"

#include "files/dirfd.h"
#include "tests/unit/facts.h"
#include "tests/unit/land_case.h"

#include <sys/stat.h>
#include <unistd.h>

enum { FOUND_MAX = 8, NAME_SIZE = 200 };

static const char job[] = "0123456789abcdef0123456789abcdef";
static const char other_job[] = "1123456789abcdef0123456789abcdef";

static struct found {
	char path[FOUND_MAX][NAME_SIZE];
	size_t count;
} found;

static void hear(void *context, const char *path)
{
	struct found *all = context;
	assert_true(all->count < FOUND_MAX);
	snprintf(all->path[all->count++], sizeof all->path[0], "%s", path);
}

/* Makes the file PREFIX`rest` in a directory; stores its path below the target. */
static void make(const char *of, const char *directory, const char *rest, char path[NAME_SIZE])
{
	char prefix[DIRFD_TEMPORARY_SIZE], whole[NAME_SIZE + 4];
	arrival_prefix(of, prefix);
	snprintf(path, NAME_SIZE, "%s%s%s%s", directory, *directory ? "/" : "", prefix, rest);
	snprintf(whole, sizeof whole, "out/%s", path);
	tree_store(whole, "x");
}

/* Returns where it is, in the tree of the test. */
static const char *in_target(const char *path)
{
	static char whole[NAME_SIZE + 4];
	assert_true(snprintf(whole, sizeof whole, "out/%s", path) < (int)sizeof whole);
	return tree_path(whole);
}

static bool is_there(const char *path)
{
	struct stat st;
	return lstat(in_target(path), &st) == 0;
}

static uint64_t run(bool removes, bool tells)
{
	const struct sweep_options options = {
		.catalog = land_case.catalog,
		.directory = land_case.path,
		.job = job,
		.removes = removes,
		.found = tells ? hear : NULL,
		.context = &found,
	};
	uint64_t count = 77;
	struct err err;
	found.count = 0;
	assert_int_equal(sweep(&options, &count, &err), FAULT_NONE);
	assert_int_equal(found.count, tells ? count : 0);
	return count;
}

static bool has_heard(const char *path)
{
	for (size_t i = 0; i < found.count; i++)
		if (strcmp(found.path[i], path) == 0)
			return true;
	return false;
}

static void the_jobs_own_files_are_found_and_removed(void **state)
{
	char ours[3][NAME_SIZE];
	(void)state;
	assert_int_equal(mkdir(tree_path("out/d"), 0777), 0);
	assert_int_equal(mkdir(tree_path("out/d/e"), 0777), 0);
	make(job, "", "0", ours[0]);
	make(job, "d", "12", ours[1]);
	make(job, "d/e", "9876543210", ours[2]);
	assert_int_equal(run(false, true), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_true(has_heard(ours[i]));
		assert_true(is_there(ours[i]));
	}
	assert_int_equal(run(true, false), 3);
	for (size_t i = 0; i < 3; i++)
		assert_false(is_there(ours[i]));
	assert_int_equal(run(true, true), 0);
}

/* Of another job, of no job, and what only begins like a name of ours. */
static void everything_else_is_left(void **state)
{
	static const char *const rest[] = { "", "x", "12x", "1 ", "1.tmp" };
	char kept[7][NAME_SIZE];
	size_t count = 0;
	(void)state;
	assert_int_equal(mkdir(tree_path("out/d"), 0777), 0);
	for (size_t i = 0; i < ARRAY_COUNT(rest); i++)
		make(job, i % 2 ? "d" : "", rest[i], kept[count++]);
	make(other_job, "d", "12", kept[count++]);
	snprintf(kept[count++], sizeof kept[0], "d/file");
	tree_store("out/d/file", "x");
	assert_int_equal(run(true, true), 0);
	for (size_t i = 0; i < count; i++)
		assert_true(is_there(kept[i]));
}

static void what_cannot_be_removed_is_passed_over(void **state)
{
	char ours[NAME_SIZE], after[NAME_SIZE];
	(void)state;
	make(job, "", "1", ours);
	assert_int_equal(unlink(in_target(ours)), 0);
	assert_int_equal(mkdir(in_target(ours), 0777), 0);
	make(job, "", "2", after);
	assert_int_equal(run(true, true), 1);
	assert_true(has_heard(after));
	assert_true(is_there(ours));
	assert_false(is_there(after));
}

static void a_target_that_is_not_there_is_named(void **state)
{
	const struct sweep_options options = {
		.catalog = land_case.catalog,
		.directory = "/nowhere/at/all",
		.job = job,
	};
	uint64_t count = 77;
	struct err err;
	(void)state;
	assert_int_equal(sweep(&options, &count, &err), FAULT_NOT_FOUND);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
	assert_int_equal(count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_jobs_own_files_are_found_and_removed,
						land_case_setup, land_case_teardown),
		cmocka_unit_test_setup_teardown(everything_else_is_left, land_case_setup,
						land_case_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_removed_is_passed_over,
						land_case_setup, land_case_teardown),
		cmocka_unit_test_setup_teardown(a_target_that_is_not_there_is_named,
						land_case_setup, land_case_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
