#include "plan/plan.h"

#include "base/meta.h"
#include "queue/file/manifest.h"
#include "tests/unit/facts.h"
#include "tests/unit/plan_case.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static struct plan_case c;

static int setup(void **state)
{
	(void)state;
	plan_case_init(&c);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	plan_case_fini(&c);
	return 0;
}

static void assert_plan(const char *wanted)
{
	char *text = plan_text(&c);
	assert_string_equal(text, wanted);
	free(text);
}

/* Asserts the plan of a tree of one level. */
static void assert_top(const char *wanted)
{
	static const char head[] = "0: \n 1 D 0 top\n1: top\n";
	char *text = plan_text(&c);
	assert_memory_equal(text, head, sizeof head - 1);
	assert_string_equal(text + sizeof head - 1, wanted);
	free(text);
}

static void lists_depth_first_in_name_order(void **state)
{
	(void)state;
	make_directory(&c, "b");
	make_file(&c, "b/x", 3);
	make_directory(&c, "b/sub");
	make_file(&c, "b/sub/y\n", 1);
	make_file(&c, "b.", 0);
	make_file(&c, "B", 5);
	make_directory(&c, "c");
	assert_int_equal(plan_afresh(&c), 0);
	assert_plan("0: \n 1 D 0 top\n"
		    "1: top\n 2 F 5 B\n 3 D 0 b\n 4 F 0 b.\n 5 D 0 c\n"
		    "3: b\n 6 D 0 sub\n 7 F 3 x\n"
		    "6: sub\n 8 F 1 y\n\n"
		    "5: c\n");
	assert_true(c.completed);
	assert_true(c.publishes >= 2);
	assert_int_equal(atomic_load(&c.progress.entries), 8);
	assert_int_equal(atomic_load(&c.progress.bytes), 9);
}

static void tells_each_policy_for_symlinks(void **state)
{
	(void)state;
	static const char *const wanted[] = {
		" 2 LS1 0 d\n 3 F 7 f\n 4 LS1 0 l\n 5 LS1 0 n\n",
		" 2 LS1 0 d\n 3 F 7 f\n 4 LS1 0 l\n 5 LS1 0 n\n",
		" 2 D 0 d\n 3 F 7 f\n 4 F 7 l\n 5 LF11 0 n\n2: d\n 6 F 9 x\n",
		" 2 LF1 0 d\n 3 F 7 f\n 4 LF1 0 l\n 5 LF1 0 n\n",
		" 2 L 0 d\n 3 F 7 f\n 4 L 0 l\n 5 L 0 n\n",
	};
	make_file(&c, "f", 7);
	make_symlink(&c, "l", "f");
	make_symlink(&c, "n", "nowhere");
	make_symlink(&c, "d", "../aside");
	make_directory(&c, "../aside");
	make_file(&c, "../aside/x", 9);
	for (int policy = 0; policy < 5; policy++) {
		c.request.options.symlinks = (enum plan_symlinks)policy;
		assert_int_equal(plan_afresh(&c), 0);
		assert_top(wanted[policy]);
	}
}

static void finds_loops_of_followed_symlinks(void **state)
{
	(void)state;
	make_directory(&c, "a");
	make_directory(&c, "a/b");
	make_symlink(&c, "a/b/self", ".");
	make_symlink(&c, "a/b/up", "../../a");
	make_symlink(&c, "a/b/ring", "ring");
	make_symlink(&c, "a/b/out", "../../..");
	c.request.options.symlinks = PLAN_SYMLINKS_FOLLOW;
	assert_int_equal(plan_afresh(&c), 0);
	char *text = plan_text(&c);
	assert_non_null(strstr(text, "3: b\n 4 D 0 out\n 5 LF11 0 ring\n 6 LF10 0 self\n"
				     " 7 LF10 0 up\n4: out\n"));
	/* Outside stands the tree itself, and is not entered again. */
	assert_non_null(strstr(text, " DF10 0 tree\n"));
	free(text);
}

