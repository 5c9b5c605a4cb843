#include "plan/plan.h"

#include "queue/file/manifest.h"
#include "tests/unit/facts.h"
#include "tests/unit/plan_case.h"

#include <fcntl.h>
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

/* Files called PREFIXnnnn, enough of which make a listing of several blocks. */
static void make_files(const char *folder, const char *prefix, int count)
{
	for (int i = 0; i < count; i++) {
		char path[100];
		snprintf(path, sizeof path, "%s/%s%04d", folder, prefix, i);
		make_file(&c, path, (size_t)i);
	}
}

/* A tree whose walk has everything: levels, a wide directory, verdicts, empty directories. */
static void make_tree(void)
{
	make_directory(&c, "a");
	make_directory(&c, "a/b");
	make_directory(&c, "a/b/c");
	make_files("a/b/c", "f", 3);
	make_directory(&c, "a/e");
	make_directory(&c, "empty");
	make_directory(&c, "w");
	make_files("w", "a wide directory's file with a long name ", 1500);
	make_directory(&c, "w/m");
	make_directory(&c, "w/n");
	make_files("w/n", "g", 2);
	make_symlink(&c, "w/z", "n");
	make_directory(&c, "z");
	make_directory(&c, "z/z");
	make_files("z/z", "h", 2);
}

/* Plans, and asserts that a plan cut at each block's end comes out the same when gone on with. */
static void assert_resumes_everywhere(void)
{
	assert_int_equal(plan_afresh(&c), 0);
	size_t size;
	char *text = plan_text(&c);
	unsigned char *whole = read_manifest(&c, &size);
	uint64_t *boundary = c.boundary;
	size_t count = c.boundary_count;
	c.boundary = NULL;
	assert_in_range(count, 10, 1000);
	for (size_t i = 0; i < count; i++) {
		cut_manifest(&c, whole, boundary[i]);
		assert_int_equal(plan_again(&c), 0);
		char *again = plan_text(&c);
		assert_string_equal(again, text);
		assert_true(c.completed);
		free(again);
	}
	free(boundary);
	free(whole);
	free(text);
}

static void goes_on_after_any_block(void **state)
{
	(void)state;
	make_tree();
	assert_resumes_everywhere();
}

static void goes_on_below_made_levels(void **state)
{
	(void)state;
	static const char *const made[] = { "new", "newer" };
	make_tree();
	c.request.made = made;
	c.request.made_count = 2;
	assert_resumes_everywhere();
}

static void goes_on_behind_followed_symlinks(void **state)
{
	(void)state;
	make_tree();
	make_directory(&c, "../aside");
	make_directory(&c, "../aside/s");
	make_files("../aside/s", "f", 2);
	make_symlink(&c, "a/link", "../../aside");
	make_symlink(&c, "../aside/s/loop", "../../aside");
	make_directory(&c, "../aside/s/t");
	make_directory(&c, "../aside/s/t/u");
	make_symlink(&c, "../aside/s/t/u/loop", "../../../../aside");
	c.request.options.symlinks = PLAN_SYMLINKS_FOLLOW;
	assert_resumes_everywhere();
}

/* Cuts the plan of make_tree inside the listing of `w`; returns the names it still has. */
static size_t cut_inside(uint64_t *end)
{
	assert_int_equal(plan_afresh(&c), 0);
	size_t size;
	char *text = plan_text(&c);
	unsigned char *whole = read_manifest(&c, &size);
	struct manifest_reader *reader;
	struct manifest_block block;
	size_t names = 0;
	assert_int_equal(manifest_open(c.manifest, &reader, &c.err), 0);
	for (size_t i = 0; i < c.boundary_count && !names; i++) {
		assert_int_equal(manifest_read(reader, c.boundary[i], &block, &c.err), 0);
		if (block.first && !block.last)
			names = block.count;
	}
	assert_in_range(names, 1, 1400);
	*end = block.next;
	manifest_close(reader);
	cut_manifest(&c, whole, *end);
	free(whole);
	free(text);
	return names;
}

static void skips_what_appears_before_the_cut(void **state)
{
	(void)state;
	uint64_t end;
	make_tree();
	cut_inside(&end);
	make_file(&c, "w/0 early", 1);
	make_file(&c, "w/zz late", 1);
	make_directory(&c, "w/00 early directory");
	assert_int_equal(plan_again(&c), 0);
	char *text = plan_text(&c);
	const char *late = strstr(text, " F 1 zz late\n");
	assert_non_null(late);
	assert_non_null(strstr(late, " FS4 1 0 early\n"));
	const char *directory = strstr(late, " DS4 0 00 early directory\n");
	assert_non_null(directory);
	/* It is told once, and not walked. */
	assert_null(strstr(strchr(directory, '\n'), "00 early directory"));
	free(text);
}

