#include "commit/committer.h"

#include "tests/unit/commit_case.h"
#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#define SSK                                                                                        \
	"URI:SSK:sazfiwozvsrqro6evueurubpxq:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"

static void the_root_is_merged_into(void **state)
{
	(void)state;
	struct commit_case commit_case;
	const struct cap root = one_listing_cap(COMMIT_CASE_ROOT);
	commit_case_open(&commit_case, 0, false, true);
	commit_case_done_with(commit_case_run(&commit_case), &root);
	assert_int_equal(commit_case_started(&commit_case, FAKE_SET_CHILDREN), 1);
	assert_int_equal(commit_case_started(&commit_case, FAKE_MAKE_DIRECTORY), 0);
	commit_case_close(&commit_case);
}

static void a_directory_in_the_way_is_a_conflict(void **state)
{
	(void)state;
	struct commit_case commit_case;
	commit_case_open(&commit_case, 0, false, true);
	commit_case.refused_edits = 9;
	commit_case.listing[0] = LIST_OTHER;
	commit_case_run(&commit_case);
	assert_int_equal(commit_case.queue.task[0].outcome.state, OUTCOME_FAILED);
	assert_int_equal(commit_case.queue.task[0].outcome.reason, REASON_CONFLICT);
	assert_int_equal(commit_case_started(&commit_case, FAKE_SET_CHILDREN), 1);
	commit_case_close(&commit_case);
}

static void a_merge_done_before_the_kill_is_found_done(void **state)
{
	(void)state;
	struct commit_case commit_case;
	const struct cap root = one_listing_cap(COMMIT_CASE_ROOT);
	commit_case_open(&commit_case, 0, false, true);
	commit_case.refused_edits = 9;
	commit_case_done_with(commit_case_run(&commit_case), &root);
	assert_int_equal(commit_case_started(&commit_case, FAKE_SET_CHILDREN), 1);
	commit_case_close(&commit_case);
}

/* Says that the items of `ids` were at the target when it was planned. */
static void existed(struct commit_case *commit_case, const uint64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct cap cap = one_listing_cap(commit_case_item[ids[i] - 1].cap);
		struct outcome slot = one_listing_done(ids[i], &cap);
		slot.level = OUTCOME_EXISTED;
		one_listing_put(&commit_case->one_listing, &slot);
	}
}

static void what_was_there_is_replaced_after_what_is_new(void **state)
{
	(void)state;
	struct commit_case commit_case;
	const struct cap root = one_listing_cap(COMMIT_CASE_ROOT);
	commit_case_open(&commit_case, 0, false, true);
	existed(&commit_case, (const uint64_t[]){ 1, 3 }, 2);
	commit_case_run(&commit_case);
	commit_case_done_with(&commit_case.queue.task[0].outcome, &root);
	assert_int_equal(commit_case_started(&commit_case, FAKE_SET_CHILDREN), 2);
	assert_int_equal(commit_case.edit[0].replace, STORE_REPLACE_NEVER);
	assert_int_equal(commit_case.edit[0].children, 1);
	assert_int_equal(commit_case.edit[1].replace, STORE_REPLACE_ONLY_FILES);
	assert_int_equal(commit_case.edit[1].children, 1);
	assert_non_null(
		strstr(commit_case.last_body, COMMIT_CASE_HELLO)); /* and not the directory */
	assert_null(strstr(commit_case.last_body, COMMIT_CASE_SUB));
	assert_int_equal(commit_case_started(&commit_case, FAKE_LIST), 1);
	commit_case_close(&commit_case);
}

static void where_all_was_there_nothing_is_refused(void **state)
{
	(void)state;
	struct commit_case commit_case;
	commit_case_open(&commit_case, 0, false, true);
	existed(&commit_case, (const uint64_t[]){ 1, 2, 3 }, 3);
	commit_case_run(&commit_case);
	assert_int_equal(commit_case_started(&commit_case, FAKE_SET_CHILDREN), 1);
	assert_int_equal(commit_case.edit[0].replace, STORE_REPLACE_ONLY_FILES);
	assert_int_equal(commit_case.edit[0].children, 2);
	commit_case_close(&commit_case);
}

static void what_an_attempt_before_has_linked_is_gone_on_from(void **state)
{
	(void)state;
	struct commit_case commit_case;
	const struct cap root = one_listing_cap(COMMIT_CASE_ROOT);
	commit_case_open(&commit_case, 0, false, true);
	existed(&commit_case, (const uint64_t[]){ 1, 2 }, 2);
	commit_case.refused_edits = 1;
	commit_case.listing[0] = LIST_SUB; /* the one new child */
	commit_case_run(&commit_case);
	commit_case_done_with(&commit_case.queue.task[0].outcome, &root);
	assert_int_equal(commit_case_started(&commit_case, FAKE_SET_CHILDREN), 2);
	assert_int_equal(commit_case.edit[1].replace, STORE_REPLACE_ONLY_FILES);
	assert_int_equal(commit_case_started(&commit_case, FAKE_LIST), 2);
	commit_case_close(&commit_case);
}

static void a_name_that_has_appeared_is_a_conflict(void **state)
{
	(void)state;
	struct commit_case commit_case;
	commit_case_open(&commit_case, 0, false, true);
	existed(&commit_case, (const uint64_t[]){ 3 }, 1);
	commit_case.refused_edits = 1;
	commit_case.listing[0] = LIST_SUB;
	commit_case_run(&commit_case);
	assert_int_equal(commit_case.queue.task[0].outcome.reason, REASON_CONFLICT);
	assert_int_equal(commit_case_started(&commit_case, FAKE_SET_CHILDREN), 1);
	commit_case_close(&commit_case);
}

