#include "job/selection_job.h"
#include "options/selection.h"

#include "options/options.h"
#include "options/selection_input.h"
#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARSE(options, err, ...) parse(options, err, (const char *const[]){ __VA_ARGS__, NULL })
#define IS(wanted, ...)          is(wanted, (const char *const[]){ __VA_ARGS__, NULL })
#define REFUSES(wanted, ...)     refuses(wanted, (const char *const[]){ __VA_ARGS__, NULL })

static int quiet_place(void **state)
{
	if (sandbox_setup(state))
		return -1;
	setenv("XDG_CONFIG_HOME", sandbox_path(""), 1);
	setenv("TZ", "UTC-2", 1); /* two hours east */
	return chdir(sandbox_path(""));
}

static enum fault parse(struct options *options, struct err *err, const char *const *word)
{
	static char text[16][200];
	bool backs_up = *word && strcmp(*word, "backup") == 0;
	char *argv[18] = { (char[]){ "barge" },
			   backs_up ? (char[]){ "backup" } : (char[]){ "cp" } };
	word += backs_up;
	int count = 2;
	for (; *word; word++) {
		snprintf(text[count - 2], sizeof text[0], "%s", *word);
		argv[count] = text[count - 2];
		count++;
	}
	argv[count++] = (char[]){ "s" };
	argv[count++] = (char[]){ "t:" };
	return options_parse(options, count, argv, err);
}

/* Asserts what a command line's selection is as text, a blank for each NUL. */
static void is(const char *wanted, const char *const *word)
{
	struct options options;
	struct err err = { 0 };
	struct bytes text;
	bytes_init(&text, 2 * SELECT_TEXT_MAX);
	if (parse(&options, &err, word))
		fail_msg("%s", err.text);
	assert_int_equal(selection_text(options.planning.select, &text, &err), FAULT_NONE);
	for (size_t i = 0; i < text.size; i++)
		text.data[i] = text.data[i] ? text.data[i] : ' ';
	assert_string_equal(bytes_text(&text), wanted);
	bytes_fini(&text);
	options_fini(&options);
}

static void refuses(const char *wanted, const char *const *word)
{
	struct options options;
	struct err err = { 0 };
	assert_int_equal(parse(&options, &err, word), FAULT_USAGE);
	assert_string_equal(err.text, wanted);
	assert_null(options.planning.select);
}

static void rules_count_in_the_order_of_the_line(void **state)
{
	(void)state;
	sandbox_file("in", "a\nb\n", 0600);
	sandbox_file("out", "c\n+ d\n", 0600);
	IS("", "-r");
	IS("-x +y -z ", "--exclude=x", "--include", "y", "--filter=- z");
	IS("+a +b -x -c +d +y ", "--include-from=in", "--exclude", "x", "--exclude-from=out",
	   "--include=y");
}

static void a_rule_may_say_what_it_does(void **state)
{
	(void)state;
	IS("+a -b -c +d ", "--exclude=+ a", "--include=- b", "--exclude=- c", "--include=+ d");
	IS("-x ", "--include=a", "--exclude=!", "--exclude=x");
	IS("-!x +-x -+ ", "--exclude=!x", "--include=-x", "--exclude=+");
	IS("+a -b +c -d  e ", "--filter=+ a", "--filter=- b", "--filter=include c",
	   "--filter=exclude d  e");
	IS("", "--filter=+ a", "--filter=!");
	IS("", "--filter=+ a", "--filter=clear");
	REFUSES("--filter: a rule is \"+ PATTERN\", \"- PATTERN\" or \"!\", not \"merge x\"",
		"--filter=merge x");
	REFUSES("--filter: a rule is \"+ PATTERN\", \"- PATTERN\" or \"!\", not \"x\"",
		"--filter=x");
	REFUSES("--filter: a pattern is missing", "--filter=- ");
	REFUSES("--exclude: a pattern is missing", "--exclude=");
	REFUSES("--include: a pattern is missing", "--include=- ");
}

static void files_have_comments_and_line_ends_of_two_kinds(void **state)
{
	(void)state;
	sandbox_file("f", "# no\n;no\n\na\r\n b #\n- c\n!\nlast", 0600);
	IS("-last ", "--exclude-from=f");
	sandbox_file("f", "# no\n;no\n\na\r\n b #\n+ c", 0600);
	IS("-a - b # +c ", "--exclude-from=f");
	IS("+a + b # +c ", "--include-from=f");
	sandbox_file("f", "", 0600);
	IS("", "--exclude-from=f");
	REFUSES("--exclude-from=none: cannot open it: No such file or directory",
		"--exclude-from=none");
	sandbox_file("f", "a\n- \n", 0600);
	REFUSES("--include-from=f: line 2: a pattern is missing", "--include-from=f");
}

