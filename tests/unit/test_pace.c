#include "net/pace.h"

#include "tests/unit/facts.h"

enum { KIB = 1 << 10, MIB = 1 << 20 };

/* Moves `size` bytes in pieces at the time they are due.  Returns when the last was. */
static uint64_t move(struct pace *pace, uint64_t size, uint64_t piece, uint64_t now_ms)
{
	for (uint64_t done = 0; done < size; done += piece)
		now_ms = pace_ask(pace, piece, now_ms);
	return now_ms;
}

static void keeps_the_rate(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, MIB);
	uint64_t begin = 5000, end = move(&pace, 3 * MIB, 16 * KIB, begin);
	assert_int_equal(end - begin, 3000 - PACE_BURST_MS);
	assert_int_equal(move(&pace, 10 * MIB, 1000, end) - end, 10001); /* pieces round up */
}

static void lets_through_at_once_what_is_less_than_a_burst(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, MIB);
	assert_int_equal(pace_ask(&pace, MIB / 4, 5000), 5000);
	assert_true(pace_ask(&pace, KIB, 5000) > 5000);
}

static void forgets_what_was_not_moved(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, MIB);
	uint64_t end = move(&pace, MIB, 16 * KIB, 5000) + 60000;
	assert_int_equal(move(&pace, MIB, 16 * KIB, end) - end, 1000 - PACE_BURST_MS);
}

static void is_one_for_all_who_ask(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, MIB);
	uint64_t due[8], moved = 0;
	for (int i = 0; i < 8; i++)
		due[i] = 5000;
	/* Each moves what it asked for at its own time and asks again: a second of that. */
	for (uint64_t now = 5000; now < 6000; now++)
		for (int i = 0; i < 8; i++)
			if (due[i] <= now) {
				due[i] = pace_ask(&pace, 4 * KIB, now);
				moved += due[i] < 6000 ? 4 * KIB : 0;
			}
	assert_true(moved <= MIB + MIB * PACE_BURST_MS / 1000);
	assert_true(moved >= MIB);
}

static void serves_in_the_order_of_asking(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 64 * KIB);
	uint64_t large = pace_ask(&pace, MIB, 5000), small = pace_ask(&pace, KIB, 5000);
	assert_int_equal(large, 5000 + 16000 - PACE_BURST_MS);
	assert_true(small > large && small <= large + 16);
}

static void asks_in_chunks_of_a_moment(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, MIB);
	assert_int_equal(pace_chunk(&pace), 64 * KIB);
	pace_init(&pace, PACE_RATE_MIN);
	assert_int_equal(pace_chunk(&pace), PACE_CHUNK_MIN);
	pace_init(&pace, PACE_RATE_MAX);
	assert_int_equal(pace_chunk(&pace), PACE_CHUNK_MAX);
	assert_true(pace_ask(&pace, 1 << 30, 5000) == 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_rate),
		cmocka_unit_test(lets_through_at_once_what_is_less_than_a_burst),
		cmocka_unit_test(forgets_what_was_not_moved),
		cmocka_unit_test(is_one_for_all_who_ask),
		cmocka_unit_test(serves_in_the_order_of_asking),
		cmocka_unit_test(asks_in_chunks_of_a_moment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
