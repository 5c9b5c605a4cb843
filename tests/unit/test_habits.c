#include "direct/habits.h"

#include "tests/unit/facts.h"

enum { SERVERS = 5, TOTAL = 5, NEEDED = 3 };

static const uint16_t orders[][SERVERS] = {
	{ 0, 1, 2, 3, 4 },
	{ 4, 2, 0, 1, 3 },
	{ 2, 3, 4, 0, 1 },
};

static const bool all[SERVERS] = { true, true, true, true, true };

/* Has a server say that it has `number` of a file with that order, and nothing else. */
static void learn(struct habits *habits, const uint16_t *order, unsigned rank, unsigned number)
{
	bool found[SHARE_NUMBERS_MAX] = { 0 };
	const struct habit_place place = { order[rank], rank, TOTAL };
	found[number] = true;
	habits_learn(habits, &place, found);
}

static bool guess(struct habits *habits, const uint16_t *order, struct habit_guess *out)
{
	return habits_guess(habits, order, all, TOTAL, NEEDED, out);
}

static void nothing_is_guessed_before_anything_was_seen(void **state)
{
	(void)state;
	struct habits *habits = habits_new(SERVERS);
	struct habit_guess out[NEEDED];
	assert_false(guess(habits, orders[0], out));
	assert_false(guess(NULL, orders[0], out));
	learn(NULL, orders[0], 0, 0);
	habits_free(habits);
	habits_free(NULL);
}

static void shares_lie_in_the_order_of_the_servers(void **state)
{
	(void)state;
	struct habits *habits = habits_new(SERVERS);
	struct habit_guess out[NEEDED];
	for (unsigned rank = 0; rank < NEEDED; rank++)
		learn(habits, orders[0], rank, rank);
	assert_true(guess(habits, orders[1], out));
	for (unsigned i = 0; i < NEEDED; i++) {
		assert_int_equal(out[i].server, orders[1][i]);
		assert_int_equal(out[i].number, i);
	}
	habits_free(habits);
}

static void a_server_has_the_number_it_had(void **state)
{
	(void)state;
	struct habits *habits = habits_new(SERVERS);
	struct habit_guess out[NEEDED];
	for (unsigned times = 0; times < 2; times++) {
		assert_false(guess(habits, orders[0], out));
		for (unsigned rank = 0; rank < SERVERS; rank++)
			learn(habits, orders[1], rank, (orders[1][rank] + 1) % TOTAL);
	}
	assert_true(guess(habits, orders[2], out));
	for (unsigned i = 0; i < NEEDED; i++) {
		assert_int_equal(out[i].server, orders[2][i]);
		assert_int_equal(out[i].number, (orders[2][i] + 1) % TOTAL);
	}
	/* Of files that are made otherwise nothing is known. */
	assert_false(habits_guess(habits, orders[2], all, TOTAL + 1, NEEDED, out));
	habits_free(habits);
}

static void a_server_that_is_away_is_left_out(void **state)
{
	(void)state;
	struct habits *habits = habits_new(SERVERS);
	struct habit_guess out[NEEDED];
	const bool some[SERVERS] = { true, false, true, true, true };
	const bool few[SERVERS] = { true, false, true };
	for (unsigned rank = 0; rank < SERVERS; rank++)
		learn(habits, orders[0], rank, rank);
	assert_true(habits_guess(habits, orders[0], some, TOTAL, NEEDED, out));
	assert_int_equal(out[1].server, 2);
	assert_int_equal(out[1].number, 2);
	assert_int_equal(out[2].number, 3);
	assert_false(habits_guess(habits, orders[0], few, TOTAL, NEEDED, out));
	habits_free(habits);
}

static void what_is_wrong_often_is_guessed_no_more(void **state)
{
	(void)state;
	struct habits *habits = habits_new(SERVERS);
	struct habit_guess out[NEEDED];
	unsigned times = 0;
	for (unsigned i = 0; i < 20; i++)
		learn(habits, orders[i % 3], i % SERVERS, i % SERVERS);
	while (guess(habits, orders[times % 3], out)) {
		const struct habit_place place = { out[0].server, 0, TOTAL };
		habits_judge(habits, &place, out[0].number, false);
		times++;
	}
	assert_in_range(times, 2, 4);
	habits_free(habits);
}

static void what_is_right_is_guessed_for_ever(void **state)
{
	(void)state;
	struct habits *habits = habits_new(SERVERS);
	struct habit_guess out[NEEDED];
	for (unsigned rank = 0; rank < NEEDED; rank++)
		learn(habits, orders[0], rank, rank);
	for (unsigned times = 0; times < 100; times++) {
		assert_true(guess(habits, orders[times % 3], out));
		for (unsigned i = 0; i < NEEDED; i++) {
			const struct habit_place place = { out[i].server, i, TOTAL };
			habits_judge(habits, &place, out[i].number, true);
		}
	}
	habits_free(habits);
}

/* Where nothing is found, and where something else is: each costs a quarter of the mark. */
static void what_servers_had_is_believed_less_when_it_is_wrong(void **state)
{
	(void)state;
	for (unsigned there = 0; there < 2; there++) {
		struct habits *habits = habits_new(SERVERS);
		struct habit_guess out[NEEDED];
		for (unsigned i = 0; i < 2 * SERVERS; i++)
			learn(habits, orders[1], i % SERVERS, (orders[1][i % SERVERS] + 1) % TOTAL);
		for (unsigned rank = 1; rank < 3; rank++) {
			const struct habit_place place = { orders[1][rank], rank, TOTAL };
			const unsigned number = (place.server + 1) % TOTAL;
			assert_true(guess(habits, orders[1], out));
			habits_judge(habits, &place, there ? (number + 2) % TOTAL : number, there);
			if (!there) /* it is known again */
				learn(habits, orders[1], rank, number);
		}
		assert_false(guess(habits, orders[1], out));
		habits_free(habits);
	}
}

static void few_servers_give_several_each(void **state)
{
	(void)state;
	struct habits *habits = habits_new(2);
	struct habit_guess out[NEEDED];
	const uint16_t order[2] = { 1, 0 };
	bool found[SHARE_NUMBERS_MAX] = { [0] = true, [2] = true, [4] = true };
	const struct habit_place first = { 1, 0, TOTAL }, second = { 0, 1, TOTAL };
	for (unsigned times = 0; times < 3; times++)
		habits_learn(habits, &first, found);
	memset(found, 0, sizeof found);
	found[1] = found[3] = true;
	habits_learn(habits, &second, found);
	assert_true(habits_guess(habits, order, all, TOTAL, NEEDED, out));
	assert_int_equal(out[0].number, 0);
	assert_int_equal(out[1].number, 1);
	assert_int_equal(out[2].number, 2);
	assert_int_equal(out[2].server, 1);
	habits_free(habits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_guessed_before_anything_was_seen),
		cmocka_unit_test(shares_lie_in_the_order_of_the_servers),
		cmocka_unit_test(a_server_has_the_number_it_had),
		cmocka_unit_test(a_server_that_is_away_is_left_out),
		cmocka_unit_test(what_is_wrong_often_is_guessed_no_more),
		cmocka_unit_test(what_is_right_is_guessed_for_ever),
		cmocka_unit_test(what_servers_had_is_believed_less_when_it_is_wrong),
		cmocka_unit_test(few_servers_give_several_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
