#include "keys/leaves.h"

#include "tests/unit/facts.h"

static const char one[] = "URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:"
			  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static void a_directory_is_known_for_a_while(void **state)
{
	(void)state;
	struct leaves leaves;
	struct err err;
	struct cap cap, found;
	assert_int_equal(cap_parse(one, strlen(one), &cap, &err), FAULT_NONE);
	assert_int_equal(leaves_init(&leaves, &err), FAULT_NONE);
	assert_false(leaves_find(&leaves, 7, 5, &found));
	leaves_keep(&leaves, 7, 1000, &cap);
	assert_false(leaves_find(&leaves, 6, 1000, &found));
	assert_true(leaves_find(&leaves, 7, 1000 + LEAVES_KEPT_MS - 1, &found));
	assert_true(cap_equal(&found, &cap));
	assert_false(leaves_find(&leaves, 7, 1000 + LEAVES_KEPT_MS, &found));
	leaves_keep(&leaves, 7, 1000 + LEAVES_KEPT_MS, &cap);
	assert_true(leaves_find(&leaves, 7, 1000 + LEAVES_KEPT_MS, &found));
	leaves_fini(&leaves);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_is_known_for_a_while),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
