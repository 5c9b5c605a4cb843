#include "files/source_tree.h"

#include "tests/unit/catalog_case.h"
#include "tests/unit/facts.h"
#include "tests/unit/plan_case.h"

#include <fcntl.h>
#include <unistd.h>

enum { DEEP = 45, NOBODY = 65534 };

struct grove {
	struct plan_case plan;
	struct source_tree_root source;
	struct catalog *catalog;
	struct catalog_reader *reader;
	struct source_tree *tree;
	char path[3][160]; /* of sources of one name */
};

static void plant(struct grove *grove)
{
	*grove = (struct grove){ .tree = NULL };
	plan_case_init(&grove->plan);
}

/* Plans what was planted, and opens it. */
static void open_grove(struct grove *grove, size_t made)
{
	struct err err;
	assert_int_equal(plan_afresh(&grove->plan), FAULT_NONE);
	grove->catalog = catalog_case_open(grove->plan.manifest, NULL);
	grove->source = (struct source_tree_root){ .path = grove->plan.tree, .name = "top" };
	const struct source_tree_options options = {
		.catalog = grove->catalog,
		.made_count = made,
		.source = &grove->source,
		.source_count = 1,
		.follow = grove->plan.request.options.symlinks == PLAN_SYMLINKS_FOLLOW,
	};
	assert_int_equal(source_tree_new(&options, &grove->tree, &err), FAULT_NONE);
	assert_int_equal(catalog_reader_new(grove->catalog, &grove->reader, &err), FAULT_NONE);
}

static void close_grove(struct grove *grove)
{
	source_tree_free(grove->tree);
	catalog_reader_free(grove->reader);
	catalog_close(grove->catalog);
	plan_case_fini(&grove->plan);
}

/* Finds the entry `name` in the manifest; its pointers live until the next call. */
static struct task find_task(struct grove *grove, const char *name)
{
	struct catalog_page page;
	struct err err;
	catalog_seek(grove->reader, (struct listing_id){ 0 });
	do {
		assert_int_equal(catalog_read(grove->reader, &page, &err), 0);
		for (size_t i = 0; i < page.count; i++) {
			const struct manifest_entry *entry = &page.entry[i];
			if (entry->name_size != strlen(name) ||
			    memcmp(entry->name, name, entry->name_size) != 0)
				continue;
			return (struct task){
				.id = entry->id,
				.listing = page.listing,
				.name = entry->name,
				.name_size = entry->name_size,
				.meta = entry->meta,
				.meta_size = entry->meta_size,
			};
		}
	} while (!page.is_end);
	fail();
	return (struct task){ 0 };
}

/* Opens the file `name`.  Returns the fault; the size is checked to be `size` when it opens. */
static enum fault open_file(struct grove *grove, const char *name, off_t size)
{
	const struct task task = find_task(grove, name);
	struct stat status;
	struct err err = { 0 };
	int fd = -1;
	enum fault fault = source_tree_open_file(grove->tree, &task, &fd, &status, &err);
	assert_int_equal(fault, err.fault);
	if (fault) {
		assert_int_equal(fd, -1);
		return fault;
	}
	char byte;
	assert_int_equal(status.st_size, size);
	assert_int_equal(read(fd, &byte, 1), size > 0);
	close(fd);
	return FAULT_NONE;
}

static const char *path_in(const struct grove *grove, const char *name)
{
	static char path[4][600];
	static unsigned next;
	char *here = path[next++ % ARRAY_COUNT(path)];
	snprintf(here, sizeof path[0], "%s/%s", grove->plan.tree, name);
	return here;
}

static void opens_what_was_planned(void **state)
{
	(void)state;
	struct grove grove;
	plant(&grove);
	make_file(&grove.plan, "f", 11);
	make_directory(&grove.plan, "d");
	make_directory(&grove.plan, "d/e");
	make_file(&grove.plan, "d/e/g", 22);
	open_grove(&grove, 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(open_file(&grove, "g", 22), FAULT_NONE);
		assert_int_equal(open_file(&grove, "f", 11), FAULT_NONE);
	}
	close_grove(&grove);
}

