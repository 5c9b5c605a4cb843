#include "direct/required.h"

#include "tests/unit/facts.h"

#define BYTES(text) (text), sizeof(text) - 1
#define HEAD        "\xa1\x68required"
#define BEGIN                                                                                      \
	"\x65"                                                                                     \
	"begin"
#define END                                                                                        \
	"\x63"                                                                                     \
	"end"

static void the_first_range_counts(void **state)
{
	(void)state;
	static const struct {
		const char *data;
		size_t size;
		uint64_t first;
	} row[] = {
		{ BYTES(HEAD "\x80"), UINT64_MAX },
		{ BYTES(HEAD "\x9f\xff"), UINT64_MAX },
		{ BYTES(HEAD "\x81\xa2" BEGIN "\x18\x24" END "\x19\x01\x00"), 36 },
		{ BYTES(HEAD "\x81\xa2" END "\x19\x01\x00" BEGIN "\x05"), 5 },
		{ BYTES(HEAD "\x82\xa2" BEGIN "\x1a\x00\x10\x00\x00" END "\x1b\0\0\0\1\0\0\0\0"
			     "\xa2" BEGIN "\x07" END "\x09"),
		  7 },
		{ BYTES(HEAD "\x9f\xa2" BEGIN "\x00" END "\x01\xff"), 0 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		uint64_t first = 1;
		struct err err;
		assert_int_equal(required_read(row[i].data, row[i].size, &first, &err), 0);
		assert_int_equal(first, row[i].first);
	}
}

static void everything_else_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *data;
		size_t size;
	} row[] = {
		{ BYTES("") },
		{ BYTES("\x80") },
		{ BYTES("\xa0") },
		{ BYTES(HEAD) },
		{ BYTES(HEAD "\x81") },
		{ BYTES(HEAD "\x80\x00") },
		{ BYTES(HEAD "\x9f") },
		{ BYTES(HEAD "\xa0") },
		{ BYTES("\xa1\x68requires\x80") },
		{ BYTES("\xa2\x68required\x80\x00\x00") },
		{ BYTES(HEAD "\x81\xa1" BEGIN "\x00") },
		{ BYTES(HEAD "\x81\xa2" BEGIN "\x00" BEGIN "\x01") },
		{ BYTES(HEAD "\x81\xa2" BEGIN "\x05" END "\x05") },
		{ BYTES(HEAD "\x81\xa2" BEGIN "\x20" END "\x05") },
		{ BYTES(HEAD "\x81\xa2" BEGIN "\x00" END) },
		{ BYTES(HEAD "\x9b\xff\xff\xff\xff\xff\xff\xff\xff") },
		{ BYTES(HEAD "\x81\xbf" BEGIN "\x00" END "\x05\xff") },
	};
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		uint64_t first;
		struct err err;
		assert_int_equal(required_read(row[i].data, row[i].size, &first, &err),
				 FAULT_CORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_range_counts),
		cmocka_unit_test(everything_else_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