static void goes_on_among_what_appeared(void **state)
{
	(void)state;
	uint64_t end;
	make_tree();
	cut_inside(&end);
	make_files("w", "0 a great many early files with long names ", 1500);
	assert_int_equal(plan_again(&c), 0);
	size_t size;
	char *text = plan_text(&c);
	unsigned char *whole = read_manifest(&c, &size);
	uint64_t *boundary = c.boundary;
	size_t count = c.boundary_count;
	c.boundary = NULL;
	for (size_t i = 0; i < count; i++) {
		/* Before that they are no late arrivals. */
		if (boundary[i] < end)
			continue;
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

static void forgets_what_is_gone(void **state)
{
	(void)state;
	char path[200];
	uint64_t end;
	make_tree();
	cut_inside(&end);
	for (int i = 0; i < 1500; i++) {
		snprintf(path, sizeof path, "%s/w/a wide directory's file with a long name %04d",
			 c.tree, i);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(plan_again(&c), 0);
	char *text = plan_text(&c);
	assert_null(strstr(text, "long name 1499"));
	assert_non_null(strstr(text, "long name 0000"));
	assert_non_null(strstr(text, ": n\n"));
	free(text);
}

static void settles_a_cut_directory_that_vanished(void **state)
{
	(void)state;
	char command[200];
	uint64_t end;
	make_tree();
	size_t names = cut_inside(&end);
	snprintf(command, sizeof command, "rm -r '%s/w'", c.tree);
	assert_int_equal(system(command), 0);
	assert_int_equal(plan_again(&c), 0);
	char *text = plan_text(&c);
	size_t found = 0;
	for (const char *at = text; (at = strstr(at, "long name")); at++)
		found++;
	assert_int_equal(found, names);
	assert_non_null(strstr(text, ": z\n"));
	/* w is entry 4: skipped, vanished. */
	assert_string_equal(c.settled, "4 3 3\n");
	free(text);
}

static void goes_on_where_ancestors_vanished(void **state)
{
	(void)state;
	char command[200];
	make_tree();
	assert_int_equal(plan_afresh(&c), 0);
	free(plan_text(&c));
	size_t size;
	unsigned char *whole = read_manifest(&c, &size);
	/* Behind the listings of the root, top, a and b. */
	cut_manifest(&c, whole, c.boundary[4]);
	free(whole);
	snprintf(command, sizeof command, "rm -r '%s/a'", c.tree);
	assert_int_equal(system(command), 0);
	assert_int_equal(plan_again(&c), 0);
	char *text = plan_text(&c);
	assert_null(strstr(text, ": c\n"));
	assert_null(strstr(text, ": e\n"));
	assert_non_null(strstr(text, ": z\n"));
	assert_true(strlen(c.settled) > 10);
	free(text);
}

static void resumes_its_own_resumption(void **state)
{
	(void)state;
	make_tree();
	assert_int_equal(plan_afresh(&c), 0);
	size_t size;
	char *text = plan_text(&c);
	unsigned char *whole = read_manifest(&c, &size);
	uint64_t *boundary = c.boundary;
	size_t count = c.boundary_count;
	c.boundary = NULL;
	cut_manifest(&c, whole, boundary[0]);
	/* Each step is stopped at once, and must lose nothing. */
	atomic_bool cancel = true;
	c.request.cancel = &cancel;
	for (size_t i = 0; i < 4 * count; i++)
		assert_int_equal(plan_again(&c), FAULT_CANCELLED);
	c.request.cancel = NULL;
	assert_int_equal(plan_again(&c), 0);
	char *again = plan_text(&c);
	assert_string_equal(again, text);
	free(again);
	free(boundary);
	free(whole);
	free(text);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(goes_on_after_any_block),
		FACT(goes_on_below_made_levels),
		FACT(goes_on_behind_followed_symlinks),
		FACT(skips_what_appears_before_the_cut),
		FACT(goes_on_among_what_appeared),
		FACT(forgets_what_is_gone),
		FACT(settles_a_cut_directory_that_vanished),
		FACT(goes_on_where_ancestors_vanished),
		FACT(resumes_its_own_resumption),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
