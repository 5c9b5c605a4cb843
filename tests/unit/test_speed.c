#include "net/speed.h"

#include "tests/unit/facts.h"

static void what_is_slow_follows_from_what_comes(void **state)
{
	(void)state;
	struct speed speed = { 0 };
	assert_int_equal(speed_floor(&speed), 0);
	speed_learn(&speed, SPEED_LEARN_SIZE - 1, 1); /* tells nothing */
	assert_int_equal(speed_floor(&speed), 0);
	speed_learn(&speed, 8 << 20, 1000);
	assert_int_equal(speed_floor(&speed), 512 << 10);
	speed_learn(&speed, SPEED_LEARN_SIZE, 1 << 30);
	assert_int_equal(speed_floor(&speed), 384 << 10);
	for (int i = 0; i < 100; i++)
		speed_learn(&speed, UINT64_MAX / 1000, 0);
	assert_int_equal(speed_floor(&speed), SPEED_ENOUGH);
	for (int i = 0; i < 200; i++)
		speed_learn(&speed, SPEED_LEARN_SIZE, UINT32_MAX);
	assert_in_range(speed_floor(&speed), 0, 1);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(what_is_slow_follows_from_what_comes),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
