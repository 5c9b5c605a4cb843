#include "files/dirfd.h"
#include "tests/unit/facts.h"
#include "tests/unit/tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum fault opener(int root, const char *path, int *fd, struct err *err);

static opener *const both[] = { dirfd_open, dirfd_open_by_names };

static int open_root(void)
{
	struct err err;
	int root = -1;
	assert_int_equal(dirfd_open_root(tree_path("root"), 022, &root, &err), FAULT_NONE);
	return root;
}

static void make(const char *name) { assert_int_equal(mkdir(tree_path(name), 0700), 0); }

static bool is(int fd, const char *name)
{
	struct stat a, b;
	return fstat(fd, &a) == 0 && stat(tree_path(name), &b) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

static void makes_a_missing_root_with_its_parents(void **state)
{
	(void)state;
	struct err err;
	int fd;
	assert_int_equal(dirfd_open_root(tree_path("x/y/z"), 022, &fd, &err), FAULT_NONE);
	assert_true(is(fd, "x/y/z"));
	close(fd);
	tree_store("x/file", "");
	assert_int_equal(dirfd_open_root(tree_path("x/file"), 022, &fd, &err), FAULT_EXISTS);
}

static void opens_directories_below_the_root(void **state)
{
	(void)state;
	struct err err;
	int root = open_root(), fd;
	make("root/a");
	make("root/a/b c");
	for (size_t i = 0; i < ARRAY_COUNT(both); i++) {
		assert_int_equal(both[i](root, "a/b c", &fd, &err), FAULT_NONE);
		assert_true(is(fd, "root/a/b c"));
		close(fd);
		assert_int_equal(both[i](root, "", &fd, &err), FAULT_NONE);
		assert_true(is(fd, "root"));
		assert_int_not_equal(fd, root);
		close(fd);
		assert_int_equal(both[i](root, "a/none", &fd, &err), FAULT_NOT_FOUND);
	}
	close(root);
}

static void follows_no_symlink_anywhere_in_a_path(void **state)
{
	(void)state;
	struct err err;
	int root = open_root(), fd = -1;
	make("outside");
	make("outside/b");
	make("root/a");
	make("root/a/b");
	assert_int_equal(dirfd_open(root, "a/b", &fd, &err), FAULT_NONE);
	close(fd);
	/* Somebody swaps a parent while we work. */
	assert_int_equal(rename(tree_path("root/a"), tree_path("root/gone")), 0);
	assert_int_equal(symlink("../outside", tree_path("root/a")), 0);
	for (size_t i = 0; i < ARRAY_COUNT(both); i++) {
		assert_int_equal(both[i](root, "a/b", &fd, &err), FAULT_EXISTS);
		assert_int_equal(both[i](root, "a", &fd, &err), FAULT_EXISTS);
	}
	close(root);
}

static void refuses_names_that_lead_elsewhere(void **state)
{
	(void)state;
	static const char *const bad[] = { "..", ".", "a/../..", "/", "/etc", "a//b", "a/./b" };
	struct err err;
	int root = open_root(), fd = -1;
	bool made;
	char name[DIRFD_TEMPORARY_SIZE];
	make("root/a");
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		for (size_t j = 0; j < ARRAY_COUNT(both); j++)
			assert_int_equal(both[j](root, bad[i], &fd, &err), FAULT_USAGE);
		assert_int_equal(dirfd_make(root, bad[i], &made, &err), FAULT_USAGE);
	}
	assert_int_equal(dirfd_make(root, "", &made, &err), FAULT_USAGE);
	assert_int_equal(dirfd_create(root, name, &fd, &err), FAULT_NONE);
	assert_int_equal(dirfd_publish(root, name, "../x", NULL, &err), FAULT_USAGE);
	close(fd);
	close(root);
}

