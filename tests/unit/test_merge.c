#include "commit/committer.h"

#include "tests/unit/facts.h"
#include "tests/unit/office.h"
#include "tests/unit/scratch.h"

#define SSK                                                                                        \
	"URI:SSK:sazfiwozvsrqro6evueurubpxq:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"

static void the_root_is_merged_into(void **state)
{
	(void)state;
	struct office office;
	const struct cap root = shelf_cap(OFFICE_ROOT);
	office_open(&office, 0, false, true);
	office_done_with(office_run(&office), &root);
	assert_int_equal(office_started(&office, FAKE_SET_CHILDREN), 1);
	assert_int_equal(office_started(&office, FAKE_MAKE_DIRECTORY), 0);
	office_close(&office);
}

static void a_directory_in_the_way_is_a_conflict(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, 0, false, true);
	office.refused_edits = 9;
	office.listing[0] = LIST_OTHER;
	office_run(&office);
	assert_int_equal(office.queue.task[0].outcome.state, OUTCOME_FAILED);
	assert_int_equal(office.queue.task[0].outcome.reason, REASON_CONFLICT);
	assert_int_equal(office_started(&office, FAKE_SET_CHILDREN), 1);
	office_close(&office);
}

static void a_merge_done_before_the_kill_is_found_done(void **state)
{
	(void)state;
	struct office office;
	const struct cap root = shelf_cap(OFFICE_ROOT);
	office_open(&office, 0, false, true);
	office.refused_edits = 9;
	office_done_with(office_run(&office), &root);
	assert_int_equal(office_started(&office, FAKE_SET_CHILDREN), 1);
	office_close(&office);
}

/* Says that the items of `ids` were at the target when it was planned. */
static void existed(struct office *office, const uint64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct cap cap = shelf_cap(office_item[ids[i] - 1].cap);
		struct outcome slot = shelf_done(ids[i], &cap);
		slot.level = OUTCOME_EXISTED;
		shelf_put(&office->shelf, &slot);
	}
}

static void what_was_there_is_replaced_after_what_is_new(void **state)
{
	(void)state;
	struct office office;
	const struct cap root = shelf_cap(OFFICE_ROOT);
	office_open(&office, 0, false, true);
	existed(&office, (const uint64_t[]){ 1, 3 }, 2);
	office_run(&office);
	office_done_with(&office.queue.task[0].outcome, &root);
	assert_int_equal(office_started(&office, FAKE_SET_CHILDREN), 2);
	assert_int_equal(office.edit[0].replace, STORE_REPLACE_NEVER);
	assert_int_equal(office.edit[0].children, 1);
	assert_int_equal(office.edit[1].replace, STORE_REPLACE_ONLY_FILES);
	assert_int_equal(office.edit[1].children, 1);
	assert_non_null(strstr(office.last_body, OFFICE_HELLO)); /* and not the directory */
	assert_null(strstr(office.last_body, OFFICE_SUB));
	assert_int_equal(office_started(&office, FAKE_LIST), 1);
	office_close(&office);
}

static void where_all_was_there_nothing_is_refused(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, 0, false, true);
	existed(&office, (const uint64_t[]){ 1, 2, 3 }, 3);
	office_run(&office);
	assert_int_equal(office_started(&office, FAKE_SET_CHILDREN), 1);
	assert_int_equal(office.edit[0].replace, STORE_REPLACE_ONLY_FILES);
	assert_int_equal(office.edit[0].children, 2);
	office_close(&office);
}

static void what_an_attempt_before_has_linked_is_gone_on_from(void **state)
{
	(void)state;
	struct office office;
	const struct cap root = shelf_cap(OFFICE_ROOT);
	office_open(&office, 0, false, true);
	existed(&office, (const uint64_t[]){ 1, 2 }, 2);
	office.refused_edits = 1;
	office.listing[0] = LIST_SUB; /* the one new child */
	office_run(&office);
	office_done_with(&office.queue.task[0].outcome, &root);
	assert_int_equal(office_started(&office, FAKE_SET_CHILDREN), 2);
	assert_int_equal(office.edit[1].replace, STORE_REPLACE_ONLY_FILES);
	assert_int_equal(office_started(&office, FAKE_LIST), 2);
	office_close(&office);
}

static void a_name_that_has_appeared_is_a_conflict(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, 0, false, true);
	existed(&office, (const uint64_t[]){ 3 }, 1);
	office.refused_edits = 1;
	office.listing[0] = LIST_SUB;
	office_run(&office);
	assert_int_equal(office.queue.task[0].outcome.reason, REASON_CONFLICT);
	assert_int_equal(office_started(&office, FAKE_SET_CHILDREN), 1);
	office_close(&office);
}

static void directories_alone_are_only_looked_at(void **state)
{
	(void)state;
	struct office office;
	const struct cap root = shelf_cap(OFFICE_ROOT);
	office_open(&office, 0, false, true);
	for (uint64_t id = 1; id <= 2; id++) {
		const struct outcome skipped = { .id = id, .state = OUTCOME_SKIPPED };
		shelf_put(&office.shelf, &skipped);
	}
	existed(&office, (const uint64_t[]){ 3 }, 1);
	office_run(&office);
	office_done_with(&office.queue.task[0].outcome, &root);
	assert_int_equal(office_started(&office, FAKE_SET_CHILDREN), 0);
	assert_int_equal(office_started(&office, FAKE_LIST), 1);
	office_close(&office);
}

static void a_target_that_is_a_file_has_nothing_to_be_linked(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, 0, false, true);
	office.options.root = shelf_cap(SSK);
	const struct cap root = office.options.root;
	office_run(&office);
	office_done_with(&office.queue.task[0].outcome, &root);
	assert_int_equal(office_started(&office, FAKE_SET_CHILDREN), 0);
	assert_int_equal(office_started(&office, FAKE_LIST), 0);
	office_close(&office);
}

static void a_directory_planned_at_the_target_is_merged_into(void **state)
{
	(void)state;
	struct office office;
	const struct cap sub = shelf_cap(OFFICE_SUB);
	office_open(&office, DIRECTORY_ID, false, true);
	struct outcome slot = shelf_done(DIRECTORY_ID, &sub);
	slot.state = OUTCOME_PLANNED;
	shelf_put(&office.shelf, &slot);
	office.made[office.made_count++] = sub;
	office_done_with(office_run(&office), &sub);
	assert_int_equal(office_started(&office, FAKE_SET_CHILDREN), 1);
	office_close(&office);
}

static void the_last_link_may_be_withheld(void **state)
{
	(void)state;
	struct office office;
	office_open(&office, 0, false, true);
	office.withheld = true;
	office_run(&office);
	assert_int_equal(office.queue.task[0].outcome.state, OUTCOME_FAILED);
	assert_int_equal(office.queue.task[0].outcome.reason, REASON_WITHHELD);
	assert_int_equal(office_started(&office, FAKE_SET_CHILDREN), 0);
	office_close(&office);
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
		cmocka_unit_test(directories_alone_are_only_looked_at),
		cmocka_unit_test(a_target_that_is_a_file_has_nothing_to_be_linked),
		cmocka_unit_test(a_directory_planned_at_the_target_is_merged_into),
		cmocka_unit_test(the_last_link_may_be_withheld),
	};
	return cmocka_run_group_tests(facts, scratch_setup, scratch_teardown);
}
