/* What findings at storage servers come to. */
#include "direct/direct_call.h"
#include "direct/direct_check_parts.h"

#include "tests/unit/facts.h"

enum { SERVERS = 3, FINDINGS = SERVERS + 1 /* the last is nobody's */ };

/* A check of which each server has answered, and has the share of its number. */
static struct direct_check *new_check(struct direct *direct, uint16_t needed)
{
	static const struct servers servers = { .count = SERVERS };
	struct direct_check *check = calloc(1, sizeof *check + FINDINGS * sizeof check->finding[0]);
	*direct = (struct direct){ .servers = &servers };
	check->own.direct = direct;
	check->cap = (struct cap){ .kind = CAP_CHK, .needed = needed, .total = FINDINGS };
	for (unsigned i = 0; i < FINDINGS; i++) {
		check->finding[i].answered = true;
		share_set_add(&check->finding[i].good, i);
	}
	return check;
}

static void findings_of_known_servers_count(void **state)
{
	struct direct direct;
	struct direct_check *check = new_check(&direct, 3);
	(void)state;
	assert_false(check_sum(check));
	assert_int_equal(check->result.responding, SERVERS);
	assert_int_equal(check->result.good_hosts, SERVERS);
	assert_int_equal(check->result.good_shares, SERVERS);
	assert_int_equal(check->result.happiness, SERVERS);
	assert_true(check->result.recoverable);
	assert_false(check->result.healthy);
	check->cap.needed = 4;
	check->result = (struct store_health){ 0 };
	assert_false(check_sum(check));
	assert_false(check->result.recoverable);
	free(check);
}

/* No more of it is told than there is room for; all of it counts. */
static void damage_is_named_as_far_as_there_is_room(void **state)
{
	struct direct direct;
	struct direct_check *check = new_check(&direct, 1);
	(void)state;
	check->cap.total = STORE_DAMAGE_MAX;
	for (unsigned i = 0; i < SERVERS; i++)
		for (unsigned share = 0; share < STORE_DAMAGE_MAX / 2; share++)
			share_set_add(&check->finding[i].corrupt, share);
	assert_false(check_sum(check));
	assert_int_equal(check->result.corrupt_shares, SERVERS * (STORE_DAMAGE_MAX / 2));
	assert_int_equal(check->result.damage.count, STORE_DAMAGE_MAX);
	assert_int_equal(check->result.damage.at[STORE_DAMAGE_MAX - 1].server, 1);
	assert_int_equal(check->result.damage.at[STORE_DAMAGE_MAX - 1].share,
			 STORE_DAMAGE_MAX / 2 - 1);
	free(check);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(findings_of_known_servers_count),
		cmocka_unit_test(damage_is_named_as_far_as_there_is_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
