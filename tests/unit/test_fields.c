#include "report/fields.h"

#include "report/out.h"
#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <unistd.h>

static enum fault one_line(struct output *output, bool json)
{
	struct fields fields;
	struct err err;
	output->options.json = json;
	fields_init(&fields, output);
	fields_begin(&fields, "entry");
	fields_number(&fields, "id", UINT64_MAX);
	fields_signed(&fields, "mtime", INT64_MIN);
	fields_text(&fields, "name", "a b\n\xff", 5);
	fields_word(&fields, "kind", "file");
	fields_word(&fields, "empty", "");
	fields_bool(&fields, "done", true);
	fields_hex(&fields, "hash", (const unsigned char *)"\x01\xab", 2);
	enum fault fault = fields_end(&fields, &err);
	fields_fini(&fields);
	return fault;
}

static void one_line_has_two_forms(void **state)
{
	(void)state;
	struct output output = { .results = sandbox_create("out"), .messages = -1 };
	enum fault plain = one_line(&output, false), json = one_line(&output, true);
	out_flush(&output);
	close(output.results);
	assert_int_equal(plain, FAULT_NONE);
	assert_int_equal(json, FAULT_NONE);
	char *out = sandbox_read("out");
	assert_string_equal(
		out,
		"entry id=18446744073709551615 mtime=-9223372036854775808 name=\"a b\\n\\xff\" "
		"kind=file empty=\"\" done=yes hash=01ab\n"
		"{\"record\":\"entry\",\"id\":18446744073709551615,\"mtime\":-9223372036854775808,"
		"\"name\":\"a b\\n\\udcff\",\"kind\":\"file\",\"empty\":\"\",\"done\":true,"
		"\"hash\":\"01ab\"}\n");
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_line_has_two_forms, sandbox_setup,
						sandbox_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
