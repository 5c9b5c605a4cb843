#include "options/nearest.h"

#include "tests/unit/facts.h"

static void expect_option(const char *typed, enum command command, const char *name)
{
	const struct option_row *row = nearest_option(typed, strlen(typed), command);
	if (!name) {
		assert_null(row);
		return;
	}
	assert_non_null(row);
	assert_string_equal(row->name, name);
}

static void options_are_found_through_slips_of_the_hand(void **state)
{
	(void)state;
	expect_option("recursve", COMMAND_CP, "recursive");
	expect_option("exlcude", COMMAND_CP, "exclude");
	expect_option("dryrun", COMMAND_CP, "dry-run");
	expect_option("Dry-Run", COMMAND_CP, "dry-run");
	expect_option("jsno", COMMAND_LS, "json");
	expect_option("bandwidth", COMMAND_CP, NULL);
	expect_option("zzzzzz", COMMAND_CP, NULL);
	expect_option("x", COMMAND_CP, NULL);
	expect_option("", COMMAND_CP, NULL);
}

/* A beginning is nearer than another word, and a command's own options than others. */
static void beginnings_and_own_options_come_first(void **state)
{
	(void)state;
	expect_option("exclude-f", COMMAND_CP, "exclude-from");
	expect_option("timeout-c", COMMAND_CP, "timeout-connect");
	expect_option("cap", COMMAND_SHOW, "caps");
	expect_option("cap", COMMAND_PUT, "cap-file");
}

static void a_word_of_any_length_is_compared(void **state)
{
	(void)state;
	char text[1000];
	memset(text, 'r', sizeof text);
	assert_null(nearest_option(text, sizeof text, COMMAND_CP));
}

static void commands_are_found(void **state)
{
	(void)state;
	assert_int_equal(nearest_command("verfiy"), COMMAND_VERIFY);
	assert_int_equal(nearest_command("resum"), COMMAND_RESUME);
	assert_int_equal(nearest_command("cpp"), COMMAND_CP);
	assert_int_equal(nearest_command("frobnicate"), COMMAND_NONE);
	assert_int_equal(nearest_command(""), COMMAND_NONE);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(options_are_found_through_slips_of_the_hand),
		cmocka_unit_test(beginnings_and_own_options_come_first),
		cmocka_unit_test(a_word_of_any_length_is_compared),
		cmocka_unit_test(commands_are_found),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
