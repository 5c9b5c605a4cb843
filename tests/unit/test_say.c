#include "report/say.h"

#include "report/out.h"
#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <unistd.h>

static void lines_hold_no_caps_and_no_control_bytes(void **state)
{
	(void)state;
	struct output output = { .results = -1, .messages = sandbox_create("said") };
	say(&output, SAY_WARNING, "from %s with \x1b[31m\nand", "URI:CHK:canary:canary:3:10:5");
	say(&output, SAY_DEBUG, "never");
	output.options.quiet = true;
	say(&output, SAY_INFO, "never");
	say_err(&output, &(struct err){ .text = "went \xc2\x9bwrong\xe2\x80\xae\xff" });
	assert_true(say_shows(&output, SAY_WARNING) && !say_shows(&output, SAY_INFO));
	output.options = (struct output_options){ .verbose = true };
	assert_true(say_shows(&output, SAY_DEBUG));
	close(output.messages);
	char *said = sandbox_read("said");
	assert_memory_equal(said, "barge: warning: from URI:CHK:", 29);
	assert_string_equal(said + 37, " with \\x1b[31m\\x0aand\n"
				       "barge: went \\xc2\\x9bwrong\\xe2\\x80\\xae\\xff\n");
	free(said);
}

static void lines_go_above_the_progress_line(void **state)
{
	(void)state;
	struct output output = { .results = -1, .messages = sandbox_create("said") };
	say_progress(&output, "1/2", 3);
	say(&output, SAY_INFO, "hello");
	say(&output, SAY_INFO, "again");
	say_progress(&output, "2/2", 3);
	output.options.quiet = true;
	say_stopping(&output);
	say_plain(&output, "end\x1b\n.\n", 7);
	say_progress(&output, "", 0);
	close(output.messages);
	char *said = sandbox_read("said");
	assert_string_equal(said, "\r\033[K1/2\r\033[Kbarge: hello\nbarge: again\n"
				  "\r\033[K2/2\r\033[Kbarge: stopping: finishing what is in "
				  "flight; once more to stop at once\nend\\x1b\n.\n");
	free(said);
}

static void results_come_whole_and_in_order(void **state)
{
	(void)state;
	enum { LINES = 3000, SIZE = 50 };
	struct output output = { .results = sandbox_create("out"), .messages = -1 };
	for (int i = 0; i < LINES; i++) {
		char line[SIZE + 1];
		snprintf(line, sizeof line, "%049d\n", i);
		out_put(&output, line, SIZE);
	}
	static char large[100000];
	memset(large, 'x', sizeof large);
	out_put(&output, large, sizeof large);
	out_flush(&output);
	close(output.results);
	char *out = sandbox_read("out");
	assert_int_equal(strlen(out), LINES * SIZE + sizeof large);
	for (int i = 0; i < LINES; i++)
		assert_int_equal(strtol(out + (size_t)i * SIZE, NULL, 10), i);
	assert_int_equal(out_failed(&output), 0);
	free(out);
}

static void without_descriptors_nothing_is_written(void **state)
{
	(void)state;
	struct output output = { .results = -1, .messages = -1 };
	static const char large[2 * OUTPUT_BUFFER_SIZE];
	say(&output, SAY_ERROR, "never");
	say_progress(&output, "1/2", 3);
	out_put(&output, "never\n", 6);
	out_put(&output, large, sizeof large);
	out_flush(&output);
	assert_int_equal(out_failed(&output), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, sandbox_setup, sandbox_teardown)
		FACT(lines_hold_no_caps_and_no_control_bytes),
		FACT(lines_go_above_the_progress_line),
		FACT(results_come_whole_and_in_order),
		FACT(without_descriptors_nothing_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
