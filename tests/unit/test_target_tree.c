#include "files/target_tree.h"

#include "queue/core/thread.h"
#include "queue/file/manifest.h"
#include "tests/unit/catalog_case.h"
#include "tests/unit/facts.h"
#include "tests/unit/land_case.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WIDE = 150, SYNCS_MAX = 16 };

/* What was synced, in the order in which that ended; here in the place of the library's. */
static struct {
	struct mutex lock;
	struct cond changed;
	ino_t inode[SYNCS_MAX];
	size_t count;
	bool slow;    /* the next one waits until it is not */
	bool waiting; /* it does */
	bool fails;
} syncs;

int fsync(int fd)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	mutex_lock(&syncs.lock);
	if (syncs.slow && !syncs.waiting) {
		syncs.waiting = true;
		cond_wake_all(&syncs.changed);
		while (syncs.slow)
			cond_wait(&syncs.changed, &syncs.lock);
	}
	if (syncs.count < SYNCS_MAX)
		syncs.inode[syncs.count++] = st.st_ino;
	int error = syncs.fails ? EIO : 0;
	mutex_unlock(&syncs.lock);
	errno = error;
	return error ? -1 : 0;
}

static int setup(void **state)
{
	memset(&syncs, 0, sizeof syncs);
	mutex_init(&syncs.lock);
	cond_init(&syncs.changed);
	return land_case_setup(state);
}

static int teardown(void **state)
{
	cond_fini(&syncs.changed);
	mutex_fini(&syncs.lock);
	return land_case_teardown(state);
}

/* Returns how often the directory was synced so far. */
static size_t count_syncs(const char *path)
{
	struct stat st;
	size_t count = 0;
	assert_int_equal(stat(tree_path(path), &st), 0);
	mutex_lock(&syncs.lock);
	for (size_t i = 0; i < syncs.count; i++)
		count += syncs.inode[i] == st.st_ino;
	mutex_unlock(&syncs.lock);
	return count;
}

static struct tree_dir *open_spot(struct tree *target_tree, struct listing_id listing)
{
	struct tree_dir *target_dir = NULL;
	struct err err;
	assert_int_equal(tree_open(target_tree, listing, &target_dir, &err), 0);
	return target_dir;
}

static bool is_at(const struct tree_dir *target_dir, const char *path)
{
	struct stat open_one, named;
	return fstat(target_dir->fd, &open_one) == 0 && stat(tree_path(path), &named) == 0 &&
	       open_one.st_ino == named.st_ino && open_one.st_dev == named.st_dev;
}

static enum fault open_fault(struct listing_id listing)
{
	struct tree_dir *target_dir;
	struct err err;
	return tree_open(land_case.target_tree, listing, &target_dir, &err);
}

/* ---- facts ---- */

