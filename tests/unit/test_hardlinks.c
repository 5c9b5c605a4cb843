#include "land/hardlinks.h"

#include "land/arrival.h"
#include "tests/unit/facts.h"
#include "tests/unit/target_case.h"
#include "tests/unit/tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char job[] = "0123456789abcdef";
static const struct meta one_file = { .flags = META_GRID, .dev = 7, .ino = 1000, .nlink = 2 };

static bool replaced; /* what is opened next is not what was looked at */

/* In the place of the library's: what it says of a file that is open by its path alone. */
int fake_fstat(int fd, struct stat *st) __asm__("fstat64");

int fake_fstat(int fd, struct stat *st)
{
	int rc = fstatat(fd, "", st, AT_EMPTY_PATH);
	if (replaced && fcntl(fd, F_GETFL) & O_PATH) {
		replaced = false;
		st->st_ino++;
	}
	return rc;
}

static struct catalog *catalog;
static struct losses losses;

static int setup(void **state)
{
	catalog = NULL;
	return target_case_setup(state);
}

static int teardown(void **state)
{
	catalog_close(catalog);
	return target_case_teardown(state);
}

/* Makes the links, and returns how many stayed by themselves. */
static uint64_t make_links(void)
{
	char *root = strdup(tree_path("out"));
	const struct hardlinks_options options = {
		.catalog = catalog,
		.root = root,
		.job = job,
		.mask = 027,
		.losses = &losses,
	};
	struct err err;
	losses.links = 0;
	enum fault fault = hardlinks_make(&options, &err);
	free(root);
	assert_int_equal(fault, FAULT_NONE);
	return losses.links;
}

static struct stat status_of(const char *name)
{
	struct stat st;
	assert_int_equal(lstat(tree_path(name), &st), 0);
	return st;
}

static ino_t inode_of(const char *name) { return status_of(name).st_ino; }

static void temporary_of(uint64_t id, const char *directory, char name[TARGET_CASE_PATH])
{
	char prefix[DIRFD_TEMPORARY_SIZE];
	arrival_prefix(job, prefix);
	snprintf(name, TARGET_CASE_PATH, "%s%s%llu", directory, prefix, (unsigned long long)id);
}

/* ---- facts ---- */

static void gives_all_names_the_inode_of_the_first(void **state)
{
	(void)state;
	target_case_begin(0, "");
	target_case_file("a", &one_file, "text");
	target_case_file("b", &one_file, "text");
	uint64_t d = target_case_directory("d", NULL);
	target_case_begin(d, "d");
	target_case_file("d/c", &one_file, "text");
	catalog = target_case_finish();
	ino_t first = inode_of("out/a");
	for (int run = 0; run < 2; run++) { /* again nothing changes */
		assert_int_equal(make_links(), 0);
		assert_int_equal(inode_of("out/a"), first);
		assert_int_equal(inode_of("out/b"), first);
		assert_int_equal(inode_of("out/d/c"), first);
		assert_int_equal(status_of("out/a").st_nlink, 3);
		assert_true(tree_holds("out/d/c", "text", 4));
		assert_int_equal(tree_count("out"), 3);
		assert_int_equal(tree_count("out/d"), 1);
	}
}

