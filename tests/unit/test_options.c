#include "options/options.h"

#include "options/options_value.h"
#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"
#include "verify/policy.h"

#include <sys/stat.h>

#define PARSE(options, err, ...) parse(options, err, (const char *const[]){ __VA_ARGS__, NULL })

/* Parses words that lie in writable memory, as argv does; what became of them is in `shown`. */
static char shown[16][128];

static enum fault parse(struct options *options, struct err *err, const char *const *word)
{
	char program[] = "barge";
	char *argv[18] = { program };
	int count = 1;
	for (; word[count - 1]; count++) {
		snprintf(shown[count - 1], sizeof shown[0], "%s", word[count - 1]);
		argv[count] = shown[count - 1];
	}
	return options_parse(options, count, argv, err);
}

static int quiet_place(void **state)
{
	if (sandbox_setup(state))
		return -1;
	setenv("XDG_CONFIG_HOME", sandbox_path(""), 1);
	return 0;
}

static void options_stand_anywhere_and_words_keep_their_order(void **state)
{
	(void)state;
	struct options options;
	struct err err;
	assert_int_equal(PARSE(&options, &err, "-rv", "cp", "a", "--gateway=http://x", "-j4", "b",
			       "-d", "node", "--", "-c"),
			 FAULT_NONE);
	assert_int_equal(options.command, COMMAND_CP);
	assert_int_equal(options.words.count, 3);
	assert_string_equal(options.words.text[0], "a");
	assert_string_equal(options.words.text[1], "b");
	assert_string_equal(options.words.text[2], "-c");
	assert_true(options.planning.recursive && options.output.verbose && !options.output.quiet);
	assert_int_equal(options.transfer.in_flight, 4);
	assert_int_equal(options.connection.gateway.count, 1);
	assert_string_equal(options.connection.node_directory, "node");
	assert_int_equal(options.transfer.memory, 64 << 20);
	assert_int_equal(options.connection.gateway_wait_ms, 300000);
	options_fini(&options);
}

static void values_are_read_in_their_units(void **state)
{
	(void)state;
	struct options options;
	struct err err;
	assert_int_equal(PARSE(&options, &err, "cp", "a", "b", "--memory", "1GiB",
			       "--timeout-wait=0.25", "--verify=cap,read", "--symlinks=follow",
			       "--specials=fail", "--progress=never", "--gateway-wait=0",
			       "--bwlimit=500K", "--max-transfer=2G", "--max-duration=1.5h"),
			 FAULT_NONE);
	assert_int_equal(options.transfer.memory, 1 << 30);
	assert_int_equal(options.connection.timeout_wait_ms, 250);
	assert_int_equal(options.transfer.verify, VERIFY_CAP | VERIFY_READ);
	assert_int_equal(options.planning.symlinks, PLAN_SYMLINKS_FOLLOW);
	assert_int_equal(options.planning.specials, PLAN_SPECIALS_FAIL);
	assert_int_equal(options.output.progress, REPORT_PROGRESS_NEVER);
	assert_int_equal(options.connection.gateway_wait_ms, 0);
	assert_int_equal(options.connection.bwlimit, 500 << 10);
	assert_int_equal(options.transfer.max_transfer, UINT64_C(2) << 30);
	assert_int_equal(options.transfer.max_duration_ms, 90 * 60 * 1000);
	options_fini(&options);
}

static void sizes_may_have_a_fraction(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t size;
	} right[] = {
		{ "1.5M", 3 << 19 },
		{ "0.5k", 512 },
		{ ".25G", 1 << 28 },
		{ "1.0009765625K", 1025 },
		{ "0.1K", 102 },
		{ "1.999999999999999K", 2047 },
		{ "0.000000000000001E", 1152 },
		{ "15.999E", UINT64_C(18445591152204944769) },
		{ "2.50MiB", 5 << 19 },
		{ "4Mi", 4 << 20 },
		{ "3p", UINT64_C(3) << 50 },
		{ "7b", 7 },
		{ "007", 7 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(right); i++) {
		uint64_t size = 0;
		assert_true(option_read_size(right[i].text, &size));
		assert_int_equal(size, right[i].size);
	}
	static const char *const wrong[] = {
		"",
		".",
		"K",
		".K",
		"1.K",
		"0.1",
		"1.5B",
		"1.0",
		"1,5M",
		"1.5.M",
		"1..5M",
		"-1K",
		"+1K",
		" 1K",
		"1 K",
		"1Kx",
		"1KBi",
		"1e3K",
		"0x10K",
		"1.5",
		"16E",
		"1.2345678901234567K",
		"18446744073709551616",
		"16384.5P",
		"15.5.5E",
	};
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		uint64_t size;
		if (option_read_size(wrong[i], &size))
			fail_msg("'%s' was taken for %llu", wrong[i], (unsigned long long)size);
	}
}