static void makes_what_is_missing_on_the_way(void **state)
{
	(void)state;
	struct stat st;
	struct tree_dir *target_dir =
		open_spot(land_case.target_tree, land_case.listing[LAND_CASE_E]);
	assert_true(is_at(target_dir, "out/d/e"));
	tree_dir_unref(target_dir);
	assert_int_equal(stat(tree_path("out/d"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	target_dir = open_spot(land_case.target_tree, land_case.listing[LAND_CASE_ROOT]);
	assert_true(is_at(target_dir, "out"));
	tree_dir_unref(target_dir);
	target_dir = open_spot(land_case.target_tree, land_case.listing[LAND_CASE_D]);
	assert_true(is_at(target_dir, "out/d"));
	tree_dir_unref(target_dir);
}

static void takes_what_is_there(void **state)
{
	(void)state;
	struct stat st;
	assert_int_equal(mkdir(tree_path("out/d"), 0755), 0);
	tree_store("out/d/kept", "text");
	struct tree_dir *target_dir =
		open_spot(land_case.target_tree, land_case.listing[LAND_CASE_D]);
	assert_true(is_at(target_dir, "out/d"));
	tree_dir_unref(target_dir);
	assert_int_equal(stat(tree_path("out/d"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_int_equal(tree_count("out/d"), 1);
}

static void tells_when_a_directory_is_not_where_it_was(void **state)
{
	(void)state;
	struct err err;
	struct tree_dir *inner = open_spot(land_case.target_tree, land_case.listing[LAND_CASE_E]);
	struct tree_dir *root = open_spot(land_case.target_tree, land_case.listing[LAND_CASE_ROOT]);
	assert_int_equal(target_dir_check(inner, land_case.path, &err), FAULT_NONE);
	assert_int_equal(target_dir_check(root, land_case.path, &err), FAULT_NONE);
	/* Another in its place; then one above it is gone; then all is as before. */
	assert_int_equal(rename(tree_path("out/d/e"), tree_path("out/aside")), 0);
	assert_int_equal(target_dir_check(inner, land_case.path, &err), FAULT_EXISTS);
	assert_int_equal(mkdir(tree_path("out/d/e"), 0755), 0);
	assert_int_equal(target_dir_check(inner, land_case.path, &err), FAULT_EXISTS);
	assert_int_equal(rmdir(tree_path("out/d/e")), 0);
	assert_int_equal(rename(tree_path("out/aside"), tree_path("out/d/e")), 0);
	assert_int_equal(target_dir_check(inner, land_case.path, &err), FAULT_NONE);
	assert_int_equal(rename(tree_path("out/d"), tree_path("d")), 0);
	assert_int_equal(symlink("../d", tree_path("out/d")), 0);
	assert_int_equal(target_dir_check(inner, land_case.path, &err), FAULT_EXISTS);
	/* The root is what its path leads to, as the user typed it. */
	assert_int_equal(rename(tree_path("out"), tree_path("elsewhere")), 0);
	assert_int_equal(target_dir_check(root, land_case.path, &err), FAULT_EXISTS);
	assert_int_equal(symlink("elsewhere", tree_path("out")), 0);
	assert_int_equal(target_dir_check(root, land_case.path, &err), FAULT_NONE);
	tree_dir_unref(inner);
	tree_dir_unref(root);
}

static void goes_through_no_symlink_and_no_file(void **state)
{
	(void)state;
	assert_int_equal(mkdir(tree_path("aside"), 0755), 0);
	assert_int_equal(symlink("../aside", tree_path("out/d")), 0);
	assert_int_equal(open_fault(land_case.listing[LAND_CASE_E]), FAULT_EXISTS);
	assert_int_equal(open_fault(land_case.listing[LAND_CASE_D]), FAULT_EXISTS);
	assert_int_equal(tree_count("aside"), 0);
	assert_int_equal(unlink(tree_path("out/d")), 0);
	tree_store("out/d", "a file");
	assert_int_equal(open_fault(land_case.listing[LAND_CASE_E]), FAULT_EXISTS);
	assert_true(tree_holds("out/d", "a file", 6));
	/* Nothing of that is remembered. */
	assert_int_equal(unlink(tree_path("out/d")), 0);
	tree_dir_unref(open_spot(land_case.target_tree, land_case.listing[LAND_CASE_E]));
}

static void refuses_offsets_of_no_listing(void **state)
{
	(void)state;
	const struct listing_id off = { land_case.listing[LAND_CASE_D].value + 1 };
	assert_int_equal(open_fault(off), FAULT_CORRUPT);
	assert_int_equal(open_fault((struct listing_id){ 0 }), FAULT_CORRUPT);
	assert_int_equal(tree_count("out"), 0);
}

/* ---- names that last ---- */

static void open_and_give_back(void *context)
{
	tree_dir_unref(open_spot(context, land_case.listing[LAND_CASE_D]));
}

/* One thread has made it, and its sync takes long. */
static void a_name_that_another_is_making_is_synced_before_it_is_used(void **state)
{
	(void)state;
	struct tree *other;
	struct thread thread;
	struct err err;
	assert_int_equal(target_tree_new(land_case.catalog, land_case.root, 0, &other, &err), 0);
	mutex_lock(&syncs.lock);
	syncs.slow = true;
	assert_true(thread_start(&thread, "other", open_and_give_back, other));
	while (!syncs.waiting)
		cond_wait(&syncs.changed, &syncs.lock);
	mutex_unlock(&syncs.lock);
	open_and_give_back(land_case.target_tree);
	const size_t by_the_finder = count_syncs("out");
	mutex_lock(&syncs.lock);
	syncs.slow = false;
	cond_wake_all(&syncs.changed);
	mutex_unlock(&syncs.lock);
	thread_join(&thread);
	tree_free(other);
	assert_int_equal(by_the_finder, 1);
	assert_int_equal(count_syncs("out"), 2);
}

static void a_name_that_a_killed_run_has_left_is_synced_once(void **state)
{
	(void)state;
	struct tree *later;
	struct tree_dir *target_dir;
	struct err err;
	assert_int_equal(mkdir(tree_path("out/d"), 0700), 0);
	assert_int_equal(chmod(tree_path("out/d"), DIRECTORY_MADE), 0);
	syncs.fails = true;
	assert_int_equal(
		tree_open(land_case.target_tree, land_case.listing[LAND_CASE_D], &target_dir, &err),
		FAULT_IO);
	syncs.fails = false;
	assert_int_equal(count_syncs("out"), 1);
	open_and_give_back(land_case.target_tree);
	assert_int_equal(count_syncs("out"), 2);
	assert_int_equal(target_tree_new(land_case.catalog, land_case.root, 0, &later, &err), 0);
	open_and_give_back(later);
	assert_int_equal(count_syncs("out"), 2);
	tree_free(later);
}

static void names_that_were_there_are_not_synced(void **state)
{
	(void)state;
	assert_int_equal(mkdir(tree_path("out/d"), 0755), 0);
	tree_dir_unref(open_spot(land_case.target_tree, land_case.listing[LAND_CASE_E]));
	assert_int_equal(count_syncs("out"), 0);
	assert_int_equal(count_syncs("out/d"), 1);
}

/* ---- many ---- */

/* Makes the manifest `path` of a root that holds WIDE directories. */
static void make_wide(const char *path, struct listing_id listing[WIDE])
{
	static const unsigned char job_id[16] = "wide";
	struct manifest_writer *writer;
	struct listing_id root;
	struct err err;
	char name[WIDE][8];
	assert_int_equal(manifest_create(path, job_id, NULL, 0, &writer, &err), 0);
	assert_int_equal(manifest_begin(writer, 0, 0, LISTING_NONE, "", 0, &root, &err), 0);
	for (size_t i = 0; i < WIDE; i++) {
		snprintf(name[i], sizeof name[i], "%03zu", i);
		struct manifest_entry entry = { .kind = MANIFEST_DIRECTORY,
						.name = name[i],
						.name_size = 3 };
		assert_int_equal(manifest_add(writer, &entry, &err), 0);
	}
	assert_int_equal(manifest_end(writer, &err), 0);
	for (size_t i = 0; i < WIDE; i++) {
		assert_int_equal(
			manifest_begin(writer, i + 1, 0, root, name[i], 3, &listing[i], &err), 0);
		assert_int_equal(manifest_end(writer, &err), 0);
	}
	assert_int_equal(manifest_finish(writer, &err), 0);
	manifest_writer_close(writer);
}

static size_t count_descriptors(void)
{
	size_t count = 0;
	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void keeps_few_directories_open_and_no_spot_dies(void **state)
{
	(void)state;
	static struct listing_id listing[WIDE];
	struct tree *target_tree;
	struct err err;
	make_wide(tree_path("wide"), listing);
	struct catalog *catalog = catalog_case_open(tree_path("wide"), NULL);
	size_t before = count_descriptors();
	assert_int_equal(target_tree_new(catalog, land_case.root, 0, &target_tree, &err), 0);
	struct tree_dir *held = open_spot(target_tree, listing[0]);
	for (size_t i = 1; i < WIDE; i++)
		tree_dir_unref(open_spot(target_tree, listing[i]));
	assert_in_range(count_descriptors() - before, 1, 70);
	assert_true(is_at(held, "out/000"));
	struct tree_dir *again = open_spot(target_tree, listing[0]);
	assert_true(is_at(again, "out/000"));
	tree_dir_unref(again);
	tree_free(target_tree);
	assert_true(is_at(held, "out/000"));
	tree_dir_unref(held);
	assert_int_equal(count_descriptors(), before);
	assert_int_equal(tree_count("out"), WIDE);
	catalog_close(catalog);
}

static void give_back(void *context) { tree_dir_unref(context); }

static void takes_spots_back_in_any_thread(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		struct thread thread;
		struct tree_dir *target_dir =
			open_spot(land_case.target_tree, land_case.listing[LAND_CASE_D]);
		tree_dir_ref(target_dir);
		assert_true(thread_start(&thread, "other", give_back, target_dir));
		tree_dir_unref(target_dir);
		thread_join(&thread);
	}
	struct tree_dir *target_dir =
		open_spot(land_case.target_tree, land_case.listing[LAND_CASE_D]);
	assert_true(is_at(target_dir, "out/d"));
	assert_int_equal(atomic_load(&target_dir->references), 2);
	tree_dir_unref(target_dir);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(makes_what_is_missing_on_the_way),
		FACT(takes_what_is_there),
		FACT(tells_when_a_directory_is_not_where_it_was),
		FACT(goes_through_no_symlink_and_no_file),
		FACT(refuses_offsets_of_no_listing),
		FACT(a_name_that_another_is_making_is_synced_before_it_is_used),
		FACT(a_name_that_a_killed_run_has_left_is_synced_once),
		FACT(names_that_were_there_are_not_synced),
		FACT(keeps_few_directories_open_and_no_spot_dies),
		FACT(takes_spots_back_in_any_thread),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