static void a_source_may_be_a_file(void **state)
{
	(void)state;
	struct grove grove;
	plant(&grove);
	make_file(&grove.plan, "f", 11);
	snprintf(grove.plan.tree + strlen(grove.plan.tree), 20, "/f");
	open_grove(&grove, 0);
	assert_int_equal(open_file(&grove, "top", 11), FAULT_NONE);
	close_grove(&grove);
}

static void the_sources_stand_below_the_directories_made(void **state)
{
	(void)state;
	static const char *const made[] = { "one", "two", "three" };
	struct grove grove;
	plant(&grove);
	make_file(&grove.plan, "f", 11);
	grove.plan.request.made = made;
	grove.plan.request.made_count = ARRAY_COUNT(made);
	open_grove(&grove, ARRAY_COUNT(made));
	assert_int_equal(open_file(&grove, "f", 11), FAULT_NONE);
	close_grove(&grove);
}

/* After planning, "f" becomes what `change` makes of it; nothing but a regular file is opened. */
static enum fault after(void (*change)(const struct grove *grove))
{
	struct grove grove;
	plant(&grove);
	make_file(&grove.plan, "f", 11);
	make_file(&grove.plan, "other", 11);
	open_grove(&grove, 0);
	assert_int_equal(open_file(&grove, "f", 11), FAULT_NONE);
	if (change)
		change(&grove);
	enum fault fault = open_file(&grove, "f", 11);
	close_grove(&grove);
	return fault;
}

static void into_nothing(const struct grove *grove)
{
	assert_int_equal(unlink(path_in(grove, "f")), 0);
}

static void into_symlink(const struct grove *grove)
{
	into_nothing(grove);
	assert_int_equal(symlink("other", path_in(grove, "f")), 0);
}

static void into_fifo(const struct grove *grove)
{
	into_nothing(grove);
	assert_int_equal(mkfifo(path_in(grove, "f"), 0600), 0);
}

static void into_directory(const struct grove *grove)
{
	into_nothing(grove);
	assert_int_equal(mkdir(path_in(grove, "f"), 0700), 0);
}

static void into_other_file(const struct grove *grove)
{
	assert_int_equal(rename(path_in(grove, "other"), path_in(grove, "f")), 0);
}

static void what_a_name_has_become_is_seen_before_it_is_opened(void **state)
{
	(void)state;
	assert_int_equal(after(NULL), FAULT_NONE);
	assert_int_equal(after(into_nothing), FAULT_NOT_FOUND);
	assert_int_equal(after(into_symlink), FAULT_CHANGED);
	assert_int_equal(after(into_fifo), FAULT_CHANGED); /* and does not hang */
	assert_int_equal(after(into_directory), FAULT_CHANGED);
	/* An editor has saved it: the new file is the one to be read. */
	assert_int_equal(after(into_other_file), FAULT_NONE);
}

static void reads_symlinks_without_following_them(void **state)
{
	(void)state;
	struct grove grove;
	struct stat status;
	struct err err;
	char target[SYMLINK_TARGET_MAX];
	plant(&grove);
	grove.plan.request.options.symlinks = PLAN_SYMLINKS_PRESERVE;
	make_directory(&grove.plan, "d");
	make_symlink(&grove.plan, "d/l", "no where");
	open_grove(&grove, 0);
	struct task task = find_task(&grove, "l");
	assert_int_equal(source_tree_read_link(grove.tree, &task, target, &status, &err),
			 FAULT_NONE);
	assert_int_equal(status.st_size, 8);
	assert_true(S_ISLNK(status.st_mode));
	assert_memory_equal(target, "no where", 8);
	assert_int_equal(open_file(&grove, "l", 0), FAULT_CHANGED);
	assert_int_equal(rename(path_in(&grove, "d/l"), path_in(&grove, "d/kept")), 0);
	assert_int_equal(source_tree_read_link(grove.tree, &task, target, &status, &err),
			 FAULT_NOT_FOUND);
	assert_int_equal(symlink("other", path_in(&grove, "d/l")), 0);
	assert_int_equal(source_tree_read_link(grove.tree, &task, target, &status, &err),
			 FAULT_NONE);
	assert_int_equal(status.st_size, 5);
	assert_memory_equal(target, "other", 5);
	assert_int_equal(unlink(path_in(&grove, "d/l")), 0);
	make_file(&grove.plan, "d/l", 3);
	assert_int_equal(source_tree_read_link(grove.tree, &task, target, &status, &err),
			 FAULT_CHANGED);
	close_grove(&grove);
}

