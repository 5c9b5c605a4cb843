#include "land/presence.h"

#include "tests/unit/facts.h"
#include "tests/unit/land_case.h"
#include "tests/unit/target_case.h"

#include <sys/stat.h>
#include <unistd.h>

static void settle(enum land_case_directory directory, uint8_t outcome_state)
{
	const struct outcome outcome = { .id = (uint64_t)directory,
					 .state = outcome_state,
					 .attempts = 1 };
	struct err err;
	assert_int_equal(outcomes_write(land_case.slots, &outcome, 1, &err), FAULT_NONE);
}

static enum fault check(struct err *err)
{
	return presence_check(land_case.catalog, land_case.path, err);
}

static void finds_all_that_is_done(void **state)
{
	(void)state;
	struct err err;
	assert_int_equal(check(&err), FAULT_NONE); /* nothing is */
	settle(LAND_CASE_D, OUTCOME_DONE);
	settle(LAND_CASE_E, OUTCOME_DONE);
	assert_int_equal(mkdir(tree_path("out/d"), 0755) | mkdir(tree_path("out/d/e"), 0755), 0);
	const int next = dup(STDERR_FILENO);
	close(next);
	assert_int_equal(check(&err), FAULT_NONE);
	assert_int_equal(dup(STDERR_FILENO), next); /* nothing has stayed open */
	close(next);
}

static void names_the_first_that_is_gone(void **state)
{
	(void)state;
	struct err err;
	settle(LAND_CASE_D, OUTCOME_DONE);
	settle(LAND_CASE_E, OUTCOME_DONE);
	assert_int_equal(mkdir(tree_path("out/d"), 0755), 0);
	assert_int_equal(check(&err), FAULT_EXISTS);
	assert_non_null(strstr(err.text, "'d/e'"));
	assert_non_null(strstr(err.text, "1 such"));
	assert_int_equal(rmdir(tree_path("out/d")), 0);
	assert_int_equal(check(&err), FAULT_EXISTS);
	assert_non_null(strstr(err.text, "'d'"));
	assert_non_null(strstr(err.text, "2 such"));
	tree_store("out/d", "a file in its place");
	assert_int_equal(check(&err), FAULT_EXISTS);
}

static void misses_nothing_that_is_not_done(void **state)
{
	(void)state;
	struct err err;
	settle(LAND_CASE_D, OUTCOME_FAILED);
	settle(LAND_CASE_E, OUTCOME_SKIPPED);
	assert_int_equal(check(&err), FAULT_NONE);
}

/* Of each directory one file is looked for: the first of those that are done. */
static void looks_for_a_file_of_each_directory(void **state)
{
	(void)state;
	const struct outcome skipped = { .state = OUTCOME_SKIPPED };
	struct err err;
	target_case_begin(0, "");
	target_case_add(MANIFEST_FILE, "a", NULL, &skipped);
	target_case_file("b", NULL, "text");
	target_case_file("c", NULL, "text");
	uint64_t d = target_case_directory("d", NULL), e = target_case_directory("e", NULL);
	target_case_begin(d, "d");
	target_case_file("d/a", NULL, "text");
	target_case_begin(e, "e");
	target_case_file("e/a", NULL, "text");
	struct catalog *catalog = target_case_finish();
	char *root = strdup(tree_path("out"));
	assert_int_equal(presence_check(catalog, root, &err), FAULT_NONE);
	assert_int_equal(unlink(tree_path("out/c")), 0);
	assert_int_equal(presence_check(catalog, root, &err), FAULT_NONE);
	assert_int_equal(unlink(tree_path("out/e/a")), 0);
	assert_int_equal(presence_check(catalog, root, &err), FAULT_EXISTS);
	assert_non_null(strstr(err.text, "'e/a'"));
	assert_non_null(strstr(err.text, "1 such"));
	assert_int_equal(unlink(tree_path("out/b")), 0);
	assert_int_equal(presence_check(catalog, root, &err), FAULT_EXISTS);
	assert_non_null(strstr(err.text, "'b'"));
	assert_non_null(strstr(err.text, "2 such"));
	assert_int_equal(unlink(tree_path("out/d/a")) | rmdir(tree_path("out/d")), 0);
	assert_int_equal(symlink("e", tree_path("out/d")), 0); /* it is never followed */
	tree_store("out/e/a", "text");
	assert_int_equal(presence_check(catalog, root, &err), FAULT_EXISTS);
	assert_non_null(strstr(err.text, "3 such")); /* b, d, d/a */
	assert_true(unlink(tree_path("out/d")) == 0);
	catalog_close(catalog);
	free(root);
}

/* Whatever has the name of what is no directory, it is there; so it is where nobody can tell. */
static void takes_any_file_for_what_has_come(void **state)
{
	(void)state;
	struct err err;
	target_case_begin(0, "");
	target_case_file("a", NULL, "text");
	struct catalog *catalog = target_case_finish();
	char *root = strdup(tree_path("out"));
	assert_int_equal(unlink(tree_path("out/a")), 0);
	assert_int_equal(symlink("nowhere", tree_path("out/a")), 0);
	assert_int_equal(presence_check(catalog, root, &err), FAULT_NONE);
	assert_int_equal(unlink(tree_path("out/a")) | mkdir(tree_path("out/a"), 0755), 0);
	assert_int_equal(presence_check(catalog, root, &err), FAULT_NONE);
	catalog_close(catalog);
	free(root);
}

static void misses_a_name_that_no_file_may_have(void **state)
{
	(void)state;
	char name[DIRFD_NAME_MAX + 2];
	const struct outcome done = target_case_done("text");
	struct err err;
	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	target_case_begin(0, "");
	target_case_add(MANIFEST_FILE, name, NULL, &done);
	uint64_t d = target_case_directory("d", NULL);
	target_case_begin(d, "d");
	name[DIRFD_NAME_MAX] = '\0'; /* the longest that one may have */
	char path[TARGET_CASE_PATH];
	snprintf(path, sizeof path, "d/%s", name);
	target_case_file(path, NULL, "text");
	struct catalog *catalog = target_case_finish();
	char *root = strdup(tree_path("out"));
	assert_int_equal(presence_check(catalog, root, &err), FAULT_EXISTS);
	assert_non_null(strstr(err.text, "1 such"));
	catalog_close(catalog);
	free(root);
}

static void needs_the_target(void **state)
{
	(void)state;
	struct err err;
	assert_int_equal(presence_check(land_case.catalog, tree_path("none"), &err), FAULT_IO);
	assert_non_null(strstr(err.text, "none"));
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, land_case_setup, land_case_teardown)

int main(void)
{
#define PLANNED(name) cmocka_unit_test_setup_teardown(name, target_case_setup, target_case_teardown)
	const struct CMUnitTest fact[] = {
		FACT(finds_all_that_is_done),
		FACT(names_the_first_that_is_gone),
		FACT(misses_nothing_that_is_not_done),
		PLANNED(looks_for_a_file_of_each_directory),
		PLANNED(takes_any_file_for_what_has_come),
		PLANNED(misses_a_name_that_no_file_may_have),
		FACT(needs_the_target),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
