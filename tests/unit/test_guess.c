#include "audit/guess.h"

#include "tests/unit/facts.h"

#include <math.h>

static void assert_near(double a, double b) { assert_true(fabs(a - b) < 1e-9); }

static void a_file_weighs_its_bytes_where_these_are_read(void **state)
{
	(void)state;
	assert_near(guess_file(1 << 20, false), 1);
	assert_near(guess_file(1 << 20, true), 17);
	assert_near(guess_file(0, true), 1);
}

static void a_directory_weighs_what_those_before_it_weighed(void **state)
{
	(void)state;
	struct guess guess = { 0 };
	assert_near(guess_directory(&guess), 1);
	guess_listed(&guess, 10);
	assert_near(guess_directory(&guess), 11);
	guess_listed(&guess, 0);
	assert_near(guess_directory(&guess), 6);
}

static void all_of_it_is_never_guessed(void **state)
{
	(void)state;
	struct guess guess = { .done = 0.374 };
	assert_int_equal(guess_percent(&guess), 37);
	guess.done = 0;
	assert_int_equal(guess_percent(&guess), 0);
	guess.done = 1;
	assert_int_equal(guess_percent(&guess), 99);
	guess.done = 1.0000001;
	assert_int_equal(guess_percent(&guess), 99);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_weighs_its_bytes_where_these_are_read),
		cmocka_unit_test(a_directory_weighs_what_those_before_it_weighed),
		cmocka_unit_test(all_of_it_is_never_guessed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