static void wherever_an_option_has_a_size_it_may_have_a_fraction(void **state)
{
	(void)state;
	struct options options;
	struct err err;
	assert_int_equal(PARSE(&options, &err, "cp", "a", "b", "--bwlimit=1.5M", "--memory=4.5m",
			       "--range-size=1.25M", "--chunk=4.5K", "--min-size=0.5K",
			       "--max-size=2.5G", "--max-transfer=.5T"),
			 FAULT_NONE);
	assert_int_equal(options.connection.bwlimit, 3 << 19);
	assert_int_equal(options.transfer.memory, 9 << 19);
	assert_int_equal(options.planning.range_size, 5 << 18);
	assert_int_equal(options.planning.chunk_size, 4608);
	assert_int_equal(options.selection.min_size, 512);
	assert_int_equal(options.selection.max_size, UINT64_C(5) << 29);
	assert_int_equal(options.transfer.max_transfer, UINT64_C(1) << 39);
	options_fini(&options);
	assert_int_equal(PARSE(&options, &err, "cp", "a", "b", "--min-size=0.1"), FAULT_USAGE);
	assert_string_equal(err.text, "--min-size wants a size of at least one byte, such as 500, "
				      "32M or 1G");
	assert_int_equal(PARSE(&options, &err, "cp", "a", "b", "--min-size=0.0009K"), FAULT_USAGE);
}

static void ls_takes_a_for_all_and_elsewhere_it_is_explained(void **state)
{
	(void)state;
	struct options options;
	struct err err;
	assert_int_equal(PARSE(&options, &err, "ls", "-la", "tahoe:"), FAULT_NONE);
	assert_true(options.long_listing);
	options_fini(&options);
	assert_int_equal(PARSE(&options, &err, "ls", "-l", "-a", "--all"), FAULT_NONE);
	options_fini(&options);
	assert_int_equal(PARSE(&options, &err, "cp", "-a", "x", "tahoe:"), FAULT_USAGE);
	assert_non_null(strstr(err.text, "modes and times are kept anyway"));
	assert_int_equal(PARSE(&options, &err, "cp", "-R", "x", "tahoe:"), FAULT_USAGE);
	assert_non_null(strstr(err.text, "-r copies directories"));
	assert_int_equal(PARSE(&options, &err, "cp", "-l", "x", "tahoe:"), FAULT_USAGE);
	assert_non_null(strstr(err.text, "--symlinks=preserve keeps symlinks"));
	assert_int_equal(PARSE(&options, &err, "cp", "x", "y", "--bwlimit=off"), FAULT_NONE);
	assert_int_equal(options.connection.bwlimit, 0);
	options_fini(&options);
	assert_int_equal(PARSE(&options, &err, "cp", "--long", "x", "tahoe:"), FAULT_USAGE);
	assert_string_equal(err.text, "--long does not go with barge cp");
}

