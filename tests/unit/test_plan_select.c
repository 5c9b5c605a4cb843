#include "plan/plan.h"

#include "select/select.h"
#include "tests/unit/facts.h"
#include "tests/unit/plan_case.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct plan_case c;
static struct select *select_;

static int setup(void **state)
{
	(void)state;
	plan_case_init(&c);
	select_ = select_new();
	assert_non_null(select_);
	c.request.select = select_;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	plan_case_fini(&c);
	select_free(select_);
	return 0;
}

static void rule(bool include, const char *pattern)
{
	assert_int_equal(select_add(select_, include, pattern, strlen(pattern), &c.err), 0);
}

/* Makes the selection one of the paths in `text`, a blank behind each. */
static void list(const char *text)
{
	struct listed *listed = listed_new();
	assert_non_null(listed);
	for (const char *end; (end = strchr(text, ' ')); text = end + 1)
		assert_int_equal(listed_add(listed, text, (size_t)(end - text), &c.err), 0);
	listed_sort(listed);
	assert_int_equal(select_list(select_, listed, &c.err), 0);
}

static void assert_plan(const char *wanted)
{
	assert_int_equal(plan_afresh(&c), 0);
	char *text = plan_text(&c);
	assert_string_equal(text, wanted);
	free(text);
}

static void make_small_tree(void)
{
	make_directory(&c, "a");
	make_file(&c, "a/x.c", 1);
	make_file(&c, "a/x.o", 2);
	make_directory(&c, "raw");
	make_file(&c, "raw/y.c", 3);
	make_directory(&c, "a/raw");
	make_file(&c, "a/raw/z.c", 4);
	make_symlink(&c, "link", "a");
}

static void paths_begin_with_the_name_of_the_source(void **state)
{
	(void)state;
	make_small_tree();
	rule(false, "/top/raw/");
	rule(false, "*.o");
	assert_plan("0: \n 1 D 0 top\n1: top\n 2 D 0 a\n 3 LS1 0 link\n"
		    "2: a\n 4 D 0 raw\n 5 F 1 x.c\n4: raw\n 6 F 4 z.c\n");
}

static void made_directories_are_not_part_of_a_path(void **state)
{
	(void)state;
	static const char *const made[] = { "top", "a" };
	make_small_tree();
	c.request.made = made;
	c.request.made_count = 2;
	rule(false, "/top/raw/");
	rule(false, "/top/a/*.c");
	rule(false, "/a");
	rule(false, "link");
	assert_plan("0: \n 1 D 0 top\n1: top\n 2 D 0 a\n2: a\n 3 D 0 top\n3: top\n 4 D 0 a\n"
		    "4: a\n 5 D 0 raw\n 6 F 2 x.o\n5: raw\n 7 F 4 z.c\n");
}

static void sources_are_not_asked_about(void **state)
{
	(void)state;
	make_file(&c, "f", 1);
	rule(false, "*");
	assert_plan("0: \n 1 D 0 top\n1: top\n");
}

static void what_is_left_out_is_not_touched(void **state)
{
	(void)state;
	make_directory(&c, "secret");
	make_file(&c, "secret/f", 1);
	char path[200];
	snprintf(path, sizeof path, "%s/secret", c.tree);
	assert_int_equal(chmod(path, 0), 0);
	make_file(&c, "big", 100);
	make_file(&c, "caf\xc3\xa9", 1);
	make_file(&c, "cafe\xcc\x81", 2);
	rule(false, "secret");
	rule(false, "cafe\xcc\x81");
	select_limit(select_, &(struct select_limits){ .max_bytes = 50 });
	/* The other of two names that Unicode holds for equal has nothing to clash with. */
	assert_plan("0: \n 1 D 0 top\n1: top\n 2 F 1 caf\xc3\xa9\n");
	assert_string_equal(c.settled, "");
}

static void a_name_left_out_does_not_count_for_the_limit(void **state)
{
	(void)state;
	make_file(&c, "a", 1);
	make_file(&c, "b", 1);
	make_file(&c, "c", 1);
	c.request.options.max_dir_entries = 2;
	rule(false, "b");
	assert_plan("0: \n 1 D 0 top\n1: top\n 2 F 1 a\n 3 F 1 c\n");
}

static void times_are_those_of_the_file(void **state)
{
	(void)state;
	char path[200];
	make_small_tree();
	snprintf(path, sizeof path, "%s/a/x.c", c.tree);
	const struct timespec times[] = { { 100, 0 }, { 100, 500 } };
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	snprintf(path, sizeof path, "%s/a/x.o", c.tree);
	assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){ { 0 }, { 100, 501 } }, 0),
			 0);
	rule(false, "raw");
	rule(false, "link");
	select_limit(select_,
		     &(struct select_limits){ .has_newer = true,
					      .newer_ns = 100 * INT64_C(1000000000) + 500 });
	assert_plan("0: \n 1 D 0 top\n1: top\n 2 D 0 a\n2: a\n 3 F 2 x.o\n");
}

