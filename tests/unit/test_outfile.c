#include "files/outfile.h"

#include "tests/unit/facts.h"
#include "tests/unit/tree.h"

#include <sys/stat.h>
#include <unistd.h>

static enum fault write_out(const char *path, bool replace, bool publish)
{
	struct outfile outfile;
	struct err err;
	enum fault fault = outfile_open(&outfile, path, replace, &err);
	if (fault)
		return fault;
	assert_int_equal(dirfd_write(outfile.fd, "a failed try", 12, &err), FAULT_NONE);
	assert_int_equal(outfile_rewind(&outfile, 0, &err), FAULT_NONE);
	assert_int_equal(dirfd_write(outfile.fd, "after", 5, &err), FAULT_NONE);
	if (publish)
		fault = outfile_publish(&outfile, &err);
	outfile_fini(&outfile);
	return fault;
}

static void it_appears_whole_or_not_at_all(void **state)
{
	(void)state;
	struct stat st;
	assert_int_equal(write_out(tree_path("new"), false, false), FAULT_NONE);
	assert_int_equal(tree_count(""), 0);
	assert_int_equal(write_out(tree_path("new"), false, true), FAULT_NONE);
	assert_true(tree_holds("new", "after", 5));
	assert_int_equal(tree_count(""), 1);
	assert_int_equal(stat(tree_path("new"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void nothing_is_replaced_unless_told(void **state)
{
	(void)state;
	tree_store("old", "before");
	assert_int_equal(mkdir(tree_path("directory"), 0700), 0);
	assert_int_equal(symlink("old", tree_path("link")), 0);
	assert_int_equal(write_out(tree_path("old"), false, true), FAULT_EXISTS);
	assert_true(tree_holds("old", "before", 6));
	for (int replace = 0; replace < 2; replace++) {
		assert_int_equal(write_out(tree_path("directory"), replace, true), FAULT_EXISTS);
		assert_int_equal(write_out(tree_path("link"), replace, true), FAULT_EXISTS);
	}
	assert_int_equal(write_out(tree_path("old"), true, true), FAULT_NONE);
	assert_true(tree_holds("old", "after", 5));
	assert_int_equal(tree_count(""), 3);
}

static void what_appears_meanwhile_stays(void **state)
{
	(void)state;
	struct outfile outfile;
	struct err err;
	assert_int_equal(outfile_open(&outfile, tree_path("f"), false, &err), FAULT_NONE);
	tree_store("f", "somebody else's");
	assert_int_equal(outfile_publish(&outfile, &err), FAULT_EXISTS);
	outfile_fini(&outfile);
	assert_true(tree_holds("f", "somebody else's", 15));
	assert_int_equal(tree_count(""), 1);
}

static void what_is_edited_meanwhile_stays(void **state)
{
	(void)state;
	struct outfile outfile;
	struct err err;
	tree_store("f", "old");
	assert_int_equal(outfile_open(&outfile, tree_path("f"), true, &err), FAULT_NONE);
	tree_store("f", "edited");
	assert_int_equal(outfile_publish(&outfile, &err), FAULT_EXISTS);
	outfile_fini(&outfile);
	assert_true(tree_holds("f", "edited", 6));
	assert_int_equal(tree_count(""), 1);
}

static void a_directory_that_is_moved_away_is_noticed(void **state)
{
	(void)state;
	struct outfile outfile;
	struct err err;
	assert_int_equal(mkdir(tree_path("d"), 0700), 0);
	assert_int_equal(outfile_open(&outfile, tree_path("d/f"), false, &err), FAULT_NONE);
	assert_int_equal(rename(tree_path("d"), tree_path("moved")), 0);
	assert_int_equal(mkdir(tree_path("d"), 0700), 0);
	assert_int_equal(outfile_publish(&outfile, &err), FAULT_EXISTS);
	outfile_fini(&outfile);
	assert_int_equal(tree_count("d"), 0);
	assert_int_equal(tree_count("moved"), 0);
}

static void a_path_must_name_a_file_in_a_directory(void **state)
{
	(void)state;
	tree_store("file", "");
	assert_int_equal(write_out(tree_path("none/f"), false, true), FAULT_USAGE);
	assert_int_equal(write_out(tree_path("file/f"), false, true), FAULT_USAGE);
	assert_int_equal(write_out(tree_path("x/"), false, true), FAULT_USAGE);
	assert_int_equal(write_out(tree_path(".."), false, true), FAULT_USAGE);
	assert_int_equal(write_out("", false, true), FAULT_USAGE);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest facts[] = {
		FACT(it_appears_whole_or_not_at_all),
		FACT(nothing_is_replaced_unless_told),
		FACT(what_appears_meanwhile_stays),
		FACT(what_is_edited_meanwhile_stays),
		FACT(a_directory_that_is_moved_away_is_noticed),
		FACT(a_path_must_name_a_file_in_a_directory),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