static void times_may_have_several_units(void **state)
{
	(void)state;
	static const struct {
		const char *word;
		uint64_t ms; /* 0: it is refused */
	} row[] = {
		{ "--max-duration=1h30m", 5400000 },
		{ "--max-duration=1d2h3m4.5s", 93784500 },
		{ "--max-duration=1.5h", 5400000 },
		{ "--max-duration=90", 90000 },
		{ "--max-duration=30m1h", 0 },
		{ "--max-duration=1h1h", 0 },
		{ "--max-duration=1h30", 0 },
		{ "--max-duration=1h ", 0 },
		{ "--max-duration=1hm", 0 },
		{ "--max-duration=213503982334d600000000000d", 0 },
		{ "--max-duration=213503982334d14h25m51.615s", UINT64_MAX },
		{ "--max-duration=213503982334d14h25m51.616s", 0 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		struct options options;
		struct err err;
		enum fault fault = PARSE(&options, &err, "cp", "a", "b", row[i].word);
		assert_int_equal(fault, row[i].ms ? FAULT_NONE : FAULT_USAGE);
		if (!fault)
			assert_int_equal(options.transfer.max_duration_ms, row[i].ms);
		options_fini(fault ? NULL : &options);
	}
}

static void progress_may_stand_alone(void **state)
{
	(void)state;
	struct options options;
	struct err err;
	assert_int_equal(PARSE(&options, &err, "cp", "--progress", "a", "b"), FAULT_NONE);
	assert_int_equal(options.output.progress, REPORT_PROGRESS_ALWAYS);
	assert_int_equal(options.words.count, 2);
	options_fini(&options);
	assert_int_equal(PARSE(&options, &err, "cp", "--progress", "never", "a", "b"), FAULT_NONE);
	assert_int_equal(options.output.progress, REPORT_PROGRESS_NEVER);
	assert_int_equal(options.words.count, 2);
	options_fini(&options);
	assert_int_equal(PARSE(&options, &err, "cp", "a", "b", "--progress"), FAULT_NONE);
	assert_int_equal(options.output.progress, REPORT_PROGRESS_ALWAYS);
	options_fini(&options);
	assert_int_equal(PARSE(&options, &err, "cp", "a", "b", "--progress=a"), FAULT_USAGE);
}

static void what_is_wrong_is_named_with_its_remedy(void **state)
{
	(void)state;
	static const struct {
		const char *word[4], *said;
	} wrong[] = {
		{ { "plan", "a" }, "too few words: usage: barge plan [OPTION...] SRC... DST" },
		{ { "copy" }, "there is no command 'copy', is it cp; barge help lists them" },
		{ { "cp", "--nope" }, "there is no option --nope; barge cp --help lists them" },
		{ { "cp", "--prot=1" }, "there is no option --prot=1; barge cp --help lists them" },
		{ { "gateway", "--prot=1" },
		  "there is no option --prot=1, is it --port; barge gateway --help lists them" },
		{ { "cp", "-Z" }, "there is no option -Z; barge cp --help lists them" },
		{ { "ls", "-t" }, "there is no option -t; barge ls --help lists them" },
		{ { "cp", "-d" }, "-d wants DIR behind it" },
		{ { "cp", "--recursive=1" }, "--recursive takes no value" },
		{ { "cp", "-j0" }, "-j wants a number from 1 to 1024" },
		{ { "cp", "-j", "4x" }, "-j wants a number from 1 to 1024" },
		{ { "cp", "--memory=1" },
		  "--memory wants a size of at least 4M, such as 32M or 1G" },
		{ { "cp", "--memory=18446744073709551615G" },
		  "--memory wants a size of at least 4M, such as 32M or 1G" },
		{ { "cp", "--chunk=4095" },
		  "--chunk wants a size of at least 4K, such as 32M or 1G" },
		{ { "cp", "--timeout-wait=1.2345" },
		  "--timeout-wait wants seconds, such as 30 or 0.5; or 10m, 2h" },
		{ { "cp", "--max-duration=2w" },
		  "--max-duration wants seconds, such as 30 or 0.5; or 10m, 2h" },
		{ { "cp", "--bwlimit=1" },
		  "--bwlimit wants bytes a second, 1K to 16G, such as 500K or 10M; or 0" },
		{ { "cp", "-rua", "b:" },
		  "-u wants the URL of a gateway, and 'a' is none; --update keeps what is there "
		  "with the same size and time" },
		{ { "cp", "--symlinks=no" }, "--symlinks wants one of skip|follow|fail|preserve" },
		{ { "cp", "--verify=all" },
		  "--verify wants auto, or some of cap, count, check and read joined with commas" },
		{ { "show", "f", "--immutable" }, "--immutable does not go with barge show" },
		{ { "resume", "a", "b" }, "too many words: usage: barge resume [OPTION...] [JOB]" },
		{ { "-q" }, "a command is wanted, such as barge cp; barge help lists them" },
		{ { "URI:DIR2:secret:secret" },
		  "there is no command 'URI:CHK:e2bd9829'; barge help lists them" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		struct options options;
		struct err err;
		assert_int_equal(parse(&options, &err, wrong[i].word), FAULT_USAGE);
		if (i + 1 < ARRAY_COUNT(wrong))
			assert_string_equal(err.text, wrong[i].said);
		assert_null(strstr(err.text, "secret"));
		assert_null(options.words.text);
	}
}

static void caps_vanish_from_argv_and_stay_in_the_words(void **state)
{
	(void)state;
	struct options options;
	struct err err;
	assert_int_equal(PARSE(&options, &err, "cp", "a", " URI:DIR2:canary:canary/x"), FAULT_NONE);
	assert_true(options.cap_in_argv);
	assert_string_equal(options.words.text[1], " URI:DIR2:canary:canary/x");
	assert_string_equal(shown[1], "a");
	assert_string_equal(shown[2], "xxxxxxxxxxxxxxxxxxxxxxxxx");
	options_fini(&options);
	assert_int_equal(PARSE(&options, &err, "cp", "a", "b", "--nope=ro.URI:canary"),
			 FAULT_USAGE);
	assert_string_equal(shown[3], "xxxxxxxxxxxxxxxxxxxx");
	assert_null(strstr(err.text, "canary"));
}

static void argv_wins_over_environment_and_that_over_the_file(void **state)
{
	(void)state;
	struct options options;
	struct err err;
	sandbox_directory("barge", 0700);
	sandbox_file("barge/config",
		     "# mine\n\nreaders = 3\n jobs=7 \ngateway = http://one\ngateway = http://two\n"
		     "plan-first = yes\nmemory=64M\nnode-directory = \" of mine \"\n",
		     0600);
	setenv("BARGE_JOBS", "5", 1);
	setenv("BARGE_GATEWAY_WAIT", "1.5", 1);
	setenv("BARGE_MEMORY", "16M", 1);
	setenv("BARGE_RECURSIVE", "maybe", 1); /* not for the environment: passed over */
	assert_int_equal(PARSE(&options, &err, "cp", "a", "b", "--memory=8M"), FAULT_NONE);
	assert_int_equal(options.transfer.readers, 3);
	assert_int_equal(options.transfer.in_flight, 5);
	assert_int_equal(options.transfer.memory, 8 << 20);
	assert_int_equal(options.connection.gateway_wait_ms, 1500);
	assert_int_equal(options.connection.gateway.count, 2);
	assert_string_equal(options.connection.gateway.text[1], "http://two");
	assert_true(options.transfer.plan_first);
	assert_string_equal(options.connection.node_directory, " of mine ");
	options_fini(&options);
	setenv("BARGE_JOBS", "many", 1);
	assert_int_equal(PARSE(&options, &err, "cp", "a", "b"), FAULT_USAGE);
	assert_string_equal(err.text, "BARGE_JOBS wants a number from 1 to 1024");
	/* Help comes even where the environment is broken. */
	assert_int_equal(PARSE(&options, &err, "cp", "--help"), FAULT_NONE);
	assert_int_equal(options.command, COMMAND_HELP);
	assert_int_equal(options.help, COMMAND_CP);
	options_fini(&options);
	unsetenv("BARGE_JOBS");
	unsetenv("BARGE_GATEWAY_WAIT");
	unsetenv("BARGE_MEMORY");
	unsetenv("BARGE_RECURSIVE");
}

static void assert_config_text(const struct err *err, const char *text)
{
	char wanted[512];
	snprintf(wanted, sizeof wanted, "'%s/barge/config': %s", getenv("XDG_CONFIG_HOME"), text);
	assert_string_equal(err->text, wanted);
}

static void a_bad_line_of_the_file_is_named(void **state)
{
	(void)state;
	struct options options;
	struct err err;
	sandbox_directory("barge", 0700);
	sandbox_file("barge/config", "readers = 3\nnew = yes\n", 0600);
	assert_int_equal(PARSE(&options, &err, "cp", "a", "b"), FAULT_USAGE);
	assert_config_text(&err, "line 2: 'new' is not an option for a file");
	sandbox_file("barge/config", "readers\n", 0600);
	assert_int_equal(PARSE(&options, &err, "cp", "a", "b"), FAULT_USAGE);
	assert_config_text(&err, "line 1: 'readers' is not NAME = VALUE");
	sandbox_file("barge/config", "readers = 0\n", 0600);
	assert_int_equal(PARSE(&options, &err, "cp", "a", "b"), FAULT_USAGE);
	assert_config_text(&err, "line 1: readers wants a number from 1 to 64");
	sandbox_file("barge/config", "readers = 3\n", 0666);
	assert_int_equal(PARSE(&options, &err, "cp", "a", "b"), FAULT_INSECURE);
}

static void plan_options_come_back_from_their_text(void **state)
{
	(void)state;
	struct options options, other;
	struct err err;
	char text[PLANNING_TEXT_SIZE], again[PLANNING_TEXT_SIZE];
	assert_int_equal(PARSE(&options, &err, "cp", "a", "b", "--symlinks=fail", "--immutable",
			       "--max-dir-entries=12", "--range-size=2M", "--caps-only", "-T",
			       "--chunk=8M"),
			 FAULT_NONE);
	planning_text(&options.planning, text);
	assert_string_equal(text,
			    "immutable=1 symlinks=fail specials=skip max-dir-entries=12 "
			    "range-size=2097152 caps-only=1 no-target-directory=1 chunk=8388608");
	options_fini(&options);
	assert_int_equal(PARSE(&other, &err, "resume"), FAULT_NONE);
	assert_int_equal(planning_read(&other.planning, text, strlen(text), &err), FAULT_NONE);
	planning_text(&other.planning, again);
	assert_string_equal(again, text);
	assert_true(other.planning.immutable);
	assert_true(other.planning.caps_only);
	assert_int_equal(other.planning.chunk_size, 8 << 20);
	assert_true(other.planning.no_target_directory);
	assert_int_equal(other.planning.symlinks, PLAN_SYMLINKS_FAIL);
	static const char *const bad[] = {
		"",
		"immutable=1",
		"immutable=1 symlinks=maybe specials=skip max-dir-entries=1",
	};
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(planning_read(&other.planning, bad[i], strlen(bad[i]), &err),
				 FAULT_CORRUPT);
	options_fini(&other);
}

static void each_command_explains_each_of_its_options(void **state)
{
	(void)state;
	for (int i = COMMAND_NONE; i < COMMAND_COUNT; i++) {
		char *text = NULL;
		size_t size = 0;
		FILE *out = open_memstream(&text, &size);
		assert_non_null(out);
		options_help((enum command)i, out);
		fclose(out);
		assert_non_null(strstr(text, "usage: barge"));
		assert_non_null(strstr(text, options_command_name((enum command)i)));
		if (i == COMMAND_CP)
			assert_non_null(strstr(text, "-r, --recursive"));
		if (i == COMMAND_SHOW)
			assert_null(strstr(text, "--recursive"));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, quiet_place, sandbox_teardown)
		FACT(options_stand_anywhere_and_words_keep_their_order),
		FACT(values_are_read_in_their_units),
		FACT(sizes_may_have_a_fraction),
		FACT(wherever_an_option_has_a_size_it_may_have_a_fraction),
		FACT(ls_takes_a_for_all_and_elsewhere_it_is_explained),
		FACT(times_may_have_several_units),
		FACT(progress_may_stand_alone),
		FACT(what_is_wrong_is_named_with_its_remedy),
		FACT(caps_vanish_from_argv_and_stay_in_the_words),
		FACT(argv_wins_over_environment_and_that_over_the_file),
		FACT(a_bad_line_of_the_file_is_named),
		FACT(plan_options_come_back_from_their_text),
		FACT(each_command_explains_each_of_its_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
