#include "report/say.h"

#include "report/log.h"
#include "report/out.h"
#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>
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

/* Each line as it was said, with its time in front; not the progress line. */
static void what_is_said_is_kept_in_the_log(void **state)
{
	(void)state;
	char path[] = "log";
	struct output output = {
		.options = { .log_file = path },
		.results = -1,
		.messages = sandbox_create("said"),
	};
	struct err err;
	struct stat st;
	assert_int_equal(chdir(sandbox_path("")), 0);
	assert_int_equal(log_open(&output, &err), FAULT_NONE);
	assert_int_equal(fstat(output.log, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	say_progress(&output, "1/2", 3);
	say(&output, SAY_WARNING, "of %s", "URI:CHK:canary:canary:3:10:5");
	say(&output, SAY_DEBUG, "never");
	say_plain(&output, "one\ntwo\x1b\n", 9);
	say_last(&output, "end");
	log_close(&output);
	assert_int_equal(log_open(&output, &err), FAULT_NONE); /* what is there stays */
	say(&output, SAY_INFO, "again");
	log_close(&output);
	say(&output, SAY_INFO, "not any more");
	char *log = sandbox_read("log");
	static const char *const wanted[] = { "barge: warning: of URI:CHK:", "one", "two\\x1b",
					      "barge: end", "barge: again" };
	char *rest = log;
	for (size_t i = 0; i < ARRAY_COUNT(wanted); i++) {
		struct tm when;
		const char *line = strsep(&rest, "\n");
		const char *text = strptime(line, "%Y-%m-%d %H:%M:%S ", &when);
		assert_non_null(text);
		assert_int_equal(strncmp(text, wanted[i], strlen(wanted[i])), 0);
	}
	assert_string_equal(rest, "");
	assert_null(strstr(log, "canary"));
	free(log);
	/* One that cannot be written is told of once, and stops nothing. */
	output.log = open("/dev/full", O_WRONLY | O_CLOEXEC);
	say(&output, SAY_INFO, "hello");
	say(&output, SAY_INFO, "again");
	log_close(&output);
	close(output.messages);
	char *said = sandbox_read("said");
	const char *told = strstr(said, "barge: warning: cannot write the log: No space left");
	assert_non_null(told);
	assert_null(strstr(told + 40, "cannot write the log"));
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
		FACT(what_is_said_is_kept_in_the_log),
		FACT(results_come_whole_and_in_order),
		FACT(without_descriptors_nothing_is_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
