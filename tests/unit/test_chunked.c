#include "tahoe/chunked.h"

#include "tests/unit/facts.h"

static void names_sort_as_the_bytes_do(void **state)
{
	(void)state;
	char name[CHUNK_NAME_SIZE], before[CHUNK_NAME_SIZE];
	assert_int_equal(chunk_name(0, 2, name), 1);
	assert_string_equal(name, "1");
	assert_int_equal(chunk_name(9, 10, name), 2);
	assert_string_equal(name, "10");
	chunk_name(0, 1000, before);
	assert_string_equal(before, "0001");
	for (uint64_t i = 1; i < 1000; i++) {
		chunk_name(i, 1000, name);
		assert_true(strcmp(before, name) < 0);
		memcpy(before, name, sizeof before);
	}
	assert_int_equal(chunk_name(UINT64_MAX - 1, UINT64_MAX, name), 20);
}

int main(void)
{
	const struct CMUnitTest facts[] = { cmocka_unit_test(names_sort_as_the_bytes_do) };
	return cmocka_run_group_tests(facts, NULL, NULL);
}