static void a_directory_that_became_a_symlink_is_not_followed(void **state)
{
	(void)state;
	struct grove grove;
	plant(&grove);
	make_directory(&grove.plan, "d");
	make_file(&grove.plan, "d/f", 11);
	open_grove(&grove, 0);
	assert_int_equal(rename(path_in(&grove, "d"), path_in(&grove, "moved")), 0);
	assert_int_equal(open_file(&grove, "f", 11), FAULT_NOT_FOUND);
	assert_int_equal(symlink("moved", path_in(&grove, "d")), 0);
	assert_int_equal(open_file(&grove, "f", 11), FAULT_CHANGED);
	assert_int_equal(unlink(path_in(&grove, "d")), 0);
	assert_int_equal(rename(path_in(&grove, "moved"), path_in(&grove, "d")), 0);
	assert_int_equal(open_file(&grove, "f", 11), FAULT_NONE);
	close_grove(&grove);
}

static void symlinks_planned_to_be_followed_are(void **state)
{
	(void)state;
	struct grove grove;
	plant(&grove);
	grove.plan.request.options.symlinks = PLAN_SYMLINKS_FOLLOW;
	make_file(&grove.plan, "f", 11);
	make_directory(&grove.plan, "d");
	make_file(&grove.plan, "d/g", 22);
	make_symlink(&grove.plan, "link", "f");
	make_symlink(&grove.plan, "far", "d");
	open_grove(&grove, 0);
	assert_int_equal(open_file(&grove, "link", 11), FAULT_NONE);
	assert_int_equal(open_file(&grove, "g", 22), FAULT_NONE);
	/* The plain file is still not to be a symlink. */
	into_symlink(&grove);
	assert_int_equal(open_file(&grove, "f", 11), FAULT_CHANGED);
	close_grove(&grove);
}