/* One thing differs from "a" in each, or makes it no file of several names. */
static void links_only_what_was_one_file(void **state)
{
	(void)state;
	struct meta other = one_file;
	struct outcome outcome = target_case_done("text");
	target_case_begin(0, "");
	target_case_file("a", &one_file, "text");
	other.dev++;
	target_case_file("device", &other, "text");
	other = one_file;
	other.ino++;
	target_case_file("inode", &other, "text");
	other = one_file;
	other.nlink = 1;
	target_case_file("lone", &other, "text");
	target_case_file("bytes", &one_file, "Text");
	target_case_file("length", &one_file, "text and more");
	other = one_file;
	other.flags = 0;
	target_case_file("local", &other, "text");
	target_case_file("unknown", NULL, "text");
	tree_store("out/link", "text");
	target_case_add(MANIFEST_SYMLINK, "link", &one_file, &outcome);
	tree_store("out/undone", "text");
	outcome.state = OUTCOME_SKIPPED;
	target_case_add(MANIFEST_FILE, "undone", &one_file, &outcome);
	catalog = target_case_finish();
	assert_int_equal(make_links(), 0);
	for (const char *const *name =
		     (const char *const[]){ "out/a", "out/device", "out/inode", "out/lone",
					    "out/bytes", "out/length", "out/local", "out/unknown",
					    "out/link", "out/undone", NULL };
	     *name; name++)
		assert_int_equal(status_of(*name).st_nlink, 1);
}

/* A name that no file here may have is that of none. */
static void leaves_out_a_name_that_is_too_long(void **state)
{
	(void)state;
	char name[DIRFD_NAME_MAX + 2], whole[TARGET_CASE_PATH];
	const struct outcome outcome = target_case_done("text");
	memset(name, 'n', sizeof name - 1);
	name[DIRFD_NAME_MAX + 1] = '\0';
	target_case_begin(0, "");
	target_case_add(MANIFEST_FILE, name, &one_file, &outcome);
	name[DIRFD_NAME_MAX] = '\0';
	target_case_file(name, &one_file, "text");
	target_case_file("z", &one_file, "text");
	catalog = target_case_finish();
	snprintf(whole, sizeof whole, "out/%s", name);
	ino_t first = inode_of(whole);
	assert_int_equal(make_links(), 0);
	assert_int_equal(inode_of("out/z"), first);
}

static void leaves_and_counts_what_somebody_changed(void **state)
{
	(void)state;
	target_case_begin(0, "");
	target_case_file("a", &one_file, "text");
	target_case_file("b", &one_file, "text");
	target_case_file("c", &one_file, "text");
	target_case_file("d", &one_file, "text");
	target_case_file("e", &one_file, "text");
	target_case_file("f", &one_file, "text");
	catalog = target_case_finish();
	tree_store("out/a", "Text");
	tree_store("out/c", "longer");
	assert_int_equal(unlink(tree_path("out/d")), 0);
	assert_int_equal(mkdir(tree_path("out/d"), 0755), 0);
	assert_int_equal(unlink(tree_path("out/e")), 0);
	assert_int_equal(symlink("b", tree_path("out/e")), 0);
	assert_int_equal(make_links(), 4);
	assert_true(tree_holds("out/a", "Text", 4));
	assert_true(tree_holds("out/c", "longer", 6));
	assert_true(S_ISDIR(status_of("out/d").st_mode));
	assert_true(S_ISLNK(status_of("out/e").st_mode));
	assert_int_equal(inode_of("out/b"), inode_of("out/f"));
	assert_int_equal(status_of("out/b").st_nlink, 2);
}

/* Between the look at its bytes and its opening. */
static void leaves_what_somebody_replaces_meanwhile(void **state)
{
	(void)state;
	target_case_begin(0, "");
	target_case_file("a", &one_file, "text");
	target_case_file("b", &one_file, "text");
	target_case_file("c", &one_file, "text");
	catalog = target_case_finish();
	const int next = dup(STDERR_FILENO);
	close(next);
	replaced = true;
	assert_int_equal(make_links(), 1);
	assert_false(replaced);
	assert_int_equal(status_of("out/a").st_nlink, 1);
	assert_int_equal(inode_of("out/b"), inode_of("out/c"));
	assert_int_equal(dup(STDERR_FILENO), next); /* nothing has stayed open */
	close(next);
}

