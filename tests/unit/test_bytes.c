#include "base/bytes.h"

#include "tests/unit/facts.h"

static void grows_to_its_maximum_and_no_further(void **state)
{
	(void)state;
	struct bytes b;
	bytes_init(&b, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(bytes_append(&b, &(char){ (char)i }, 1), FAULT_NONE);
	assert_int_equal(bytes_append(&b, "x", 1), FAULT_TOO_LARGE);
	assert_int_equal(bytes_printf(&b, "%d", 7), FAULT_TOO_LARGE);
	assert_int_equal(bytes_reserve(&b, SIZE_MAX), FAULT_TOO_LARGE);
	assert_int_equal(b.size, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(b.data[i], (unsigned char)i);
	bytes_fini(&b);
	assert_null(b.data);
}

static void keeps_a_zero_behind_the_contents(void **state)
{
	(void)state;
	struct bytes b;
	bytes_init(&b, 64);
	assert_string_equal(bytes_text(&b), "");
	assert_int_equal(bytes_append(&b, NULL, 0), FAULT_NONE);
	assert_int_equal(bytes_append_text(&b, "alpha"), FAULT_NONE);
	assert_string_equal(bytes_text(&b), "alpha");
	assert_int_equal(bytes_printf(&b, "-%d", 12), FAULT_NONE);
	assert_string_equal(bytes_text(&b), "alpha-12");
	bytes_clear(&b);
	assert_string_equal(bytes_text(&b), "");
	assert_int_equal(b.size, 0);
	bytes_fini(&b);
}

static void clearing_wipes(void **state)
{
	(void)state;
	struct bytes b;
	bytes_init(&b, 64);
	assert_int_equal(bytes_append_text(&b, "secret"), FAULT_NONE);
	bytes_clear(&b);
	static const unsigned char zeros[6];
	assert_memory_equal(b.data, zeros, sizeof zeros);
	bytes_fini(&b);
}

static void a_taken_buffer_belongs_to_the_caller(void **state)
{
	(void)state;
	struct bytes b;
	size_t size;
	bytes_init(&b, 64);
	assert_null(bytes_take(&b, &size));
	assert_int_equal(bytes_append_text(&b, "alpha"), FAULT_NONE);
	unsigned char *data = bytes_take(&b, &size);
	assert_int_equal(size, 5);
	assert_string_equal((char *)data, "alpha");
	free(data);
	assert_int_equal(bytes_append_text(&b, "beta"), FAULT_NONE);
	assert_string_equal(bytes_text(&b), "beta");
	bytes_fini(&b);
	bytes_fini(NULL);
}

static void says_what_failed(void **state)
{
	(void)state;
	struct err err;
	assert_int_equal(bytes_err(FAULT_NONE, &err, "it"), FAULT_NONE);
	assert_int_equal(bytes_err(FAULT_TOO_LARGE, &err, "the body"), FAULT_TOO_LARGE);
	assert_string_equal(err.text, "the body is too large");
	assert_int_equal(bytes_err(FAULT_NOMEM, &err, "the body"), FAULT_NOMEM);
}

static void compares_as_memcmp_and_the_shorter_one_first(void **state)
{
	(void)state;
	assert_int_equal(bytes_compare("abc", 3, "abc", 3), 0);
	assert_true(bytes_compare("abc", 3, "abd", 3) < 0);
	assert_true(bytes_compare("\xff", 1, "a", 1) > 0);
	assert_true(bytes_compare("ab", 2, "abc", 3) < 0);
	assert_true(bytes_compare("b", 1, "abc", 3) > 0);
	assert_true(bytes_compare("a\0b", 3, "a\0a", 3) > 0);
	assert_int_equal(bytes_compare(NULL, 0, NULL, 0), 0);
	assert_true(bytes_compare(NULL, 0, "", 1) < 0);
}

static void puts_numbers_in_decimal(void **state)
{
	(void)state;
	static const uint64_t value[] = { 0,         9, 10, 4096, 99999, UINT32_MAX, UINT64_MAX - 6,
					  UINT64_MAX };
	for (size_t i = 0; i < ARRAY_COUNT(value); i++) {
		char printed[DECIMAL_MAX + 1], text[DECIMAL_MAX + 1];
		snprintf(printed, sizeof printed, "%llu", (unsigned long long)value[i]);
		*decimal_put(text, value[i]) = '\0';
		assert_string_equal(text, printed);
	}
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(grows_to_its_maximum_and_no_further),
		cmocka_unit_test(keeps_a_zero_behind_the_contents),
		cmocka_unit_test(clearing_wipes),
		cmocka_unit_test(a_taken_buffer_belongs_to_the_caller),
		cmocka_unit_test(says_what_failed),
		cmocka_unit_test(compares_as_memcmp_and_the_shorter_one_first),
		cmocka_unit_test(puts_numbers_in_decimal),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
