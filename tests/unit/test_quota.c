#include "engine/quota.h"

#include "tests/unit/facts.h"

static void has_no_limit_unless_given(void **state)
{
	(void)state;
	struct quota quota;
	char text[QUOTA_TEXT_SIZE];
	quota_init(&quota, 0, 0, 1000);
	for (int i = 0; i < 10; i++)
		assert_true(quota_admits(&quota, UINT64_C(1) << 40, UINT64_C(1) << 40));
	assert_null(quota_text(&quota, text));
}

static void ends_after_so_many_bytes(void **state)
{
	(void)state;
	struct quota quota;
	char text[QUOTA_TEXT_SIZE];
	quota_init(&quota, 1 << 20, 0, 1000);
	assert_true(quota_admits(&quota, 0, 1000));
	assert_true(quota_admits(&quota, (1 << 20) - 1, 1000));
	assert_true(quota_admits(&quota, 5 << 20, 1000)); /* the last one may go beyond */
	assert_true(quota_admits(&quota, 0, 1000)); /* what comes to the limit exactly ends well */
	assert_int_equal(quota_reached(&quota), QUOTA_NONE);
	assert_false(quota_admits(&quota, 1, 1000));
	assert_false(quota_admits(&quota, 0, 1000));
	assert_int_equal(quota_reached(&quota), QUOTA_TRANSFER);
	assert_string_equal(quota_text(&quota, text), "--max-transfer 1.0 MiB");
}

/* A sum that began anew would let everything through. */
static void made_up_sizes_do_not_wear_the_limit_out(void **state)
{
	(void)state;
	struct quota quota;
	quota_init(&quota, UINT64_C(1) << 40, 0, 1000);
	assert_true(quota_admits(&quota, UINT64_MAX, 1000));
	assert_false(quota_admits(&quota, UINT64_MAX, 1000));
	quota_init(&quota, UINT64_MAX, 0, 1000);
	for (int i = 0; i < 2; i++)
		assert_true(quota_admits(&quota, (UINT64_C(1) << 63), 1000));
	assert_false(quota_admits(&quota, 1, 1000));
}

static void ends_after_so_long(void **state)
{
	(void)state;
	struct quota quota;
	char text[QUOTA_TEXT_SIZE];
	quota_init(&quota, 100, 90500, 1000);
	assert_true(quota_admits(&quota, 10, 91499));
	assert_false(quota_admits(&quota, 10, 91500));
	assert_false(quota_admits(&quota, 10, 1000));
	assert_int_equal(quota_reached(&quota), QUOTA_DURATION);
	assert_string_equal(quota_text(&quota, text), "--max-duration 90.500 s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_no_limit_unless_given),
		cmocka_unit_test(ends_after_so_many_bytes),
		cmocka_unit_test(made_up_sizes_do_not_wear_the_limit_out),
		cmocka_unit_test(ends_after_so_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
