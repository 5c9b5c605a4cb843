#include "engine/budget.h"

#include "tests/unit/facts.h"

/* The largest run there is, and the usual one. */
static const struct budget_wish largest = {
	.readers = 64,
	.comparers = 64,
	.transfers = 256,
	.modest_transfers = 16,
	.directories = 8,
	.gateways = 4,
	.stores = 4,
	.direct = true,
	.to_local = true,
};
static const struct budget_wish usual = {
	.readers = 8,
	.transfers = 64,
	.modest_transfers = 4,
	.directories = 2,
	.gateways = 1,
	.stores = 1,
	.direct = true,
	.to_local = true,
};

/* What must hold of each share, whatever was left: not more than was wished, and never none. */
static void assert_fair(const struct budget_wish *wish, const struct budget *budget)
{
	assert_in_range(budget->readers, wish->readers > 0, wish->readers);
	assert_in_range(budget->comparers, wish->comparers > 0, wish->comparers);
	assert_in_range(budget->transfers, wish->gateways, wish->transfers);
	assert_in_range(budget->directories, wish->gateways, wish->directories);
	assert_in_range(budget->source_dirs, 2, 32);
	assert_in_range(budget->walk_dirs, 2, 32);
	assert_in_range(budget->target_dirs, 2, 64);
	assert_in_range(budget->arrivals, 2, 64);
	assert_in_range(budget->lookers, 1, 8);
	assert_true(wish->direct || !budget->direct);
}

static void the_usual_run_has_all_it_wants(void **state)
{
	(void)state;
	struct budget budget;
	struct err err;
	assert_int_equal(budget_divide(&usual, 1000, &budget, &err), FAULT_NONE);
	assert_fair(&usual, &budget);
	assert_int_equal(budget.readers, 8);
	assert_int_equal(budget.source_dirs, 32);
	assert_int_equal(budget.arrivals, 64);
	assert_int_equal(budget.transfers, 64);
	assert_true(budget.direct);
}

/* More requests than at first are a wish: readers, and a modest number of them, come before. */
static void requests_beyond_the_first_give_way(void **state)
{
	(void)state;
	struct budget_wish wish = usual;
	struct budget budget;
	struct err err;
	wish.direct = false;
	assert_int_equal(budget_divide(&wish, 240, &budget, &err), FAULT_NONE);
	assert_fair(&wish, &budget);
	assert_int_equal(budget.readers, 8);
	assert_in_range(budget.transfers, 4, 32);
}

/* The documented most of readers, with the usual limit: fewer directories stay open, and all
 * readers are there. */
static void many_readers_keep_fewer_directories(void **state)
{
	(void)state;
	struct budget_wish wish = usual;
	struct budget budget;
	struct err err;
	wish.readers = 64;
	wish.to_local = false;
	assert_int_equal(budget_divide(&wish, 1000, &budget, &err), FAULT_NONE);
	assert_fair(&wish, &budget);
	assert_int_equal(budget.readers, 64);
	assert_in_range(budget.source_dirs, 4, 16);
}

/* From the first number that is enough, all larger ones are, and each run has one of each. */
static void whatever_is_left_is_enough_or_refused(void **state)
{
	(void)state;
	const struct budget_wish *const wishes[] = { &usual, &largest };
	for (size_t i = 0; i < ARRAY_COUNT(wishes); i++) {
		bool enough = false;
		unsigned first = 0;
		for (unsigned left = 0; left < 6000; left++) {
			struct budget budget = { .readers = 999 };
			struct err err;
			enum fault fault = budget_divide(wishes[i], left, &budget, &err);
			if (fault) {
				assert_false(enough);
				assert_int_equal(fault, FAULT_NOMEM);
				assert_non_null(strstr(err.text, "ulimit -n"));
				assert_int_equal(budget.readers, 999);
				continue;
			}
			if (!enough)
				first = left;
			enough = true;
			assert_fair(wishes[i], &budget);
		}
		assert_in_range(first, 30, 130);
	}
}

static void what_is_not_wanted_costs_nothing(void **state)
{
	(void)state;
	const struct budget_wish none = { .readers = 0 };
	struct budget budget;
	struct err err;
	assert_int_equal(budget_divide(&none, 18, &budget, &err), FAULT_NONE);
	assert_fair(&none, &budget);
	assert_int_equal(budget_divide(&none, 17, &budget, &err), FAULT_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_run_has_all_it_wants),
		cmocka_unit_test(requests_beyond_the_first_give_way),
		cmocka_unit_test(many_readers_keep_fewer_directories),
		cmocka_unit_test(whatever_is_left_is_enough_or_refused),
		cmocka_unit_test(what_is_not_wanted_costs_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
