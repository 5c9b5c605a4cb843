#include "commit/intents.h"

#include "queue/file/outcomes.h"
#include "tests/unit/facts.h"
#include "tests/unit/scratch.h"

#include <sys/stat.h>
#include <unistd.h>

static const unsigned char job[16] = "a job of tests.";
static struct mutable_key key[3];
static struct outcomes *outcomes;

static int setup(void **state)
{
	struct err err;
	if (scratch_setup(state))
		return -1;
	for (size_t i = 0; i < ARRAY_COUNT(key); i++)
		if (mutable_key_generate(&key[i], &err))
			return -1;
	return outcomes_create(scratch_path("outcomes"), job, "", 0, &outcomes, &err);
}

static int teardown(void **state)
{
	outcomes_close(outcomes);
	return scratch_teardown(state);
}

static struct intents *open_intents(void)
{
	struct intents *intents;
	struct err err;
	assert_int_equal(intents_open(scratch_path("keys"), job, outcomes, &intents, &err),
			 FAULT_NONE);
	return intents;
}

static void add(struct intents *intents, uint64_t id, size_t which)
{
	struct err err;
	assert_int_equal(intents_add(intents, id, &key[which], &err), FAULT_NONE);
}

static void is_key(const struct intents *intents, uint64_t id, size_t which)
{
	const struct mutable_key *found = intents_find(intents, id);
	assert_non_null(found);
	assert_true(cap_equal(&found->cap, &key[which].cap));
	assert_int_equal(found->der_size, key[which].der_size);
	assert_memory_equal(found->der, key[which].der, found->der_size);
}

static void settle(uint64_t id, enum outcome_state state)
{
	struct err err;
	const struct outcome outcome = { .id = id, .state = (uint8_t)state };
	assert_int_equal(outcomes_write(outcomes, &outcome, 1, &err), FAULT_NONE);
}

static void intents_of_unsettled_directories_come_back(void **state)
{
	(void)state;
	struct intents *intents = open_intents();
	assert_null(intents_find(intents, 5));
	add(intents, 5, 0);
	add(intents, 900, 1);
	add(intents, 7, 2);
	is_key(intents, 5, 0);
	is_key(intents, 900, 1);
	assert_null(intents_find(intents, 6));
	intents_close(intents);

	settle(5, OUTCOME_DONE);
	settle(7, OUTCOME_PLANNED);
	intents = open_intents();
	assert_null(intents_find(intents, 5));
	is_key(intents, 900, 1);
	is_key(intents, 7, 2);
	intents_close(intents);

	settle(900, OUTCOME_FAILED);
	intents = open_intents();
	assert_null(intents_find(intents, 900));
	is_key(intents, 7, 2);
	intents_close(intents);
}

static void the_last_key_of_a_directory_counts(void **state)
{
	(void)state;
	struct intents *intents = open_intents();
	add(intents, 20, 0);
	add(intents, 20, 1);
	is_key(intents, 20, 1);
	intents_close(intents);
	intents = open_intents();
	is_key(intents, 20, 1);
	intents_close(intents);
}

static void what_is_forgotten_is_gone_till_the_next_run(void **state)
{
	(void)state;
	struct intents *intents = open_intents();
	for (uint64_t id = 100; id < 150; id++)
		add(intents, id, id % 3);
	for (uint64_t id = 100; id < 150; id += 2)
		intents_forget(intents, id);
	intents_forget(intents, 100);
	for (uint64_t id = 100; id < 150; id++) {
		if (id % 2)
			is_key(intents, id, id % 3);
		else
			assert_null(intents_find(intents, id));
	}
	intents_close(intents);
	intents = open_intents();
	is_key(intents, 100, 1); /* its slot says nothing, so it may have been sent */
	intents_close(intents);
	intents_close(NULL);
}

static void a_torn_intent_was_never_sent(void **state)
{
	(void)state;
	struct intents *intents = open_intents();
	add(intents, 300, 0);
	add(intents, 301, 1);
	intents_close(intents);
	const char *path = scratch_path("keys");
	assert_int_equal(truncate(path, (off_t)scratch_size(path) - 1), 0);
	intents = open_intents();
	is_key(intents, 300, 0);
	assert_null(intents_find(intents, 301));
	add(intents, 301, 2);
	intents_close(intents);
	intents = open_intents();
	is_key(intents, 301, 2);
	intents_close(intents);
}

static void only_the_owner_reads_the_keys_and_no_other_job(void **state)
{
	(void)state;
	struct stat status;
	struct intents *intents;
	struct err err;
	assert_int_equal(stat(scratch_path("keys"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(intents_open(scratch_path("keys"),
				      (const unsigned char *)"another job....", outcomes, &intents,
				      &err),
			 FAULT_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(intents_of_unsettled_directories_come_back),
		cmocka_unit_test(the_last_key_of_a_directory_counts),
		cmocka_unit_test(what_is_forgotten_is_gone_till_the_next_run),
		cmocka_unit_test(a_torn_intent_was_never_sent),
		cmocka_unit_test(only_the_owner_reads_the_keys_and_no_other_job),
	};
	return cmocka_run_group_tests(facts, setup, teardown);
}