static void files_in_chunks_are_replaced_though_they_are_directories(void **state)
{
	(void)state;
	struct commit_case commit_case;
	const struct cap root = one_listing_cap(COMMIT_CASE_ROOT);
	commit_case_open(&commit_case, 0, false, true);
	existed(&commit_case, (const uint64_t[]){ 1, 2, 3 }, 3);
	commit_case.refused_edits = 1;
	commit_case.listing[0] = LIST_CHUNKS;
	commit_case_run(&commit_case);
	commit_case_done_with(&commit_case.queue.task[0].outcome, &root);
	assert_int_equal(commit_case_started(&commit_case, FAKE_SET_CHILDREN), 2);
	assert_int_equal(commit_case.edit[0].replace, STORE_REPLACE_ONLY_FILES);
	assert_int_equal(commit_case.edit[1].replace, STORE_REPLACE_ALWAYS);
	assert_int_equal(commit_case.edit[1].children, 2);
	assert_int_equal(commit_case_started(&commit_case, FAKE_LIST), 2);
	commit_case_close(&commit_case);
}

static void a_directory_that_took_the_place_of_a_file_is_kept(void **state)
{
	(void)state;
	struct commit_case commit_case;
	commit_case_open(&commit_case, 0, false, true);
	existed(&commit_case, (const uint64_t[]){ 1, 2, 3 }, 3);
	commit_case.refused_edits = 9;
	commit_case.listing[0] = LIST_DIRECTORIES;
	commit_case_run(&commit_case);
	assert_int_equal(commit_case.queue.task[0].outcome.reason, REASON_CONFLICT);
	assert_int_equal(commit_case_started(&commit_case, FAKE_SET_CHILDREN), 1);
	commit_case_close(&commit_case);
}

static void directories_alone_are_only_looked_at(void **state)
{
	(void)state;
	struct commit_case commit_case;
	const struct cap root = one_listing_cap(COMMIT_CASE_ROOT);
	commit_case_open(&commit_case, 0, false, true);
	for (uint64_t id = 1; id <= 2; id++) {
		const struct outcome skipped = { .id = id, .state = OUTCOME_SKIPPED };
		one_listing_put(&commit_case.one_listing, &skipped);
	}
	existed(&commit_case, (const uint64_t[]){ 3 }, 1);
	commit_case_run(&commit_case);
	commit_case_done_with(&commit_case.queue.task[0].outcome, &root);
	assert_int_equal(commit_case_started(&commit_case, FAKE_SET_CHILDREN), 0);
	assert_int_equal(commit_case_started(&commit_case, FAKE_LIST), 1);
	commit_case_close(&commit_case);
}

static void a_target_that_is_a_file_has_nothing_to_be_linked(void **state)
{
	(void)state;
	struct commit_case commit_case;
	commit_case_open(&commit_case, 0, false, true);
	commit_case.options.root = one_listing_cap(SSK);
	const struct cap root = commit_case.options.root;
	commit_case_run(&commit_case);
	commit_case_done_with(&commit_case.queue.task[0].outcome, &root);
	assert_int_equal(commit_case_started(&commit_case, FAKE_SET_CHILDREN), 0);
	assert_int_equal(commit_case_started(&commit_case, FAKE_LIST), 0);
	commit_case_close(&commit_case);
}

static void a_directory_planned_at_the_target_is_merged_into(void **state)
{
	(void)state;
	struct commit_case commit_case;
	const struct cap sub = one_listing_cap(COMMIT_CASE_SUB);
	commit_case_open(&commit_case, DIRECTORY_ID, false, true);
	struct outcome slot = one_listing_done(DIRECTORY_ID, &sub);
	slot.state = OUTCOME_PLANNED;
	one_listing_put(&commit_case.one_listing, &slot);
	commit_case.made[commit_case.made_count++] = sub;
	commit_case_done_with(commit_case_run(&commit_case), &sub);
	assert_int_equal(commit_case_started(&commit_case, FAKE_SET_CHILDREN), 1);
	commit_case_close(&commit_case);
}

static void the_last_link_may_be_withheld(void **state)
{
	(void)state;
	struct commit_case commit_case;
	commit_case_open(&commit_case, 0, false, true);
	commit_case.withheld = true;
	commit_case_run(&commit_case);
	assert_int_equal(commit_case.queue.task[0].outcome.state, OUTCOME_FAILED);
	assert_int_equal(commit_case.queue.task[0].outcome.reason, REASON_WITHHELD);
	assert_int_equal(commit_case_started(&commit_case, FAKE_SET_CHILDREN), 0);
	commit_case_close(&commit_case);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(the_root_is_merged_into),
		cmocka_unit_test(a_directory_in_the_way_is_a_conflict),
		cmocka_unit_test(a_merge_done_before_the_kill_is_found_done),
		cmocka_unit_test(what_was_there_is_replaced_after_what_is_new),
		cmocka_unit_test(where_all_was_there_nothing_is_refused),
		cmocka_unit_test(what_an_attempt_before_has_linked_is_gone_on_from),
		cmocka_unit_test(a_name_that_has_appeared_is_a_conflict),
		cmocka_unit_test(files_in_chunks_are_replaced_though_they_are_directories),
		cmocka_unit_test(a_directory_that_took_the_place_of_a_file_is_kept),
		cmocka_unit_test(directories_alone_are_only_looked_at),
		cmocka_unit_test(a_target_that_is_a_file_has_nothing_to_be_linked),
		cmocka_unit_test(a_directory_planned_at_the_target_is_merged_into),
		cmocka_unit_test(the_last_link_may_be_withheld),
	};
	return cmocka_run_group_tests(facts, scratch_setup, scratch_teardown);
}