static void opens_a_path_longer_than_the_kernel_takes(void **state)
{
	(void)state;
	char path[8000] = "", name[101];
	struct err err;
	int root = open_root(), at = dup(root), fd;
	bool made;
	memset(name, 'n', 100);
	name[100] = '\0';
	for (size_t used = 0; used + 102 < sizeof path; used += 101) {
		assert_int_equal(dirfd_make(at, name, &made, &err), FAULT_NONE);
		assert_true(made);
		assert_int_equal(dirfd_open(at, name, &fd, &err), FAULT_NONE);
		close(at);
		at = fd;
		snprintf(path + used, sizeof path - used, "%s/", name);
	}
	path[strlen(path) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_COUNT(both); i++) {
		struct stat deepest, found;
		assert_int_equal(both[i](root, path, &fd, &err), FAULT_NONE);
		assert_int_equal(fstat(at, &deepest) | fstat(fd, &found), 0);
		assert_int_equal(deepest.st_ino, found.st_ino);
		close(fd);
	}
	close(at);
	close(root);
}

static void makes_a_directory_once(void **state)
{
	(void)state;
	struct err err;
	int root = open_root();
	bool made = false;
	assert_int_equal(dirfd_make(root, "d", &made, &err), FAULT_NONE);
	assert_true(made);
	assert_int_equal(dirfd_make(root, "d", &made, &err), FAULT_NONE);
	assert_false(made);
	tree_store("root/file", "");
	assert_int_equal(dirfd_make(root, "file", &made, &err), FAULT_EXISTS);
	assert_int_equal(symlink("d", tree_path("root/link")), 0);
	assert_int_equal(dirfd_make(root, "link", &made, &err), FAULT_EXISTS);
	close(root);
}

/* Makes a temporary file that holds "after". */
static void make_temporary(int root, char name[DIRFD_TEMPORARY_SIZE])
{
	struct err err;
	int fd;
	assert_int_equal(dirfd_create(root, name, &fd, &err), FAULT_NONE);
	assert_int_equal(dirfd_write(fd, "after", 5, &err), FAULT_NONE);
	close(fd);
}

static struct stat look(int root, const char *name)
{
	struct stat st;
	struct err err;
	bool there;
	assert_int_equal(dirfd_look(root, name, &st, &there, &err), FAULT_NONE);
	assert_true(there);
	return st;
}

static void publishes_over_what_was_seen(void **state)
{
	(void)state;
	struct err err;
	char name[DIRFD_TEMPORARY_SIZE];
	int root = open_root();
	tree_store("root/old", "before");
	struct stat seen = look(root, "old");
	make_temporary(root, name);
	assert_int_equal(dirfd_publish(root, name, "old", &seen, &err), FAULT_NONE);
	assert_true(tree_holds("root/old", "after", 5));
	/* What was seen has gone meanwhile: then nothing is in the way. */
	seen = look(root, "old");
	assert_int_equal(unlink(tree_path("root/old")), 0);
	make_temporary(root, name);
	assert_int_equal(dirfd_publish(root, name, "old", &seen, &err), FAULT_NONE);
	assert_int_equal(tree_count("root"), 1);
	close(root);
}

static void leaves_what_has_changed_since_it_was_seen(void **state)
{
	(void)state;
	struct err err;
	char name[DIRFD_TEMPORARY_SIZE];
	int root = open_root();
	make_temporary(root, name);
	for (int way = 0; way < 4; way++) {
		tree_store("root/old", "before");
		const struct stat seen = look(root, "old");
		usleep(10000); /* above the tick of a file system's clock */
		if (way == 0) {
			tree_store("root/old", "edited");
		} else if (way == 1) {
			assert_int_equal(chmod(tree_path("root/old"), 0600), 0);
		} else {
			assert_int_equal(unlink(tree_path("root/old")), 0);
			if (way == 2)
				assert_int_equal(symlink("t", tree_path("root/old")), 0);
			else
				make("root/old");
		}
		assert_int_equal(dirfd_publish(root, name, "old", &seen, &err), FAULT_EXISTS);
		assert_int_equal(remove(tree_path("root/old")), 0);
		assert_int_equal(tree_count("root"), 1);
	}
	close(root);
}