static void write_bytes(const char *name, const char *data, size_t size)
{
	int fd = open(sandbox_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

static void files_may_end_their_lines_with_nul(void **state)
{
	(void)state;
	static const char data[] = "#x\0a\nb\0\0c\r";
	write_bytes("f", data, sizeof data);
	IS("-a\nb -c\r ", "-0", "--exclude-from=f");
	IS("-a\nb -c\r ", "--exclude-from=f", "--null");
	REFUSES("--exclude-from=f: line 1 holds a NUL; -0 is for such files", "--exclude-from=f");
}

static void standard_input_is_read_once(void **state)
{
	(void)state;
	int saved = dup(STDIN_FILENO);
	for (int i = 0; i < 2; i++) {
		sandbox_file("f", "a\nb\n", 0600);
		int fd = open(sandbox_path("f"), O_RDONLY);
		assert_true(dup2(fd, STDIN_FILENO) >= 0);
		close(fd);
		if (i == 0)
			IS("-a -b ", "--exclude-from=-");
		else
			REFUSES("--include-from=-: standard input was read already",
				"--exclude-from=-", "--include-from=-");
	}
	dup2(saved, STDIN_FILENO);
	close(saved);
}

static void version_control_is_left_out_at_its_place(void **state)
{
	(void)state;
	IS("+.gitignore -CVS -RCS -SCCS -.git -.gitignore -.cvsignore -.svn -.arch-ids -{arch} "
	   "-=RELEASE-ID -=meta-update -=update -.bzr -.bzrignore -.bzrtags -.hg -.hgignore "
	   "-_darcs -x ",
	   "--include=.gitignore", "--exclude-vcs", "--exclude=x");
}

static void patterns_of_tahoe_backup_are_names(void **state)
{
	(void)state;
	sandbox_file("f", " *.o \r\n\n\t\n#x\n!\n+ y\na/b\n[!a]", 0600);
	IS("+keep =*.o =#x =! =+ y =a/b =[!a] -z ", "--include=keep", "--exclude-from-utf-8=f",
	   "--exclude=z");
	IS("=*.o =- x =! -a/b -/*/c =[^a] +d ", "backup", "--exclude= *.o ", "--exclude=- x",
	   "--exclude=!", "--exclude=a/b", "--exclude=/c", "--exclude=[^a]",
	   "--exclude= ", "--include=d");
	REFUSES("--exclude-from-utf-8=none: cannot open it: No such file or directory",
		"--exclude-from-utf-8=none");
}

/* Of a snapshot of one source, which is called by a time. */
static void a_slash_in_front_begins_behind_the_time(void **state)
{
	(void)state;
	sandbox_file("f", "/l/\n+ /m\nn/o\n", 0600);
	IS("-/*/a +/*/b/ -/*/l/ +/*/m -n/o -/*/c\\\\d -/*/e\\f* -x/y -**/z ", "backup",
	   "--exclude=/a", "--filter=+ /b/", "--exclude-from=f", "--exclude=/c\\d",
	   "--exclude=/e\\f*", "--exclude=x/y", "--exclude=**/z");
	IS("-/a +/b ", "backup", "more", "--exclude=/a", "--include=/b");
	IS("-/a ", "--exclude=/a");
}

static void directories_are_marked_by_names(void **state)
{
	(void)state;
	IS("exclude-caches if-present=.nobackup if-present=x y ", "--exclude-if-present=.nobackup",
	   "--exclude-caches", "--exclude-if-present", "x y");
	REFUSES("--exclude-if-present: \"a/b\" is not the name of a file",
		"--exclude-if-present=a/b");
	REFUSES("--exclude-if-present: \"..\" is not the name of a file",
		"--exclude-if-present=..");
	IS("max-size=1048576 ", "--exclude-larger-than=1M");
}

static void limits_are_sizes_and_flags(void **state)
{
	(void)state;
	IS("-x min-size=1024 max-size=2097152 one-file-system ", "--max-size=2M", "-x",
	   "--min-size", "1K", "--exclude=x");
	REFUSES("--max-size wants a size of at least one byte, such as 500, 32M or 1G",
		"--max-size=0");
	REFUSES("--min-size wants a size of at least one byte, such as 500, 32M or 1G",
		"--min-size=big");
	REFUSES("--min-size is above --max-size", "--min-size=2", "--max-size=1");
}

static int64_t date(const char *text)
{
	int64_t ns = -1;
	struct err err;
	if (selection_date(text, &ns, &err))
		fail_msg("%s", err.text);
	return ns / 1000000000;
}

static void a_date_is_local_unless_it_has_a_zone(void **state)
{
	(void)state;
	assert_int_equal(date("@1700000000"), 1700000000);
	assert_int_equal(date("2023-11-14"), 1699912800);
	assert_int_equal(date("2023-11-14T22:13"), 1699992780);
	assert_int_equal(date("2023-11-14 22:13:20"), 1699992800);
	assert_int_equal(date("2023-11-14T22:13:20Z"), 1700000000);
	assert_int_equal(date("2023-11-14T23:13:20+01:00"), 1700000000);
	assert_int_equal(date("2023-11-14 17:13:20-0500"), 1700000000);
	assert_int_equal(date("2024-02-29Z"), 1709164800);
	static const char *const bad[] = { "",
					   "yesterday",
					   "2023-13-01",
					   "2023-02-30",
					   "2023-02-30Z",
					   "2023-11-14T",
					   "2023-11-14x",
					   "2023-11-14T25:00",
					   "@",
					   "@1x",
					   "@99999999999999",
					   "23-11-14" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		int64_t ns;
		struct err err;
		if (selection_date(bad[i], &ns, &err) != FAULT_USAGE)
			fail_msg("\"%s\" is taken for a date", bad[i]);
	}
}

static void a_file_stands_for_its_time(void **state)
{
	(void)state;
	sandbox_file("f", "", 0600);
	sandbox_file("2023-11-14", "", 0600);
	const struct timespec times[] = { { 5, 0 }, { 5, 7 } };
	assert_int_equal(utimensat(AT_FDCWD, "f", times, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, "2023-11-14", times, 0), 0);
	IS("newer=5000000007 ", "--newer=f");
	IS("newer=5000000007 ", "--newer=./2023-11-14");
	IS("newer=1699912800000000000 ", "--newer=2023-11-14");
	REFUSES("--newer: \"none\" is no date like 2024-05-31 or 2024-05-31T12:30Z, and no file: "
		"No such file or directory",
		"--newer=none");
}

static void a_list_is_read_by_lines_or_nuls(void **state)
{
	(void)state;
	/* SHA-256 of "#c\0a\0" and of "a\0" */
	sandbox_file("f", "# a comment\n./a\n\na\n./#c\n", 0600);
	IS("files-from=262f60417c3c06bbd9c7df1ad5e1ed3315cac685dc6231341c0f5e3845f0bb5f ",
	   "--files-from=f");
	write_bytes("f", "#c\0a", 4);
	IS("files-from=262f60417c3c06bbd9c7df1ad5e1ed3315cac685dc6231341c0f5e3845f0bb5f ", "-0",
	   "--files-from=f");
	sandbox_file("f", "# a comment\r\n./a\r\n\r\n./#c\r\n", 0600);
	IS("files-from=262f60417c3c06bbd9c7df1ad5e1ed3315cac685dc6231341c0f5e3845f0bb5f ",
	   "--files-from=f");
	sandbox_file("f", "#c\na\n", 0600);
	IS("files-from=ffe9aaeaa2a2d5048174df0b80599ef0197ec024c4b051bc9860cff58ef7f9f3 ",
	   "--files-from=f");
	sandbox_file("f", "a\nb/../c\n", 0600);
	REFUSES("--files-from=f: line 2: \"..\" leads out of the source", "--files-from=f");
	sandbox_file("f", "/etc/passwd\n", 0600);
	REFUSES("--files-from=f: line 1: paths on a list begin below the source, not at /",
		"--files-from=f");
	REFUSES("--files-from=none: cannot open it: No such file or directory",
		"--files-from=none");
}

static void rules_beyond_the_header_are_refused(void **state)
{
	(void)state;
	enum { SIZE = 60001 };
	char *text = malloc(SIZE + 1);
	assert_non_null(text);
	memset(text, 'x', SIZE);
	for (int i = 100; i < SIZE; i += 100)
		text[i] = '\n';
	text[SIZE] = '\0';
	sandbox_file("f", text, 0600);
	free(text);
	REFUSES("--exclude-from=f: line 595: the rules are longer than 60000 bytes together",
		"--exclude-from=f");
}

static void rules_belong_to_one_call_of_cp_or_plan(void **state)
{
	(void)state;
	struct options options;
	struct err err;
	char *argv[] = { (char[]){ "barge" }, (char[]){ "resume" }, (char[]){ "--exclude=x" } };
	assert_int_equal(options_parse(&options, 3, argv, &err), FAULT_USAGE);
	assert_string_equal(err.text, "--exclude does not go with barge resume");
	setenv("BARGE_EXCLUDE", "x", 1);
	setenv("BARGE_MAX_SIZE", "1", 1);
	IS("", "-r");
	unsetenv("BARGE_EXCLUDE");
	unsetenv("BARGE_MAX_SIZE");
}

int main(void)
{
	const struct CMUnitTest facts[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, quiet_place, sandbox_teardown)
		FACT(rules_count_in_the_order_of_the_line),
		FACT(a_rule_may_say_what_it_does),
		FACT(files_have_comments_and_line_ends_of_two_kinds),
		FACT(files_may_end_their_lines_with_nul),
		FACT(standard_input_is_read_once),
		FACT(version_control_is_left_out_at_its_place),
		FACT(patterns_of_tahoe_backup_are_names),
		FACT(a_slash_in_front_begins_behind_the_time),
		FACT(directories_are_marked_by_names),
		FACT(limits_are_sizes_and_flags),
		FACT(a_date_is_local_unless_it_has_a_zone),
		FACT(a_file_stands_for_its_time),
		FACT(a_list_is_read_by_lines_or_nuls),
		FACT(rules_beyond_the_header_are_refused),
		FACT(rules_belong_to_one_call_of_cp_or_plan),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
