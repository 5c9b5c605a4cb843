#include "queue/core/array.h"

#include "tests/unit/facts.h"

static void it_has_room_for_one_more_and_keeps_what_is_there(void **state)
{
	(void)state;
	uint64_t *number = NULL;
	size_t capacity = 0;
	for (size_t count = 0; count < 1000; count++) {
		assert_true(array_reserve(&number, count, &capacity, sizeof *number));
		assert_true(capacity > count);
		number[count] = 7 * count;
	}
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(number[i], 7 * i);
	assert_int_equal(capacity, 1024);
	const uint64_t *before = number;
	assert_true(array_reserve(&number, 1023, &capacity, sizeof *number));
	assert_ptr_equal(number, before);
	free(number);
}

static void what_no_memory_could_hold_is_refused_and_all_is_as_before(void **state)
{
	(void)state;
	char *item = malloc(1);
	char *before = item;
	size_t capacity = 1;
	assert_non_null(item);
	assert_false(array_reserve(&item, 1, &capacity, SIZE_MAX / 2 + 1));
	assert_ptr_equal(item, before);
	assert_int_equal(capacity, 1);
	free(item);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_room_for_one_more_and_keeps_what_is_there),
		cmocka_unit_test(what_no_memory_could_hold_is_refused_and_all_is_as_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