static void never_opens_special_files(void **state)
{
	(void)state;
	char path[200];
	snprintf(path, sizeof path, "%s/fifo", c.tree);
	assert_int_equal(mkfifo(path, 0644), 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", c.tree);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
	make_symlink(&c, "null", "/dev/null");
	c.request.options.symlinks = PLAN_SYMLINKS_FOLLOW;
	for (int policy = 0; policy < 3; policy++) {
		c.request.options.specials = (enum plan_specials)policy;
		assert_int_equal(plan_afresh(&c), 0);
		assert_top(policy == PLAN_SPECIALS_FAIL
				   ? " 2 OF2 0 fifo\n 3 OF2 0 null\n 4 OF2 0 socket\n"
				   : " 2 OS2 0 fifo\n 3 OS2 0 null\n 4 OS2 0 socket\n");
	}
	close(fd);
}

static void fails_names_that_are_not_unicode(void **state)
{
	(void)state;
	make_file(&c, "\xff", 1);
	make_directory(&c, "a\xc3");
	make_file(&c, "gr\xc3\xbc\xc3\x9f", 2);
	assert_int_equal(plan_afresh(&c), 0);
	assert_top(" 2 DF8 0 a\xc3\n 3 F 2 gr\xc3\xbc\xc3\x9f\n 4 FF8 1 \xff\n");
}

static void fails_names_that_are_equal_in_nfc(void **state)
{
	(void)state;
	/* e with acute, composed and not; o with two marks in two orders, neither in NFC. */
	make_file(&c, "caf\xc3\xa9", 1);
	make_file(&c, "cafe\xcc\x81", 1);
	make_file(&c, "cafe", 1);
	make_file(&c, "o\xcc\x88\xcc\xa3", 1);
	make_file(&c, "o\xcc\xa3\xcc\x88", 1);
	make_file(&c, "u\xcc\x88", 1);
	assert_int_equal(plan_afresh(&c), 0);
	assert_top(" 2 F 1 cafe\n 3 FF9 1 cafe\xcc\x81\n 4 FF9 1 caf\xc3\xa9\n"
		   " 5 FF9 1 o\xcc\x88\xcc\xa3\n 6 FF9 1 o\xcc\xa3\xcc\x88\n 7 F 1 u\xcc\x88\n");
}

/* Runs `plan` as a user who is not root, and returns whether it went well. */
static void as_nobody(void (*plan)(void))
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(2);
		plan();
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void plan_and_report(void)
{
	if (plan_afresh(&c) != FAULT_NONE || strcmp(c.settled, "2 4 6\n") != 0)
		_exit(1);
}

static void settles_unreadable_directories(void **state)
{
	(void)state;
	char path[200];
	make_directory(&c, "closed");
	make_directory(&c, "closed/x");
	make_directory(&c, "dark");
	make_file(&c, "dark/x", 1);
	make_directory(&c, "open");
	make_file(&c, "open/x", 1);
	snprintf(path, sizeof path, "%s/closed", c.tree);
	assert_int_equal(chmod(path, 0000), 0);
	snprintf(path, sizeof path, "%s/dark", c.tree);
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(chmod(c.folder, 0777), 0);
	as_nobody(plan_and_report);
	assert_top(" 2 D 0 closed\n 3 D 0 dark\n 4 D 0 open\n"
		   "3: dark\n 5 OF6 0 x\n"
		   "4: open\n 6 F 1 x\n");
	snprintf(path, sizeof path, "%s/closed", c.tree);
	assert_int_equal(chmod(path, 0755), 0);
}

static void settles_directories_with_too_many_names(void **state)
{
	(void)state;
	make_directory(&c, "three");
	make_file(&c, "three/1", 1);
	make_file(&c, "three/2", 1);
	make_file(&c, "three/3", 1);
	make_directory(&c, "two");
	make_file(&c, "two/1", 1);
	make_file(&c, "two/2", 1);
	c.request.options.max_dir_entries = 2;
	assert_int_equal(plan_afresh(&c), 0);
	assert_top(" 2 D 0 three\n 3 D 0 two\n3: two\n 4 F 1 1\n 5 F 1 2\n");
	assert_string_equal(c.settled, "2 4 12\n");
}

/* Plans, and cuts the plan behind the listing of the tree's first level. */
static void cut_behind_top(void)
{
	size_t size;
	assert_int_equal(plan_afresh(&c), 0);
	free(plan_text(&c));
	unsigned char *whole = read_manifest(&c, &size);
	cut_manifest(&c, whole, c.boundary[2]);
	free(whole);
}

static void replace_by_symlink(const char *path, const char *target)
{
	char whole[200];
	snprintf(whole, sizeof whole, "%s/%s", c.tree, path);
	assert_int_equal(rmdir(whole), 0);
	make_symlink(&c, path, target);
}

static void enters_no_symlink_that_was_a_directory(void **state)
{
	(void)state;
	make_directory(&c, "a");
	make_directory(&c, "b");
	make_file(&c, "b/x", 1);
	cut_behind_top();
	replace_by_symlink("a", "b");
	assert_int_equal(plan_again(&c), 0);
	assert_top(" 2 D 0 a\n 3 D 0 b\n3: b\n 4 F 1 x\n");
	assert_string_equal(c.settled, "2 4 5\n");
}

static void enters_no_directory_twice_on_one_way(void **state)
{
	(void)state;
	make_directory(&c, "a");
	c.request.options.symlinks = PLAN_SYMLINKS_FOLLOW;
	cut_behind_top();
	replace_by_symlink("a", ".");
	assert_int_equal(plan_again(&c), 0);
	assert_top(" 2 D 0 a\n");
	assert_string_equal(c.settled, "2 4 10\n");
}

static bool settled_before(void *context, uint64_t id)
{
	(void)context;
	/* 4 is only found afterwards, and not to be asked for. */
	return id == 2 || id == 4;
}

static void leaves_out_what_is_settled_already(void **state)
{
	(void)state;
	make_directory(&c, "a");
	make_file(&c, "a/x", 1);
	make_directory(&c, "b");
	make_directory(&c, "b/c");
	cut_behind_top();
	c.request.is_settled = settled_before;
	assert_int_equal(plan_again(&c), 0);
	assert_top(" 2 D 0 a\n 3 D 0 b\n3: b\n 4 D 0 c\n4: c\n");
}

static void makes_missing_levels_above_the_sources(void **state)
{
	(void)state;
	static const char *const made[] = { "new", "newer" };
	make_file(&c, "x", 1);
	c.request.made = made;
	c.request.made_count = 2;
	assert_int_equal(plan_afresh(&c), 0);
	assert_plan("0: \n 1 D 0 new\n1: new\n 2 D 0 newer\n2: newer\n 3 D 0 top\n3: top\n"
		    " 4 F 1 x\n");
}

static void plans_several_sources_in_name_order(void **state)
{
	(void)state;
	char path[4][200];
	make_directory(&c, "d");
	make_directory(&c, "d/e");
	make_file(&c, "d/e/x", 1);
	make_file(&c, "f", 2);
	make_symlink(&c, "l", "d");
	for (int i = 0; i < 4; i++)
		snprintf(path[i], sizeof path[i], "%s/%s", c.tree,
			 (const char *[]){ "f", "l", "d", "f" }[i]);
	const struct plan_source source[] = { { .path = path[0], .name = "z" },
					      { .path = path[1], .name = "link" },
					      { .path = path[2], .name = "d" },
					      { .path = path[3], .name = "m" } };
	c.request.source = source;
	c.request.source_count = 4;
	assert_int_equal(plan_afresh(&c), 0);
	assert_plan("0: \n 1 D 0 d\n 2 D 0 link\n 3 F 2 m\n 4 F 2 z\n"
		    "1: d\n 5 D 0 e\n5: e\n 6 F 1 x\n"
		    "2: link\n 7 D 0 e\n7: e\n 8 F 1 x\n");
}

static void refuses_names_that_are_none(void **state)
{
	(void)state;
	struct plan_source source[] = { { .path = c.tree, .name = "a" },
					{ .path = c.tree, .name = "b" } };
	c.request.source = source;
	c.request.source_count = 2;
	for (int i = 0; i < 4; i++) {
		source[0].name = (const char *[]){ "", "x/y", ".", ".." }[i];
		assert_int_equal(plan_afresh(&c), FAULT_USAGE);
	}
}

static void says_which_source_is_missing(void **state)
{
	(void)state;
	make_symlink(&c, "l", "nowhere");
	const struct plan_source source[] = { { .path = "/nonexistent/place", .name = "a" } };
	c.request.source = source;
	assert_int_equal(plan_afresh(&c), FAULT_NOT_FOUND);
	assert_non_null(strstr(c.err.text, "/nonexistent/place"));
	char path[200];
	snprintf(path, sizeof path, "%s/l", c.tree);
	const struct plan_source dangling[] = { { .path = path, .name = "a" } };
	c.request.source = dangling;
	assert_int_equal(plan_afresh(&c), FAULT_NOT_FOUND);
}

static void keeps_what_lstat_says(void **state)
{
	(void)state;
	char path[200];
	make_file(&c, "f", 77);
	make_symlink(&c, "l", "f");
	c.request.options.symlinks = PLAN_SYMLINKS_FOLLOW;
	assert_int_equal(plan_afresh(&c), 0);
	free(plan_text(&c));
	struct manifest_reader *reader;
	struct manifest_block block;
	assert_int_equal(manifest_open(c.manifest, &reader, &c.err), 0);
	assert_int_equal(manifest_read(reader, c.boundary[1], &block, &c.err), 0);
	snprintf(path, sizeof path, "%s/f", c.tree);
	struct stat st;
	assert_int_equal(lstat(path, &st), 0);
	for (size_t i = 0; i < 2; i++) {
		struct meta meta, wanted = meta_from_stat(&st);
		wanted.flags = i ? META_FOLLOWED : 0;
		unsigned char packed[META_PACKED_MAX];
		assert_true(meta_unpack(block.entry[i].meta, block.entry[i].meta_size, &meta));
		size_t size = meta_pack(&wanted, packed);
		assert_int_equal(block.entry[i].meta_size, size);
		assert_memory_equal(block.entry[i].meta, packed, size);
	}
	manifest_close(reader);
}

static void stops_when_told(void **state)
{
	(void)state;
	atomic_bool cancel = true;
	c.request.cancel = &cancel;
	assert_int_equal(plan_afresh(&c), FAULT_CANCELLED);
	assert_false(c.completed);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(lists_depth_first_in_name_order),
		FACT(tells_each_policy_for_symlinks),
		FACT(finds_loops_of_followed_symlinks),
		FACT(never_opens_special_files),
		FACT(fails_names_that_are_not_unicode),
		FACT(fails_names_that_are_equal_in_nfc),
		FACT(settles_unreadable_directories),
		FACT(settles_directories_with_too_many_names),
		FACT(enters_no_symlink_that_was_a_directory),
		FACT(enters_no_directory_twice_on_one_way),
		FACT(leaves_out_what_is_settled_already),
		FACT(makes_missing_levels_above_the_sources),
		FACT(plans_several_sources_in_name_order),
		FACT(refuses_names_that_are_none),
		FACT(says_which_source_is_missing),
		FACT(keeps_what_lstat_says),
		FACT(stops_when_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
