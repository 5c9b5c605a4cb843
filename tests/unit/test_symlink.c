#include "files/symlink.h"

#include "base/digest.h"
#include "files/dirfd.h"
#include "tests/unit/facts.h"
#include "tests/unit/tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static enum fault check(const char *target, unsigned depth)
{
	struct err err = { 0 };
	enum fault fault = symlink_check(target, strlen(target), depth, &err);
	assert_int_equal(fault, err.fault);
	return fault;
}

static void targets_stay_below_the_target_directory(void **state)
{
	(void)state;
	static const struct {
		const char *target;
		unsigned depth;
		bool allowed;
	} row[] = {
		{ "a", 0, true },       { "a/b", 0, true },      { ".", 0, true },
		{ "./a//b/", 0, true }, { "...", 0, true },      { "..a/b..", 0, true },
		{ "..", 1, true },      { "../a", 1, true },     { ".././../a", 2, true },
		{ "../", 1, true },     { "", 9, false },        { "/", 9, false },
		{ "/a", 9, false },     { "//a", 9, false },     { "..", 0, false },
		{ "../a", 0, false },   { "./../a", 0, false },  { ".//..", 0, false },
		{ "../..", 1, false },  { "../../a", 1, false }, { "a/..", 9, false },
		{ "a/../b", 9, false }, { "../a/..", 9, false }, { "../a/../../..", 9, false },
	};
	for (size_t i = 0; i < ARRAY_COUNT(row); i++)
		if ((check(row[i].target, row[i].depth) == FAULT_NONE) != row[i].allowed)
			fail_msg("'%s' at depth %u", row[i].target, row[i].depth);
}

static void what_is_no_target_is_refused(void **state)
{
	(void)state;
	struct err err;
	char text[SYMLINK_TARGET_MAX + 1];
	memset(text, 'a', sizeof text);
	assert_int_equal(symlink_check(text, SYMLINK_TARGET_MAX, 0, &err), FAULT_NONE);
	assert_int_equal(symlink_check(text, sizeof text, 0, &err), FAULT_INSECURE);
	assert_int_equal(symlink_check("a\0b", 3, 0, &err), FAULT_INSECURE);
}

/* Makes a temporary file of `target` into a symlink.  Returns the fault. */
static enum fault make(int at, const char *target, size_t size, const unsigned *depth)
{
	struct err err = { 0 };
	int fd = -1;
	assert_int_equal(dirfd_reopen(at, ".temporary", false, &fd, &err), FAULT_NONE);
	assert_int_equal(dirfd_write(fd, target, size, &err), FAULT_NONE);
	enum fault fault = symlink_make(at, ".temporary", fd, depth, &err);
	close(fd);
	return fault;
}

static void a_temporary_file_becomes_a_symlink(void **state)
{
	(void)state;
	char target[SYMLINK_TARGET_MAX + 1];
	unsigned char content[CONTENT_HASH_SIZE];
	const unsigned depth = 0;
	int at = open(tree_path(""), O_RDONLY | O_DIRECTORY);
	assert_int_equal(make(at, "/etc/passwd", 11, &depth), FAULT_INSECURE);
	assert_int_equal(make(at, "/etc/passwd", 11, NULL), FAULT_NONE);
	assert_int_equal(readlinkat(at, ".temporary", target, sizeof target), 11);
	assert_memory_equal(target, "/etc/passwd", 11);
	content_hash_of(target, 11, content);
	assert_true(symlink_is(at, ".temporary", 11, content));
	assert_false(symlink_is(at, ".temporary", 10, content));
	content[0] ^= 1;
	assert_false(symlink_is(at, ".temporary", 11, content));
	/* One that a kill left is no door: the next attempt begins with a new file. */
	assert_int_equal(make(at, "x\0y", 3, NULL), FAULT_INSECURE);
	assert_int_equal(make(at, "", 0, NULL), FAULT_INSECURE);
	memset(target, 'a', sizeof target);
	assert_int_equal(make(at, target, sizeof target, NULL), FAULT_INSECURE);
	assert_int_equal(make(at, "f", 1, &depth), FAULT_NONE);
	assert_int_equal(tree_count(""), 1);
	close(at);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest fact[] = {
		FACT(targets_stay_below_the_target_directory),
		FACT(what_is_no_target_is_refused),
		FACT(a_temporary_file_becomes_a_symlink),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