static void another_file_system_is_not_entered(void **state)
{
	(void)state;
	struct stat here, there;
	char other[] = "/dev/shm/selectXXXXXX";
	if (stat(c.tree, &here) || stat("/dev/shm", &there) || here.st_dev == there.st_dev ||
	    !mkdtemp(other))
		skip();
	make_directory(&c, "a");
	make_symlink(&c, "mounted", other);
	c.request.options.symlinks = PLAN_SYMLINKS_FOLLOW;
	assert_plan("0: \n 1 D 0 top\n1: top\n 2 D 0 a\n 3 D 0 mounted\n2: a\n3: mounted\n");
	select_limit(select_, &(struct select_limits){ .one_file_system = true });
	assert_plan("0: \n 1 D 0 top\n1: top\n 2 D 0 a\n2: a\n");
	rmdir(other);
}

static void a_list_is_taken_with_the_way_to_it(void **state)
{
	(void)state;
	make_small_tree();
	list("a/x.c raw/ ");
	assert_plan("0: \n 1 D 0 top\n1: top\n 2 D 0 a\n 3 D 0 raw\n"
		    "2: a\n 4 F 1 x.c\n3: raw\n 5 F 3 y.c\n");
}

static void what_is_listed_and_not_there_has_failed(void **state)
{
	(void)state;
	make_small_tree();
	list("a a/gone b/c/d raw/y.c/below raw/y.d/ ");
	assert_plan("0: \n 1 D 0 top\n1: top\n 2 D 0 a\n 3 OF22 0 b\n 4 D 0 raw\n"
		    "2: a\n 5 OF22 0 gone\n4: raw\n 6 FF22 3 y.c\n 7 OF22 0 y.d\n");
}

static void what_is_listed_inside_a_whole_directory_is_missed_too(void **state)
{
	(void)state;
	make_small_tree();
	list("a/ a/gone a/x.c a/raw/lost a/x.o/no ");
	assert_plan("0: \n 1 D 0 top\n1: top\n 2 D 0 a\n"
		    "2: a\n 3 OF22 0 gone\n 4 D 0 raw\n 5 F 1 x.c\n 6 FF22 2 x.o\n"
		    "4: raw\n 7 OF22 0 lost\n 8 F 4 z.c\n");
}

static void a_rule_leaves_out_what_is_listed(void **state)
{
	(void)state;
	make_small_tree();
	list("a/x.c a/x.o a/gone.o raw/y.c link ");
	rule(false, "*.o");
	rule(false, "/*/raw");
	assert_plan("0: \n 1 D 0 top\n1: top\n 2 D 0 a\n 3 LS1 0 link\n2: a\n 4 F 1 x.c\n");
}

/* Plans, and asserts that a plan cut at each block's end comes out the same when gone on with. */
static void assert_resumes_everywhere(size_t blocks)
{
	assert_int_equal(plan_afresh(&c), 0);
	size_t size;
	char *text = plan_text(&c);
	unsigned char *whole = read_manifest(&c, &size);
	uint64_t *boundary = c.boundary;
	size_t count = c.boundary_count;
	c.boundary = NULL;
	assert_in_range(count, blocks, 1000);
	for (size_t i = 0; i < count; i++) {
		cut_manifest(&c, whole, boundary[i]);
		assert_int_equal(plan_again(&c), 0);
		char *again = plan_text(&c);
		assert_string_equal(again, text);
		free(again);
	}
	free(boundary);
	free(whole);
	free(text);
}

static void make_wide_tree(void)
{
	make_small_tree();
	make_directory(&c, "w");
	for (int i = 0; i < 3000; i++) {
		char path[100];
		snprintf(path, sizeof path, "w/one of many files with a name %04d", i);
		make_file(&c, path, (size_t)i);
	}
	make_directory(&c, "z");
	make_file(&c, "z/last", 1);
}

static void a_plan_goes_on_with_the_same_rules(void **state)
{
	(void)state;
	make_wide_tree();
	rule(false, "/top/w/*7");
	rule(false, "x.*");
	select_limit(select_, &(struct select_limits){ .max_bytes = 2900 });
	assert_resumes_everywhere(8);
}

static void a_plan_goes_on_with_the_same_list(void **state)
{
	(void)state;
	make_wide_tree();
	struct listed *listed = listed_new();
	assert_non_null(listed);
	for (int i = 0; i < 3000; i++) {
		char path[100];
		int size =
			snprintf(path, sizeof path, "w/one of many files with a name %04d", 2 * i);
		assert_int_equal(listed_add(listed, path, (size_t)size, &c.err), 0);
	}
	assert_int_equal(listed_add(listed, "z/gone", 6, &c.err), 0);
	listed_sort(listed);
	assert_int_equal(select_list(select_, listed, &c.err), 0);
	assert_resumes_everywhere(6);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		FACT(paths_begin_with_the_name_of_the_source),
		FACT(made_directories_are_not_part_of_a_path),
		FACT(sources_are_not_asked_about),
		FACT(what_is_left_out_is_not_touched),
		FACT(a_name_left_out_does_not_count_for_the_limit),
		FACT(times_are_those_of_the_file),
		FACT(another_file_system_is_not_entered),
		FACT(a_list_is_taken_with_the_way_to_it),
		FACT(what_is_listed_and_not_there_has_failed),
		FACT(what_is_listed_inside_a_whole_directory_is_missed_too),
		FACT(a_rule_leaves_out_what_is_listed),
		FACT(a_plan_goes_on_with_the_same_rules),
		FACT(a_plan_goes_on_with_the_same_list),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
