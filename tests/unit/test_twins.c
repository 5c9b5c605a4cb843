#include "keys/twins.h"

#include "tests/unit/facts.h"

static const unsigned char ONE[CONTENT_HASH_SIZE] = { 1 }, OTHER[CONTENT_HASH_SIZE] = { 2 };

static uint64_t begin(struct twins *twins, const unsigned char *hash, uint64_t number)
{
	struct err err;
	uint64_t of = 0;
	assert_int_equal(twins_begin(twins, hash, number, &of, &err), FAULT_NONE);
	return of;
}

static void what_was_sent_is_known_by_its_hash(void **state)
{
	(void)state;
	struct twins twins;
	twins_init(&twins);
	assert_int_equal(begin(&twins, ONE, 7), 7);
	assert_int_equal(begin(&twins, OTHER, 8), 8);
	twins_end(&twins, 7, true);
	twins_end(&twins, 8, false); /* was not sent: the next one is to be */
	assert_int_equal(begin(&twins, ONE, 9), 7);
	assert_int_equal(begin(&twins, OTHER, 10), 10);
	twins_end(&twins, 10, true);
	for (uint64_t number = 11; number < 100; number++)
		assert_int_equal(begin(&twins, number % 2 ? ONE : OTHER, number),
				 number % 2 ? 7 : 10);
	twins_fini(&twins);
}

struct second {
	struct twins *twins;
	uint64_t of;
};

static void begin_second(void *context)
{
	struct second *second = context;
	second->of = begin(second->twins, ONE, 2);
}

static void a_second_one_waits_for_the_first(void **state)
{
	(void)state;
	struct twins twins;
	struct thread thread;
	twins_init(&twins);
	for (int sent = 0; sent <= 1; sent++) {
		struct second second = { &twins, 0 };
		assert_int_equal(begin(&twins, ONE, 1), 1);
		assert_true(thread_start(&thread, "second", begin_second, &second));
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		assert_int_equal(second.of, 0); /* it still sleeps */
		twins_end(&twins, 1, sent);
		thread_join(&thread);
		assert_int_equal(second.of, sent ? 1 : 2);
		twins_end(&twins, 2, false);
	}
	twins_fini(&twins);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sent_is_known_by_its_hash),
		cmocka_unit_test(a_second_one_waits_for_the_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