static void publishes_without_replacing_anything(void **state)
{
	(void)state;
	static const char *const in_the_way[] = { "directory", "link", "old" };
	struct err err;
	char name[DIRFD_TEMPORARY_SIZE];
	int root = open_root();
	make("root/directory");
	assert_int_equal(symlink("nowhere", tree_path("root/link")), 0);
	tree_store("root/old", "before");
	make_temporary(root, name);
	for (size_t i = 0; i < ARRAY_COUNT(in_the_way); i++)
		assert_int_equal(dirfd_publish(root, name, in_the_way[i], NULL, &err),
				 FAULT_EXISTS);
	assert_int_equal(dirfd_publish(root, name, "../x", NULL, &err), FAULT_USAGE);
	assert_true(tree_holds("root/old", "before", 6));
	assert_int_equal(dirfd_publish(root, name, "new", NULL, &err), FAULT_NONE);
	assert_true(tree_holds("root/new", "after", 5));
	assert_int_equal(tree_count("root"), 4);
	close(root);
}

static void names_symlinks_as_well(void **state)
{
	(void)state;
	struct err err;
	char target[8];
	int root = open_root();
	assert_int_equal(symlink("file", tree_path("root/link")), 0);
	assert_int_equal(dirfd_link(root, "../t", "new", &err), FAULT_USAGE);
	assert_int_equal(dirfd_link(root, "t", "old", &err), FAULT_NONE);
	assert_int_equal(dirfd_link(root, "t", "new", &err), FAULT_NONE);
	assert_int_equal(dirfd_name(root, "t", "link", NULL, &err), FAULT_EXISTS);
	const struct stat seen = look(root, "link");
	assert_int_equal(dirfd_name(root, "t", "link", &seen, &err), FAULT_NONE);
	assert_int_equal(readlinkat(root, "link", target, sizeof target), 3);
	assert_memory_equal(target, "new", 3);
	assert_int_equal(tree_count("root"), 1);
	close(root);
}

static void tells_the_time_of_a_file_system_and_leaves_no_trace(void **state)
{
	(void)state;
	struct err err;
	struct timespec now, later;
	make("root");
	assert_int_equal(dirfd_clock(tree_path("root"), &now, &err), FAULT_NONE);
	usleep(20000);
	assert_int_equal(dirfd_clock(tree_path("root"), &later, &err), FAULT_NONE);
	assert_true(later.tv_sec > now.tv_sec ||
		    (later.tv_sec == now.tv_sec && later.tv_nsec > now.tv_nsec));
	assert_int_equal(tree_count("root"), 0);
	assert_int_equal(dirfd_clock(tree_path("none"), &now, &err), FAULT_NONE);
	assert_true(now.tv_sec >= later.tv_sec);
	int64_t tick_ns = 0;
	assert_int_equal(dirfd_tick(tree_path("root"), &tick_ns, &err), FAULT_NONE);
	assert_true(tick_ns >= 1 && tick_ns <= 2000000000);
	assert_int_equal(dirfd_tick(tree_path("none"), &tick_ns, &err), FAULT_NONE);
	assert_int_equal(tick_ns, 1);
	assert_int_equal(tree_count("root"), 0);
}

static void splits_times_before_1970(void **state)
{
	(void)state;
	struct timespec at = timespec_of(-1);
	assert_int_equal(at.tv_sec, -1);
	assert_int_equal(at.tv_nsec, 999999999);
	at = timespec_of(1500000000);
	assert_int_equal(at.tv_sec, 1);
	assert_int_equal(at.tv_nsec, 500000000);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest fact[] = {
		FACT(makes_a_missing_root_with_its_parents),
		FACT(opens_directories_below_the_root),
		FACT(follows_no_symlink_anywhere_in_a_path),
		FACT(refuses_names_that_lead_elsewhere),
		FACT(opens_a_path_longer_than_the_kernel_takes),
		FACT(makes_a_directory_once),
		FACT(publishes_over_what_was_seen),
		FACT(leaves_what_has_changed_since_it_was_seen),
		FACT(publishes_without_replacing_anything),
		FACT(names_symlinks_as_well),
		FACT(tells_the_time_of_a_file_system_and_leaves_no_trace),
		cmocka_unit_test(splits_times_before_1970),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
