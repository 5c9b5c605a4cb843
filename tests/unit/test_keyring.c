#include "commit/keyring.h"

#include "tests/unit/facts.h"

#include <time.h>

static uint64_t cpu_ms(void)
{
	struct timespec used;
	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
	return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static void keys_differ_whether_made_ahead_or_not(void **state)
{
	(void)state;
	struct keyring *keyring;
	struct mutable_key key[4];
	struct err err;
	assert_int_equal(keyring_new(2, &keyring, &err), FAULT_NONE);
	keyring_want(keyring, 2);
	for (size_t i = 0; i < ARRAY_COUNT(key); i++) { /* more than were wanted, too */
		assert_int_equal(keyring_take(keyring, &key[i], &err), FAULT_NONE);
		assert_int_equal(key[i].cap.kind, CAP_DIR2);
		for (size_t j = 0; j < i; j++)
			assert_false(cap_equal(&key[i].cap, &key[j].cap));
	}
	keyring_free(keyring);
}

/* Freeing waits for a key that is being made, so the time used tells whether there was one. */
static void none_is_made_that_nobody_wants(void **state)
{
	(void)state;
	struct keyring *keyring;
	struct mutable_key key;
	struct err err;
	uint64_t before = cpu_ms();
	assert_int_equal(mutable_key_generate(&key, &err), FAULT_NONE);
	assert_int_equal(mutable_key_generate(&key, &err), FAULT_NONE);
	uint64_t cost = cpu_ms() - before;
	before = cpu_ms();
	for (int i = 0; i < 5; i++) {
		assert_int_equal(keyring_new(4, &keyring, &err), FAULT_NONE);
		keyring_want(keyring, 0);
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
		keyring_free(keyring);
	}
	assert_in_range(cpu_ms() - before, 0, cost);
	keyring_free(NULL);
}

static void a_ring_that_is_full_can_be_freed(void **state)
{
	(void)state;
	struct keyring *keyring;
	struct err err;
	assert_int_equal(keyring_new(3, &keyring, &err), FAULT_NONE);
	keyring_want(keyring, 1000000);
	keyring_want(keyring, 1000000);
	keyring_free(keyring);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(keys_differ_whether_made_ahead_or_not),
		cmocka_unit_test(none_is_made_that_nobody_wants),
		cmocka_unit_test(a_ring_that_is_full_can_be_freed),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