static size_t open_descriptors(void)
{
	size_t count = 0;
	for (int fd = 0; fd < 300; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* More directories than stay open, one inside the other: a file in each, there and back. */
static void deep_trees_need_no_more_descriptors(void **state)
{
	(void)state;
	struct grove grove;
	char path[400] = "", name[20];
	plant(&grove);
	for (int i = 0; i < DEEP; i++) {
		size_t used = strlen(path);
		snprintf(path + used, sizeof path - used, "%sd%d", i ? "/" : "", i);
		make_directory(&grove.plan, path);
		used = strlen(path);
		snprintf(path + used, sizeof path - used, "/f%d", i);
		make_file(&grove.plan, path, (size_t)i + 1);
		path[used] = '\0';
	}
	open_grove(&grove, 0);
	size_t before = open_descriptors();
	for (int pass = 0; pass < 3; pass++) {
		for (int i = 0; i < DEEP; i++) {
			int file = pass == 1 ? DEEP - 1 - i : i * 7 % DEEP;
			snprintf(name, sizeof name, "f%d", file);
			assert_int_equal(open_file(&grove, name, file + 1), FAULT_NONE);
		}
	}
	assert_in_range(open_descriptors(), before + 1, before + 32);
	close_grove(&grove);
}

/* Root may read everything: then it is somebody else for as long as it takes. */
/* Plans and opens the directories one, two and three of the tree as sources that are merged. */
static void open_merged_grove(struct grove *grove, struct source_tree_root source[3])
{
	struct plan_source planned[3];
	struct err err;
	for (size_t i = 0; i < 3; i++) {
		snprintf(grove->path[i], sizeof grove->path[i], "%s/%s", grove->plan.tree,
			 (const char *[]){ "one", "two", "three" }[i]);
		planned[i] = (struct plan_source){ .path = grove->path[i], .name = "x" };
		source[i] = (struct source_tree_root){ .path = grove->path[i],
						       .name = "x",
						       .number = i };
	}
	grove->plan.request.source = planned;
	grove->plan.request.source_count = 3;
	assert_int_equal(plan_afresh(&grove->plan), FAULT_NONE);
	grove->catalog = catalog_case_open(grove->plan.manifest, NULL);
	qsort(source, 3, sizeof *source, source_tree_root_compare);
	const struct source_tree_options options = { .catalog = grove->catalog,
						     .source = source,
						     .source_count = 3 };
	assert_int_equal(source_tree_new(&options, &grove->tree, &err), FAULT_NONE);
	assert_int_equal(catalog_reader_new(grove->catalog, &grove->reader, &err), FAULT_NONE);
}

static void merged_sources_are_read_each_from_its_own(void **state)
{
	(void)state;
	struct grove grove;
	struct source_tree_root source[3];
	int fd;
	struct err err;
	plant(&grove);
	for (size_t i = 0; i < 3; i++) {
		const char *name = (const char *[]){ "one", "two", "three" }[i];
		char path[64];
		make_directory(&grove.plan, name);
		snprintf(path, sizeof path, "%s/d", name);
		make_directory(&grove.plan, path);
		snprintf(path, sizeof path, "%s/d/%zu", name, i);
		make_file(&grove.plan, path, 10 + i);
	}
	open_merged_grove(&grove, source);
	/* A file of another source's name that came later is not the one that was planned. */
	make_file(&grove.plan, "one/d/2", 99);
	make_file(&grove.plan, "three/d/0", 99);
	assert_int_equal(open_file(&grove, "2", 12), FAULT_NONE);
	assert_int_equal(open_file(&grove, "0", 10), FAULT_NONE);
	assert_int_equal(open_file(&grove, "1", 11), FAULT_NONE);
	assert_int_equal(source_tree_ranks(grove.tree), 3);
	const struct task task = find_task(&grove, "1");
	for (size_t rank = 0; rank < 4; rank++) {
		enum fault fault = source_tree_directory(grove.tree, task.listing, rank, &fd, &err);
		assert_int_equal(fault, rank < 3 ? FAULT_NONE : FAULT_NOT_FOUND);
		if (fault)
			continue;
		assert_int_equal(faccessat(fd, "1", F_OK, 0), rank == 1 ? 0 : -1);
		close(fd);
	}
	close_grove(&grove);
}

static void what_may_not_be_read_is_told_apart(void **state)
{
	(void)state;
	struct grove grove;
	plant(&grove);
	make_file(&grove.plan, "f", 11);
	open_grove(&grove, 0);
	assert_int_equal(chmod(path_in(&grove, "f"), 0), 0);
	assert_true(geteuid() != 0 || seteuid(NOBODY) == 0);
	const enum fault fault = open_file(&grove, "f", 11);
	assert_int_equal(seteuid(getuid()), 0);
	assert_int_equal(fault, FAULT_AUTH);
	close_grove(&grove);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(opens_what_was_planned),
		cmocka_unit_test(a_source_may_be_a_file),
		cmocka_unit_test(the_sources_stand_below_the_directories_made),
		cmocka_unit_test(what_a_name_has_become_is_seen_before_it_is_opened),
		cmocka_unit_test(reads_symlinks_without_following_them),
		cmocka_unit_test(a_directory_that_became_a_symlink_is_not_followed),
		cmocka_unit_test(symlinks_planned_to_be_followed_are),
		cmocka_unit_test(deep_trees_need_no_more_descriptors),
		cmocka_unit_test(merged_sources_are_read_each_from_its_own),
		cmocka_unit_test(what_may_not_be_read_is_told_apart),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