static void counts_those_of_which_none_is_there(void **state)
{
	(void)state;
	target_case_begin(0, "");
	target_case_file("a", &one_file, "text");
	target_case_file("b", &one_file, "text");
	catalog = target_case_finish();
	assert_int_equal(unlink(tree_path("out/a")) | unlink(tree_path("out/b")), 0);
	assert_int_equal(make_links(), 2);
	assert_int_equal(tree_count("out"), 0);
}

/* What a killed run has left under the temporary name may be a link to the first already. */
static void removes_what_a_killed_run_has_left(void **state)
{
	(void)state;
	char left[TARGET_CASE_PATH];
	target_case_begin(0, "");
	target_case_file("a", &one_file, "text");
	temporary_of(target_case_file("b", &one_file, "text"), "out/", left);
	catalog = target_case_finish();
	assert_int_equal(link(tree_path("out/a"), tree_path(left)), 0);
	assert_int_equal(make_links(), 0);
	assert_int_equal(inode_of("out/a"), inode_of("out/b"));
	assert_int_equal(tree_count("out"), 2);
	assert_int_equal(status_of("out/a").st_nlink, 2);
}

static void counts_what_cannot_be_linked(void **state)
{
	(void)state;
	char taken[TARGET_CASE_PATH];
	target_case_begin(0, "");
	target_case_file("a", &one_file, "text");
	temporary_of(target_case_file("b", &one_file, "text"), "out/", taken);
	catalog = target_case_finish();
	assert_int_equal(mkdir(tree_path(taken), 0755), 0);
	assert_int_equal(make_links(), 1);
	assert_true(inode_of("out/a") != inode_of("out/b"));
	assert_true(tree_holds("out/b", "text", 4));
}

static const struct meta looks_of_d = { .flags = META_GRID | META_HAS_MODE | META_HAS_MTIME,
					.mode = S_IFDIR | 0555,
					.mtime_ns = 7000000000 };

static void gives_their_directories_their_looks_again(void **state)
{
	(void)state;
	const struct meta no_looks = { .flags = META_GRID };
	const struct timespec early[2] = { { .tv_sec = 3 }, { .tv_sec = 3 } };
	target_case_begin(0, "");
	target_case_file("a", &one_file, "text");
	uint64_t c = target_case_directory("c", &no_looks),
		 d = target_case_directory("d", &looks_of_d);
	uint64_t e = target_case_directory("e", &looks_of_d);
	target_case_begin(c, "c");
	target_case_file("c/a", &one_file, "text");
	target_case_begin(d, "d");
	target_case_file("d/a", &one_file, "text");
	target_case_file("d/b", &one_file, "text");
	target_case_begin(e, "e");
	target_case_file("e/other", NULL, "text");
	catalog = target_case_finish();
	assert_int_equal(chmod(tree_path("out/c"), DIRECTORY_MADE), 0);
	assert_int_equal(utimensat(AT_FDCWD, tree_path("out/e"), early, 0), 0);
	assert_int_equal(make_links(), 0);
	assert_int_equal(status_of("out/c").st_mode & 07777, 0750);
	assert_true(status_of("out/c").st_mtim.tv_sec > 1000000000);
	assert_int_equal(status_of("out/d").st_mode & 07777, 0555);
	assert_int_equal(status_of("out/d").st_mtim.tv_sec, 7);
	assert_int_equal(status_of("out/e").st_mode & 07777, 0755); /* has none of them */
	assert_int_equal(status_of("out/e").st_mtim.tv_sec, 3);
	assert_int_equal(status_of("out").st_mode & 07777, 0755);
}

/* Plans a file with a second name in a directory; returns the task of that. */
static uint64_t plan_a_name_in_a_directory(void)
{
	target_case_begin(0, "");
	target_case_file("a", &one_file, "text");
	uint64_t d = target_case_directory("d", &looks_of_d);
	target_case_begin(d, "d");
	target_case_file("d/a", &one_file, "text");
	catalog = target_case_finish();
	return d;
}

