#include "verify/children.h"

#include "tests/unit/facts.h"
#include "tests/unit/target_case.h"

static struct catalog *catalog;
static struct catalog_reader *reader;

static int teardown(void **state)
{
	catalog_reader_free(reader);
	reader = NULL;
	catalog_close(catalog);
	catalog = NULL;
	return target_case_teardown(state);
}

/* Returns the cap that entry `number` has. */
static struct cap cap_of(unsigned number)
{
	struct cap cap = { .kind = CAP_CHK, .needed = 3, .total = 10, .size = 1000 + number };
	cap.key[0] = (unsigned char)number;
	return cap;
}

static struct outcome slot_of(unsigned number, uint8_t outcome_state)
{
	struct outcome outcome = { .state = outcome_state, .attempts = 1 };
	const struct cap cap = cap_of(number);
	assert_true(cap_pack(&cap, outcome.cap, &outcome.cap_size, &outcome.cap_kind));
	return outcome;
}

static void add(const char *name, unsigned number, uint8_t outcome_state)
{
	const struct outcome outcome = slot_of(number, outcome_state);
	target_case_add(MANIFEST_FILE, name, NULL, &outcome);
}

/* Gathers the children of the root, whose listing was written. */
static enum fault gather(struct childset *set, struct err *err)
{
	struct catalog_page page;
	catalog = target_case_finish();
	assert_int_equal(catalog_reader_new(catalog, &reader, err), FAULT_NONE);
	assert_int_equal(catalog_next(reader, &page, err), FAULT_NONE);
	return children_gather(reader, page.listing, set, err);
}

static bool has(const struct childset *set, const char *name, unsigned number)
{
	const struct cap cap = cap_of(number);
	return childset_has(set, name, strlen(name), &cap);
}

static void has_what_is_done(void **state)
{
	(void)state;
	struct childset set = { 0 };
	struct err err;
	target_case_begin(0, "");
	add("done", 1, OUTCOME_DONE);
	add("failed", 2, OUTCOME_FAILED);
	add("skipped", 3, OUTCOME_SKIPPED);
	add("done too", 4, OUTCOME_DONE);
	assert_int_equal(gather(&set, &err), FAULT_NONE);
	assert_int_equal(set.count, 2);
	assert_true(has(&set, "done", 1) && has(&set, "done too", 4));
	assert_false(has(&set, "done", 4) || has(&set, "failed", 2) || has(&set, "skipped", 3));
	childset_fini(&set);
}

/* It is found by its digest, whatever the order of the names. */
static void finds_each_of_many(void **state)
{
	enum { MANY = 200 };
	(void)state;
	struct childset set = { 0 };
	struct err err;
	char name[20];
	target_case_begin(0, "");
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "name %03u", i);
		add(name, i, OUTCOME_DONE);
	}
	assert_int_equal(gather(&set, &err), FAULT_NONE);
	assert_int_equal(set.count, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "name %03u", i);
		assert_true(has(&set, name, i));
	}
	childset_fini(&set);
}

/* A grid has names in NFC. */
static void names_are_composed(void **state)
{
	(void)state;
	struct childset set = { 0 };
	struct err err;
	target_case_begin(0, "");
	add("u\xcc\x88", 1, OUTCOME_DONE);
	assert_int_equal(gather(&set, &err), FAULT_NONE);
	assert_true(has(&set, "\xc3\xbc", 1));
	childset_fini(&set);
}

static void a_fault_leaves_nothing(void **state)
{
	(void)state;
	struct childset set = { 0 };
	struct err err;
	struct outcome damaged = slot_of(2, OUTCOME_DONE);
	damaged.cap_size--;
	target_case_begin(0, "");
	add("well", 1, OUTCOME_DONE);
	target_case_add(MANIFEST_FILE, "without a cap", NULL, &damaged);
	assert_int_equal(gather(&set, &err), FAULT_CORRUPT);
	assert_string_equal(err.text, "a child's slot holds no cap");
	assert_int_equal(set.count, 0);
	assert_null(set.member);
}

/* Composed, a name may take three times its bytes: more than a digest is made of. */
static void a_name_may_become_too_long(void **state)
{
	enum { NOTES = 500, NOTE = 4 };
	(void)state;
	struct childset set = { 0 };
	struct err err;
	char name[NOTES * NOTE + 1];
	for (unsigned i = 0; i < NOTES; i++)
		memcpy(name + i * NOTE, "\xf0\x9d\x85\xa0", NOTE);
	name[NOTES * NOTE] = '\0';
	target_case_begin(0, "");
	add(name, 1, OUTCOME_DONE);
	assert_int_equal(gather(&set, &err), FAULT_NOMEM);
	assert_int_equal(set.count, 0);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, target_case_setup, teardown)
	const struct CMUnitTest fact[] = {
		FACT(has_what_is_done),           FACT(finds_each_of_many),
		FACT(names_are_composed),         FACT(a_fault_leaves_nothing),
		FACT(a_name_may_become_too_long),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
