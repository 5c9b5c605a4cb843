#include "report/json.h"

#include "tests/unit/facts.h"

static void text_is_escaped_so_that_it_can_be_turned_back(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		size_t size;
		const char *out;
	} rows[] = {
		{ "", 0, "\"\"" },
		{ "a b/c", 5, "\"a b/c\"" },
		{ "\"\\\n\r\t\x01\x7f", 7, "\"\\\"\\\\\\n\\r\\t\\u0001\\u007f\"" },
		{ "a\0b", 3, "\"a\\u0000b\"" },
		{ "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 9,
		  "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\"" },
		{ "\xff"
		  "x\x80",
		  3, "\"\\udcffx\\udc80\"" },
		{ "\xc3", 1, "\"\\udcc3\"" },                       /* cut short */
		{ "\xed\xb2\x80", 3, "\"\\udced\\udcb2\\udc80\"" }, /* a surrogate itself */
		{ "\xc0\xaf", 2, "\"\\udcc0\\udcaf\"" },            /* overlong */
		{ "\xc2\x80\xc2\x9f", 4, "\"\\u0080\\u009f\"" },
		{ "a\xc2\xad\xd8\x9c", 5, "\"a\\u00ad\\u061c\"" },
		{ "\xe2\x80\x8b\xe2\x80\xae\xe2\x81\xa6\xef\xbb\xbf", 12,
		  "\"\\u200b\\u202e\\u2066\\ufeff\"" },
		{ "\xe2\x80\xa8\xe2\x80\xa9\xef\xb8\x8f", 9, "\"\\u2028\\u2029\\ufe0f\"" },
		{ "\xf3\xa0\x81\x81", 4, "\"\\udb40\\udc41\"" }, /* U+E0041 */
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct bytes out;
		bytes_init(&out, 1000);
		assert_int_equal(json_text(&out, rows[i].in, rows[i].size), FAULT_NONE);
		assert_string_equal(bytes_text(&out), rows[i].out);
		bytes_fini(&out);
	}
}

static void members_are_separated(void **state)
{
	(void)state;
	struct bytes out;
	bytes_init(&out, 1000);
	assert_int_equal(bytes_append_text(&out, "{"), FAULT_NONE);
	assert_int_equal(json_member(&out, "a", "x", 1), FAULT_NONE);
	assert_int_equal(json_number(&out, "b", UINT64_MAX), FAULT_NONE);
	assert_int_equal(json_open(&out, "c", '{'), FAULT_NONE);
	assert_int_equal(json_bool(&out, "d", true), FAULT_NONE);
	assert_string_equal(bytes_text(&out),
			    "{\"a\":\"x\",\"b\":18446744073709551615,\"c\":{\"d\":true");
	bytes_fini(&out);
}

static void a_full_buffer_is_a_fault(void **state)
{
	(void)state;
	struct bytes out;
	bytes_init(&out, 8);
	assert_int_equal(json_text(&out, "12345678", 8), FAULT_TOO_LARGE);
	bytes_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_escaped_so_that_it_can_be_turned_back),
		cmocka_unit_test(members_are_separated),
		cmocka_unit_test(a_full_buffer_is_a_fault),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