static void leaves_a_directory_that_is_not_done(void **state)
{
	(void)state;
	const uint64_t d = plan_a_name_in_a_directory();
	target_case_settle(
		&(struct outcome){ .id = d, .state = OUTCOME_FAILED, .reason = REASON_IO });
	assert_int_equal(make_links(), 0);
	assert_int_equal(inode_of("out/a"), inode_of("out/d/a"));
	assert_int_equal(status_of("out/d").st_mode & 07777, 0755);
}

static void opens_a_read_only_directory_for_a_while(void **state)
{
	(void)state;
	(void)plan_a_name_in_a_directory();
	assert_int_equal(chmod(tree_path("out/d"), 0555), 0);
	tree_as_user();
	uint64_t lost = make_links();
	tree_as_root();
	assert_int_equal(lost, 0);
	assert_int_equal(inode_of("out/a"), inode_of("out/d/a"));
	assert_int_equal(status_of("out/d").st_mode & 07777, 0555);
	assert_int_equal(chmod(tree_path("out/d"), 0755), 0);
}

static void links_many_in_many_directories(void **state)
{
	enum { DIRECTORIES = 70 };
	(void)state;
	uint64_t id[DIRECTORIES];
	char path[TARGET_CASE_PATH];
	target_case_begin(0, "");
	target_case_file("a", &one_file, "text");
	for (unsigned i = 0; i < DIRECTORIES; i++) {
		snprintf(path, sizeof path, "d%02u", i);
		id[i] = target_case_directory(path, &looks_of_d);
	}
	for (unsigned i = 0; i < DIRECTORIES; i++) {
		struct meta own = one_file;
		own.ino = i;
		snprintf(path, sizeof path, "d%02u", i);
		target_case_begin(id[i], path);
		snprintf(path, sizeof path, "d%02u/a", i);
		target_case_file(path, &one_file, "text");
		snprintf(path, sizeof path, "d%02u/b", i);
		target_case_file(path, &own, "text");
		snprintf(path, sizeof path, "d%02u/c", i);
		target_case_file(path, &own, "text");
	}
	catalog = target_case_finish();
	ino_t first = inode_of("out/a");
	assert_int_equal(make_links(), 0);
	for (unsigned i = 0; i < DIRECTORIES; i++) {
		snprintf(path, sizeof path, "out/d%02u/a", i);
		assert_int_equal(inode_of(path), first);
		snprintf(path, sizeof path, "out/d%02u/b", i);
		assert_int_equal(status_of(path).st_nlink, 2);
		snprintf(path, sizeof path, "out/d%02u", i);
		assert_int_equal(status_of(path).st_mtim.tv_sec, 7);
		assert_int_equal(chmod(tree_path(path), 0755), 0);
	}
	assert_int_equal(status_of("out/a").st_nlink, 1 + DIRECTORIES);
}

static void needs_the_target(void **state)
{
	(void)state;
	target_case_begin(0, "");
	catalog = target_case_finish();
	const struct hardlinks_options options = {
		.catalog = catalog,
		.root = tree_path("none"),
		.job = job,
		.losses = &losses,
	};
	struct err err;
	assert_int_equal(hardlinks_make(&options, &err), FAULT_IO);
	assert_non_null(strstr(err.text, "none"));
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest fact[] = {
		FACT(gives_all_names_the_inode_of_the_first),
		FACT(links_only_what_was_one_file),
		FACT(leaves_out_a_name_that_is_too_long),
		FACT(leaves_and_counts_what_somebody_changed),
		FACT(leaves_what_somebody_replaces_meanwhile),
		FACT(counts_those_of_which_none_is_there),
		FACT(removes_what_a_killed_run_has_left),
		FACT(counts_what_cannot_be_linked),
		FACT(gives_their_directories_their_looks_again),
		FACT(leaves_a_directory_that_is_not_done),
		FACT(opens_a_read_only_directory_for_a_while),
		FACT(links_many_in_many_directories),
		FACT(needs_the_target),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
