#include "job/begun.h"

#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <sys/stat.h>
#include <unistd.h>

static struct job job;

/* What is typed at the beginning, and later. */
static struct options first, later;

static void type(struct options *options, const char *line)
{
	char copy[512], *rest = copy, program[] = "barge", *argv[24] = { program };
	int argc = 1;
	struct err err;
	snprintf(copy, sizeof copy, "%s", line);
	for (char *word; (word = strsep(&rest, " "));)
		argv[argc++] = word;
	assert_int_equal(options_parse(options, argc, argv, &err), FAULT_NONE);
}

static int begin(void **state)
{
	struct err err;
	sandbox_setup(state);
	setenv("XDG_CONFIG_HOME", sandbox_path("config"), 1);
	assert_int_equal(job_create(sandbox_path("state"), &job, &err), FAULT_NONE);
	sandbox_directory("node", 0700);
	sandbox_file("cap", "URI:DIR2:secret\n", 0600);
	return 0;
}

static int end(void **state)
{
	options_fini(&first);
	options_fini(&later);
	job_close(&job);
	return sandbox_teardown(state);
}

static const char *kept_path(void)
{
	static char path[512];
	snprintf(path, sizeof path, "%s/begun", job.directory);
	return path;
}

static void keep(const char *line)
{
	struct err err;
	options_fini(&first);
	type(&first, line);
	assert_int_equal(begun_keep(&job, &first.connection, &first.transfer, &err), FAULT_NONE);
}

static void recall(const char *line, struct begun *begun)
{
	struct err err;
	options_fini(&later);
	type(&later, line);
	assert_int_equal(begun_recall(&job, &later, begun, &err), FAULT_NONE);
}

static void what_was_typed_comes_back(void **state)
{
	(void)state;
	char line[512];
	struct begun begun;
	snprintf(line, sizeof line,
		 "cp a b -S --no-direct -d %s -u http://one -u http://two "
		 "--allow-plaintext=host",
		 sandbox_path("node"));
	keep(line);
	recall("resume", &begun);
	const struct connection_options *way = &begun.options.connection;
	assert_true(begun.options.transfer.sparse);
	assert_true(way->no_direct);
	assert_string_equal(way->node_directory, sandbox_path("node"));
	assert_int_equal(way->gateway.count, 2);
	assert_string_equal(way->gateway.text[0], "http://one");
	assert_string_equal(way->gateway.text[1], "http://two");
	assert_int_equal(way->allow_plaintext.count, 1);
	assert_string_equal(way->allow_plaintext.text[0], "host");
	assert_null(way->cap_file);
	begun_fini(&begun);
}

static void what_is_typed_later_wins(void **state)
{
	(void)state;
	struct begun begun;
	char line[512];
	snprintf(line, sizeof line, "cp a b -S -d %s -u http://one --no-direct",
		 sandbox_path("node"));
	keep(line);
	recall("resume -u http://other", &begun);
	assert_int_equal(begun.options.connection.gateway.count, 1);
	assert_string_equal(begun.options.connection.gateway.text[0], "http://other");
	assert_string_equal(begun.options.connection.node_directory, sandbox_path("node"));
	begun_fini(&begun);
	/* Another node has a gateway of its own. */
	recall("resume -d /other", &begun);
	assert_string_equal(begun.options.connection.node_directory, "/other");
	assert_int_equal(begun.options.connection.gateway.count, 0);
	assert_false(begun.options.connection.no_direct);
	assert_true(begun.options.transfer.sparse);
	begun_fini(&begun);
}

static void it_wins_over_the_environment(void **state)
{
	(void)state;
	struct begun begun;
	char line[512];
	snprintf(line, sizeof line, "cp a b -d %s", sandbox_path("node"));
	keep(line);
	setenv("BARGE_NODE_DIRECTORY", "/of the environment", 1);
	recall("resume", &begun);
	unsetenv("BARGE_NODE_DIRECTORY");
	assert_string_equal(begun.options.connection.node_directory, sandbox_path("node"));
	begun_fini(&begun);
}

static void nothing_is_written_where_there_is_nothing(void **state)
{
	(void)state;
	struct begun begun;
	keep("cp a b");
	assert_int_equal(access(kept_path(), F_OK), -1);
	recall("resume --sparse", &begun);
	assert_true(begun.options.transfer.sparse);
	assert_null(begun.options.connection.node_directory);
	begun_fini(&begun);
}

static void it_is_replaced_when_it_is_another(void **state)
{
	(void)state;
	struct stat before, after;
	struct begun begun;
	keep("cp a b -S");
	assert_int_equal(stat(kept_path(), &before), 0);
	assert_int_equal(before.st_mode & 0777, 0600);
	keep("cp a b -S");
	assert_int_equal(stat(kept_path(), &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	keep("cp a b");
	recall("resume", &begun);
	assert_false(begun.options.transfer.sparse);
	begun_fini(&begun);
}

/* The path of a cap's file is kept, never what is in it; nor one that is gone with the shell. */
static void paths_are_whole_and_of_what_stays(void **state)
{
	(void)state;
	struct begun begun;
	char here[512], line[512], text[600];
	assert_non_null(getcwd(here, sizeof here));
	assert_int_equal(chdir(sandbox_path("")), 0);
	snprintf(line, sizeof line, "cp a b -d node --cap-file=cap --convergence-file=/dev/null");
	keep(line);
	assert_int_equal(chdir(here), 0);
	recall("resume", &begun);
	assert_int_equal(begun.options.connection.node_directory[0], '/');
	snprintf(text, sizeof text, "%s/node.url", begun.options.connection.node_directory);
	sandbox_file("node/node.url", "http://node", 0600);
	assert_int_equal(access(text, F_OK), 0);
	assert_int_equal(access(begun.options.connection.cap_file, F_OK), 0);
	assert_int_equal(begun.options.connection.cap_file[0], '/');
	assert_null(begun.options.connection.convergence_file);
	begun_fini(&begun);
}

static void what_others_may_have_written_is_refused(void **state)
{
	(void)state;
	struct begun begun;
	struct err err;
	keep("cp a b -S");
	assert_int_equal(chmod(kept_path(), 0666), 0);
	type(&later, "resume");
	assert_int_equal(begun_recall(&job, &later, &begun, &err), FAULT_INSECURE);
	begun_fini(&begun);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, begin, end)
		FACT(what_was_typed_comes_back),
		FACT(what_is_typed_later_wins),
		FACT(it_wins_over_the_environment),
		FACT(nothing_is_written_where_there_is_nothing),
		FACT(it_is_replaced_when_it_is_another),
		FACT(paths_are_whole_and_of_what_stays),
		FACT(what_others_may_have_written_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
