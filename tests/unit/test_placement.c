#include "direct/placement.h"

#include "tests/unit/facts.h"

static struct placement with(unsigned shares, unsigned servers)
{
	struct placement placement;
	placement_init(&placement, shares, servers);
	return placement;
}

/* Takes the plan as done.  Returns how many shares it had. */
static unsigned put_all(struct placement *placement)
{
	uint16_t to[ERASURE_BLOCKS_MAX];
	unsigned planned = placement_plan(placement, to), put = 0;
	for (unsigned share = 0; share < placement->shares; share++) {
		if (to[share] == PLACEMENT_NONE)
			continue;
		placement_hold(placement, to[share], share);
		put++;
	}
	assert_int_equal(put, planned);
	return planned;
}

static void a_new_file_has_a_share_at_each_server(void **state)
{
	(void)state;
	struct placement placement = with(10, 12);
	uint16_t to[ERASURE_BLOCKS_MAX];
	assert_int_equal(placement_happiness(&placement), 0);
	assert_int_equal(placement_plan(&placement, to), 10);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(to[i], i);
	assert_int_equal(put_all(&placement), 10);
	assert_int_equal(put_all(&placement), 0);
	assert_int_equal(placement_happiness(&placement), 10);
	assert_int_equal(placement_placed(&placement), 10);
}

static void few_servers_get_several(void **state)
{
	(void)state;
	struct placement placement = with(10, 3);
	uint16_t to[ERASURE_BLOCKS_MAX];
	unsigned count[3] = { 0 };
	assert_int_equal(placement_plan(&placement, to), 10);
	for (unsigned i = 0; i < 10; i++)
		count[to[i]]++;
	assert_int_equal(count[0], 4);
	assert_int_equal(count[1], 3);
	assert_int_equal(count[2], 3);
	put_all(&placement);
	assert_int_equal(placement_happiness(&placement), 3);
}

/* What it has, and what it is to get besides. */
static void the_server_with_the_least_shares_gets_more(void **state)
{
	(void)state;
	struct placement placement = with(5, 2);
	uint16_t to[ERASURE_BLOCKS_MAX];
	placement_hold(&placement, 0, 0);
	placement_hold(&placement, 0, 1);
	assert_int_equal(placement_plan(&placement, to), 4);
	assert_int_equal(to[0], PLACEMENT_NONE);
	assert_int_equal(to[1], 1); /* now each has one that counts */
	assert_int_equal(to[2], 1);
	assert_int_equal(to[3], 0); /* the first of those that have as many */
	assert_int_equal(to[4], 1);
}

static void what_is_there_counts(void **state)
{
	(void)state;
	struct placement placement = with(4, 5);
	uint16_t to[ERASURE_BLOCKS_MAX];
	placement_hold(&placement, 3, 0);
	placement_hold(&placement, 4, 1);
	assert_int_equal(placement_plan(&placement, to), 2);
	assert_int_equal(to[0], PLACEMENT_NONE);
	assert_int_equal(to[1], PLACEMENT_NONE);
	assert_int_equal(to[2], 0);
	assert_int_equal(to[3], 1);
}

static void all_at_one_server_are_spread(void **state)
{
	(void)state;
	struct placement placement = with(3, 3);
	for (unsigned i = 0; i < 3; i++)
		placement_hold(&placement, 1, i);
	assert_int_equal(placement_happiness(&placement), 1);
	assert_int_equal(put_all(&placement), 2);
	assert_int_equal(placement_happiness(&placement), 3);
}

/* Who has what is such that a greedy choice of partners finds two pairs of three. */
static void happiness_is_a_maximum_matching(void **state)
{
	(void)state;
	struct placement placement = with(3, 3);
	placement_hold(&placement, 0, 0);
	placement_hold(&placement, 0, 1);
	placement_hold(&placement, 1, 0);
	placement_hold(&placement, 1, 2);
	placement_hold(&placement, 2, 0);
	assert_int_equal(placement_happiness(&placement), 3);
	placement_lose(&placement, 2, 0);
	assert_int_equal(placement_happiness(&placement), 2);
}

static void who_refuses_gets_nothing(void **state)
{
	(void)state;
	struct placement placement = with(3, 4);
	uint16_t to[ERASURE_BLOCKS_MAX];
	placement_refuse(&placement, 0);
	placement_hold(&placement, 1, 0);
	placement_refuse(&placement, 1);
	assert_int_equal(placement_plan(&placement, to), 2);
	assert_int_equal(to[0], PLACEMENT_NONE);
	assert_int_equal(to[1], 2);
	assert_int_equal(to[2], 3);
	for (unsigned i = 2; i < 4; i++)
		placement_refuse(&placement, i);
	assert_int_equal(placement_plan(&placement, to), 0);
	assert_int_equal(placement_placed(&placement), 1);
}

static void what_is_damaged_gets_another_place(void **state)
{
	(void)state;
	struct placement placement = with(3, 3);
	uint16_t to[ERASURE_BLOCKS_MAX];
	placement_spoil(&placement, 0, 0);
	placement_hold(&placement, 0, 0); /* the server says that it has it */
	assert_false(placement_has(&placement, 0, 0));
	assert_int_equal(placement_plan(&placement, to), 3);
	assert_int_equal(to[0], 1);
	assert_int_equal(to[1], 0);
	assert_int_equal(to[2], 2);
	for (unsigned i = 1; i < 3; i++)
		placement_hold(&placement, i, i);
	assert_int_equal(placement_plan(&placement, to), 1);
	assert_in_range(to[0], 1, 2);
	placement_spoil(&placement, 1, 0);
	placement_spoil(&placement, 2, 0);
	assert_int_equal(placement_plan(&placement, to), 0);
}

static void the_largest_grid_is_placed(void **state)
{
	(void)state;
	struct placement placement = with(ERASURE_BLOCKS_MAX, PLACEMENT_SERVERS_MAX);
	assert_int_equal(put_all(&placement), ERASURE_BLOCKS_MAX);
	assert_int_equal(placement_happiness(&placement), ERASURE_BLOCKS_MAX);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(a_new_file_has_a_share_at_each_server),
		cmocka_unit_test(few_servers_get_several),
		cmocka_unit_test(the_server_with_the_least_shares_gets_more),
		cmocka_unit_test(what_is_there_counts),
		cmocka_unit_test(all_at_one_server_are_spread),
		cmocka_unit_test(happiness_is_a_maximum_matching),
		cmocka_unit_test(who_refuses_gets_nothing),
		cmocka_unit_test(what_is_damaged_gets_another_place),
		cmocka_unit_test(the_largest_grid_is_placed),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
