#include "land/presence.h"

#include "tests/unit/facts.h"
#include "tests/unit/land_case.h"

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
	assert_int_equal(check(&err), FAULT_NONE);
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

#define FACT(name) cmocka_unit_test_setup_teardown(name, land_case_setup, land_case_teardown)

int main(void)
{
	const struct CMUnitTest fact[] = {
		FACT(finds_all_that_is_done),
		FACT(names_the_first_that_is_gone),
		FACT(misses_nothing_that_is_not_done),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
