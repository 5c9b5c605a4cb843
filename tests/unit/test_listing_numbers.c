#include "store/listing_numbers.h"

#include "tests/unit/facts.h"

static void reads_digits_up_to_a_limit(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t max, value;
		bool good;
	} row[] = {
		{ "0", 0, 0, true },
		{ "5", 4, 0, false },
		{ "5", 5, 5, true },
		{ "007", 9, 7, true },
		{ "4294967295", UINT32_MAX, UINT32_MAX, true },
		{ "4294967296", UINT32_MAX, 0, false },
		{ "9223372036854775807", INT64_MAX, INT64_MAX, true },
		{ "9223372036854775808", INT64_MAX, 0, false },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX, true },
		{ "18446744073709551616", UINT64_MAX, 0, false },
		{ "99999999999999999999999999", UINT64_MAX, 0, false },
		{ "", UINT64_MAX, 0, false },
		{ "-1", UINT64_MAX, 0, false },
		{ "+1", UINT64_MAX, 0, false },
		{ "1.0", UINT64_MAX, 0, false },
		{ "1e3", UINT64_MAX, 0, false },
		{ "1e999999", UINT64_MAX, 0, false },
		{ "NaN", UINT64_MAX, 0, false },
	};
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		uint64_t value = 0;
		assert_int_equal(
			listing_whole_number(row[i].text, strlen(row[i].text), row[i].max, &value),
			row[i].good);
		if (row[i].good)
			assert_int_equal(value, row[i].value);
	}
}

static void reads_times_that_fit(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ns;
		bool good;
	} row[] = {
		{ "0", 0, true },
		{ "-0.0", 0, true },
		{ "1.5", 1500000000, true },
		{ "-1.5", -1500000000, true },
		{ "-0.000000001", -1, true },
		{ "0.0000000009", 1, true },
		{ "0.0000000004", 0, true },
		{ "-9.999999717180685e-10", -1, true },
		{ "0.00000000009", 0, true },
		{ "1699999999.1234567891234", 1699999999123456789, true },
		{ "9223372035.999999999", 9223372035999999999, true },
		{ "-9223372035", -9223372035000000000, true },
		{ "9223372036", 9223372036000000000, true },
		{ "9223372037", 0, false },
		{ "-9223372036.9", 0, false },
		{ "1e308", 0, false },
		{ "-1e308", 0, false },
		{ "1e-07", 100, true },
		{ "1e-9", 1, true },
		{ "-5e-09", -5, true },
		{ "1e-10", 0, true },
		{ "1.5e3", 1500000000000, true },
		{ "1.7000000001234567E+9", 1700000000123456700, true },
		{ "0.00000000000000000000012e+20", 12000000, true },
		{ "120000000000000000000000000e-26", 1200000000, true },
		{ "0e999999", 0, true },
		{ "1e-99999999999999999999", 0, true },
		{ "1e10", 0, false },
		{ "1e", 0, false },
		{ "1e+", 0, false },
		{ "1e5.5", 0, false },
		{ "NaN", 0, false },
		{ "Infinity", 0, false },
		{ "100000000000000000000000", 0, false },
		{ "18446744073709551615", 0, false },
		{ "1e999999", 0, false },
		{ "", 0, false },
		{ "-", 0, false },
		{ ".5", 0, false },
		{ "1.2.3", 0, false },
		{ "--1", 0, false },
		{ "1-", 0, false },
	};
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		int64_t ns = 0;
		assert_int_equal(listing_nanoseconds(row[i].text, strlen(row[i].text), &ns),
				 row[i].good);
		if (row[i].good)
			assert_int_equal(ns, row[i].ns);
	}
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(reads_digits_up_to_a_limit),
		cmocka_unit_test(reads_times_that_fit),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
