#include "queue/core/thread.h"

#include "tests/unit/facts.h"

/* Beyond the end of a second of the clock, too: the rounds last longer than one. */
static void a_wait_with_a_limit_lasts_as_long(void **state)
{
	(void)state;
	enum { LIMIT_MS = 60, ROUNDS = 20 };
	struct mutex lock;
	struct cond never;
	mutex_init(&lock);
	cond_init(&never);
	mutex_lock(&lock);
	for (int i = 0; i < ROUNDS; i++) {
		const uint64_t begun_ms = clock_ms();
		while (cond_wait_ms(&never, &lock, LIMIT_MS))
			;
		assert_true(clock_ms() - begun_ms >= LIMIT_MS - 1);
	}
	mutex_unlock(&lock);
	cond_fini(&never);
	mutex_fini(&lock);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(a_wait_with_a_limit_lasts_as_long),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
