#include "report/say.h"

#include "report/out.h"
#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <unistd.h>

static void lines_hold_no_caps_and_no_control_bytes(void **state)
{
	(void)state;
	sandbox_capture(STDERR_FILENO, "said");
	say(SAY_WARNING, "from %s with \x1b[31m\nand", "URI:CHK:canary:canary:3:10:5");
	say(SAY_DEBUG, "never");
	say_set_level(SAY_WARNING);
	say(SAY_INFO, "never");
	say_err(&(struct err){ .text = "went wrong" });
	bool info = say_shows(SAY_INFO), warning = say_shows(SAY_WARNING);
	say_set_level(SAY_INFO);
	sandbox_restore(STDERR_FILENO);
	assert_true(warning && !info);
	char *said = sandbox_read("said");
	assert_memory_equal(said, "barge: warning: from URI:CHK:", 29);
	assert_string_equal(said + 37, " with ?[31m?and\nbarge: went wrong\n");
	free(said);
}

static void lines_go_above_the_progress_line(void **state)
{
	(void)state;
	sandbox_capture(STDERR_FILENO, "said");
	say_progress("1/2", 3);
	say(SAY_INFO, "hello");
	say(SAY_INFO, "again");
	say_progress("2/2", 3);
	say_plain("end\n", 4);
	say_progress("", 0);
	sandbox_restore(STDERR_FILENO);
	char *said = sandbox_read("said");
	assert_string_equal(said, "\r\033[K1/2\r\033[Kbarge: hello\nbarge: again\n"
				  "\r\033[K2/2\r\033[Kend\n");
	free(said);
}

static void results_come_whole_and_in_order(void **state)
{
	(void)state;
	enum { LINES = 3000, SIZE = 50 };
	sandbox_capture(STDOUT_FILENO, "out");
	for (int i = 0; i < LINES; i++) {
		char line[SIZE + 1];
		snprintf(line, sizeof line, "%049d\n", i);
		out_put(line, SIZE);
	}
	static char large[100000];
	memset(large, 'x', sizeof large);
	out_put(large, sizeof large);
	out_flush();
	sandbox_restore(STDOUT_FILENO);
	char *out = sandbox_read("out");
	assert_int_equal(strlen(out), LINES * SIZE + sizeof large);
	for (int i = 0; i < LINES; i++)
		assert_int_equal(strtol(out + (size_t)i * SIZE, NULL, 10), i);
	assert_int_equal(out_failed(), 0);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)
		FACT(lines_hold_no_caps_and_no_control_bytes),
		FACT(lines_go_above_the_progress_line),
		FACT(results_come_whole_and_in_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
