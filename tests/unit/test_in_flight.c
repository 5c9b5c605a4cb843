#include "serve/in_flight.h"

#include "tests/unit/facts.h"

static const unsigned char a[CAP_KEY_SIZE] = "aaaaaaaaaaaaaaa", b[CAP_KEY_SIZE] = "bbbbbbbbbbbbbbb";

static void the_second_of_two_at_once_loses(void **state)
{
	(void)state;
	struct in_flight flights = { 0 };
	struct in_flight_mark mark;
	const uint64_t second = in_flight_arrive(&flights);
	assert_false(in_flight_lost(&flights, a, second));
	in_flight_created(&flights, &mark, a);
	assert_true(in_flight_lost(&flights, a, second));
	assert_false(in_flight_lost(&flights, b, second));
	in_flight_end(&flights, &mark);
	/* Its headers came before the reply of the first went out. */
	assert_true(in_flight_lost(&flights, a, second));
}

static void one_after_the_other_both_win(void **state)
{
	(void)state;
	struct in_flight flights = { 0 };
	struct in_flight_mark mark;
	(void)in_flight_arrive(&flights);
	in_flight_created(&flights, &mark, a);
	in_flight_end(&flights, &mark);
	assert_false(in_flight_lost(&flights, a, in_flight_arrive(&flights)));
}

static void many_may_be_on_their_way(void **state)
{
	(void)state;
	struct in_flight flights = { 0 };
	struct in_flight_mark marks[IN_FLIGHT_RECENT];
	unsigned char index[CAP_KEY_SIZE] = { 0 };
	const uint64_t arrival = in_flight_arrive(&flights);
	for (size_t i = 0; i < IN_FLIGHT_RECENT; i++) {
		store_le64(index, i);
		in_flight_created(&flights, &marks[i], index);
	}
	for (size_t i = 0; i < IN_FLIGHT_RECENT; i += 2)
		in_flight_end(&flights, &marks[i]);
	for (size_t i = 0; i < IN_FLIGHT_RECENT; i++) {
		store_le64(index, i);
		assert_true(in_flight_lost(&flights, index, arrival));
		assert_int_equal(in_flight_lost(&flights, index, in_flight_arrive(&flights)),
				 i % 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_second_of_two_at_once_loses),
		cmocka_unit_test(one_after_the_other_both_win),
		cmocka_unit_test(many_may_be_on_their_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
