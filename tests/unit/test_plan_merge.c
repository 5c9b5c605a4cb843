#include "plan/plan.h"

#include "base/meta.h"
#include "plan/walk.h"
#include "queue/file/manifest.h"
#include "select/select.h"
#include "tests/unit/facts.h"
#include "tests/unit/grid_case.h"

#include <sys/stat.h>

enum object {
	ROOT,
	SUB,
	DEEP,
	OTHER,
	FIXED, /* an immutable directory */
	FILE_1,
	FILE_2,
	OBJECTS,
};

static struct fake_object object[OBJECTS];
static struct grid_case g;
static char local[40][200]; /* paths of sources */

static int setup(void **state)
{
	(void)state;
	memset(object, 0, sizeof object);
	object[ROOT].cap = grid_cap(CAP_DIR2_RO, 1);
	object[SUB].cap = grid_cap(CAP_DIR2_RO, 2);
	object[DEEP].cap = grid_cap(CAP_DIR2_RO, 3);
	object[OTHER].cap = grid_cap(CAP_DIR2_RO, 4);
	object[FIXED].cap = grid_cap(CAP_DIR2_CHK, 5);
	object[FILE_1].cap = grid_cap(CAP_CHK, 6);
	object[FILE_2].cap = grid_cap(CAP_CHK, 7);
	grid_case_init(&g, object, OBJECTS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	grid_case_fini(&g);
	return 0;
}

/* Adds the directory `path` of the tree as a source called `name`. */
static void local_source(const char *path, const char *name)
{
	size_t number = g.c.request.source_count++;
	snprintf(local[number], sizeof local[number], "%s/%s", g.c.tree, path);
	g.source[number] = (struct plan_source){ .path = local[number], .name = name };
}

/* Makes directories, and files of as many bytes as their number, named with a NUL behind the
 * last. */
static void grow(const char *paths)
{
	for (size_t bytes = 1; *paths; paths += strlen(paths) + 1)
		if (paths[strlen(paths) - 1] == '/')
			make_directory(&g.c, paths);
		else
			make_file(&g.c, paths, bytes++);
}

/* Checks that the plan is refused for that path before anything could be done. */
static void assert_collides(const char *path)
{
	assert_int_equal(grid_plan_afresh(&g), FAULT_USAGE);
	assert_non_null(strstr(g.c.err.text, "with the same name into the same target directory"));
	assert_non_null(strstr(g.c.err.text, path));
	assert_int_equal(g.c.publishes, 0);
}

/* Stores what the plan says of entry `id`. */
static struct meta meta_of(uint64_t id)
{
	struct manifest_reader *reader;
	struct manifest_block block = { .next = 0 };
	struct meta meta = { .rank = UINT32_MAX };
	assert_int_equal(manifest_open(g.c.manifest, &reader, &g.c.err), 0);
	block.next = manifest_first(reader);
	while (!manifest_read(reader, block.next, &block, &g.c.err) && !block.is_trailer)
		for (size_t i = 0; i < block.count; i++)
			if (block.entry[i].id == id)
				assert_true(meta_unpack(block.entry[i].meta,
							block.entry[i].meta_size, &meta));
	manifest_close(reader);
	return meta;
}

/* ---- what merges ---- */

static void merges_local_directories_at_any_depth(void **state)
{
	(void)state;
	grow("a/\0a/x/\0a/x/one\0a/x/s/\0a/x/s/mine\0a/x/s/t/\0"
	     "b/\0b/x/\0b/x/two\0b/x/s/\0b/x/s/his\0b/x/s/t/\0b/x/s/t/deep\0b/x/u/\0b/x/u/alone\0");
	local_source("a/x", "x");
	local_source("b/x", "x");
	grid_assert_plan(&g, "0: \n 1 D 0 x\n"
			     "1: x\n 2 F 1 one\n 3 D 0 s\n 4 F 3 two\n 5 D 0 u\n"
			     "3: s\n 6 F 4 his\n 7 F 2 mine\n 8 D 0 t\n"
			     "8: t\n 9 F 5 deep\n"
			     "5: u\n 10 F 6 alone\n");
	static const uint32_t rank[] = { 0, 0, 0, 1, 1, 1, 0, 0, 1, 1 };
	for (size_t i = 0; i < ARRAY_COUNT(rank); i++)
		assert_int_equal(meta_of(i + 1).rank, rank[i]);
	assert_true(meta_of(1).flags & meta_of(3).flags & meta_of(8).flags & META_MERGED);
	assert_false(meta_of(5).flags & META_MERGED);
	assert_int_equal(g.c.publishes, 1);
}

static void goes_far_down_below_each_source(void **state)
{
	(void)state;
	enum { LEVELS = 40 };
	for (size_t i = 0; i < 3; i++) {
		char path[2 * LEVELS + 4] = { "abc"[i] };
		make_directory(&g.c, path);
		for (size_t level = 0; level < LEVELS; level++) {
			/* the third source goes its own way from the middle on */
			path[1 + 2 * level] = '/';
			path[2 + 2 * level] = i == 2 && level >= LEVELS / 2 ? 'e' : 'd';
			make_directory(&g.c, path);
		}
		path[1 + 2 * LEVELS] = '/';
		path[2 + 2 * LEVELS] = "pqr"[i];
		make_file(&g.c, path, 1);
	}
	local_source("a/d", "d");
	local_source("b/d", "d");
	local_source("c/d", "d");
	g.c.request.open_max = 2;
	assert_int_equal(grid_plan_afresh(&g), 0);
	assert_string_equal(g.c.settled, "");
	char *text = grid_text(&g);
	assert_non_null(strstr(text, " F 1 p\n"));
	assert_non_null(strstr(text, " F 1 q\n"));
	assert_non_null(strstr(text, " F 1 r\n"));
	free(text);
}

static void the_first_source_says_what_the_directory_is_like(void **state)
{
	(void)state;
	grow("a/\0b/\0");
	local_source("b", "x");
	local_source("a", "x");
	assert_int_equal(chmod(local[0], 0700), 0);
	assert_int_equal(chmod(local[1], 0750), 0);
	grid_assert_plan(&g, "0: \n 1 D 0 x\n1: x\n");
	assert_int_equal(meta_of(1).mode & 0777, 0700);
}

static void merges_directories_of_grids_and_disks(void **state)
{
	(void)state;
	grow("x/\0x/here\0x/s/\0x/s/mine\0");
	FILL(ROOT, { .name = "there", .object = FILE_1 }, { .name = "s", .object = SUB });
	FILL(SUB, { .name = "his", .object = FILE_2 });
	FILL(OTHER, { .name = "x", .object = DEEP }, { .name = "y", .object = FILE_1 });
	FILL(DEEP, { .name = "third", .object = FILE_1 });
	grid_source(&g, ROOT, "x");
	local_source("x", "x");
	grid_source(&g, OTHER, "");
	grid_assert_plan(&g, "0: \n 1 D 0 x\n 2 F 1000 y\n"
			     "1: x\n 3 F 1 here\n 4 D 0 s\n 5 F 1000 there\n 6 F 1000 third\n"
			     "4: s\n 7 F 1000 his\n 8 F 2 mine\n"
			     "1 -> 0\n2 -> 5\n4 -> 1\n5 -> 5\n6 -> 5\n7 -> 6\n");
	assert_int_equal(meta_of(3).rank, 0);
}

static void copies_an_immutable_directory_that_merges(void **state)
{
	(void)state;
	FILL(FIXED, { .name = "inner", .object = FILE_1 });
	FILL(SUB, { .name = "other", .object = FILE_2 });
	grid_source(&g, FIXED, "x");
	grid_source(&g, SUB, "x");
	grid_source(&g, FIXED, "y");
	g.c.request.options.to_local = false;
	grid_assert_plan(&g, "0: \n 1 D 0 x\n 2 I 0 y\n1: x\n 3 F 1000 inner\n 4 F 1000 other\n"
			     "1 -> 4\n2 -> 4\n3 -> 5\n4 -> 6\n");
}

static void a_marker_counts_for_its_own_directory(void **state)
{
	(void)state;
	struct select *select = select_new();
	assert_non_null(select);
	assert_int_equal(select_mark(select, ".skip", &g.c.err), 0);
	grow("a/\0a/.skip\0a/left\0a/both\0b/\0b/taken\0b/both\0");
	local_source("a", "x");
	local_source("b", "x");
	g.c.request.select = select;
	grid_assert_plan(&g, "0: \n 1 D 0 x\n1: x\n 2 F 1 .skip\n 3 F 5 both\n 4 F 4 taken\n");
	select_free(select);
}

/* ---- what collides ---- */

static void refuses_files_of_one_name_at_any_depth(void **state)
{
	(void)state;
	grow("a/\0a/s/\0a/s/f\0b/\0b/s/\0b/s/f\0");
	local_source("a", "x");
	local_source("b", "x");
	assert_collides("multiple files");
	assert_collides("'x/s/f'");
}

static void refuses_a_directory_and_anything_else_of_one_name(void **state)
{
	(void)state;
	grow("a/\0a/n/\0b/\0b/n\0c/\0");
	make_symlink(&g.c, "c/n", "nowhere");
	local_source("a", "x");
	local_source("b", "x");
	assert_collides("multiple things");
	assert_collides("'x/n'");
	g.c.request.source_count = 1;
	local_source("c", "x");
	assert_collides("'x/n'");
	FILL(ROOT, { .name = "x", .object = FILE_1 });
	g.c.request.source_count = 1;
	grid_source(&g, ROOT, "");
	assert_collides("'x'");
}

static void names_in_another_form_fail_as_they_do_in_one_directory(void **state)
{
	(void)state;
	grow("a/\0a/\xc3\xa4/\0a/o\xcc\x88/\0b/\0b/a\xcc\x88/\0b/o\xcc\x88/\0b/o\xcc\x88/f\0");
	local_source("a", "x");
	local_source("b", "x");
	g.c.request.options.to_local = false;
	grid_assert_plan(&g, "0: \n 1 D 0 x\n"
			     "1: x\n 2 DF9 0 a\xcc\x88\n 3 D 0 o\xcc\x88\n 4 DF9 0 \xc3\xa4\n"
			     "3: o\xcc\x88\n 5 F 1 f\n");
}

static void takes_so_many_sources_of_one_name(void **state)
{
	(void)state;
	static struct plan_source many[WALK_PARTS_MAX + 1];
	grow("a/\0");
	local_source("a", "x");
	for (size_t i = 0; i < ARRAY_COUNT(many); i++)
		many[i] = g.source[0];
	g.c.request.source = many;
	g.c.request.source_count = WALK_PARTS_MAX;
	assert_int_equal(plan_afresh(&g.c), 0);
	g.c.request.source_count++;
	assert_int_equal(plan_afresh(&g.c), FAULT_USAGE);
	g.c.request.source_count = 2;
	g.c.request.options.distinct = true;
	assert_int_equal(plan_afresh(&g.c), FAULT_USAGE);
	g.c.request.source = g.source;
}

/* ---- what cannot be listed ---- */

static void the_rest_comes_where_one_part_cannot_be_listed(void **state)
{
	(void)state;
	grow("x/\0x/here\0x/s/\0");
	FILL(ROOT, { .name = "s", .object = SUB });
	grid_source(&g, ROOT, "x");
	local_source("x", "x");
	object[SUB].lie = FAKE_LOST;
	grid_assert_plan(&g, "0: \n 1 D 0 x\n1: x\n 2 F 1 here\n 3 D 0 s\n3: s\n 4 DF13 0 .\n"
			     "1 -> 0\n3 -> 1\n");
	assert_string_equal(g.c.settled, "");
	object[ROOT].lie = FAKE_LOST;
	grid_assert_plan(&g,
			 "0: \n 1 D 0 x\n1: x\n 2 DF13 0 .\n 3 F 1 here\n 4 D 0 s\n4: s\n1 -> 0\n");
	local_source("x", "y");
	g.source[1] = g.source[0];
	assert_int_equal(grid_plan_afresh(&g), 0);
	assert_string_equal(g.c.settled, "1 4 13\n");
}

static void a_part_inside_itself_is_left_where_it_begins_again(void **state)
{
	(void)state;
	grow("x/\0x/again/\0x/again/here\0");
	FILL(ROOT, { .name = "again", .object = ROOT });
	grid_source(&g, ROOT, "x");
	local_source("x", "x");
	grid_assert_plan(&g,
			 "0: \n 1 D 0 x\n1: x\n 2 D 0 again\n2: again\n 3 DF10 0 .\n 4 F 1 here\n"
			 "1 -> 0\n2 -> 0\n");
}

static void a_symlink_to_a_part_above_is_a_loop(void **state)
{
	(void)state;
	grow("x/\0x/s/\0z/\0z/s/\0");
	make_symlink(&g.c, "z/s/again", "..");
	local_source("x", "x");
	local_source("z", "x");
	g.c.request.options.symlinks = PLAN_SYMLINKS_FOLLOW;
	grid_assert_plan(&g, "0: \n 1 D 0 x\n1: x\n 2 D 0 s\n2: s\n 3 LF10 0 again\n");
}

/* ---- in one go ---- */

static void knows_what_may_merge(void **state)
{
	(void)state;
	assert_false(plan_may_merge((const char *[]){ "a" }, 1));
	assert_false(plan_may_merge((const char *[]){ "" }, 1));
	assert_false(plan_may_merge((const char *[]){ "b", "a", "c" }, 3));
	assert_true(plan_may_merge((const char *[]){ "b", "a", "b" }, 3));
	assert_true(plan_may_merge((const char *[]){ "b", "" }, 2));
	assert_false(plan_may_merge(NULL, 0));
}

static void a_plan_that_merges_cannot_go_on(void **state)
{
	(void)state;
	grow("a/\0a/s/\0b/\0b/s/\0b/s/f\0");
	local_source("a", "x");
	local_source("b", "x");
	assert_int_equal(plan_afresh(&g.c), 0);
	size_t size;
	unsigned char *whole = read_manifest(&g.c, &size);
	free(plan_text(&g.c));
	assert_true(g.c.boundary_count > 2);
	cut_manifest(&g.c, whole, g.c.boundary[2]);
	assert_int_equal(plan_again(&g.c), FAULT_CORRUPT);
	assert_non_null(strstr(g.c.err.text, "it merges directories"));
	free(whole);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(merges_local_directories_at_any_depth),
		FACT(goes_far_down_below_each_source),
		FACT(the_first_source_says_what_the_directory_is_like),
		FACT(merges_directories_of_grids_and_disks),
		FACT(copies_an_immutable_directory_that_merges),
		FACT(a_marker_counts_for_its_own_directory),
		FACT(refuses_files_of_one_name_at_any_depth),
		FACT(refuses_a_directory_and_anything_else_of_one_name),
		FACT(names_in_another_form_fail_as_they_do_in_one_directory),
		FACT(takes_so_many_sources_of_one_name),
		FACT(the_rest_comes_where_one_part_cannot_be_listed),
		FACT(a_part_inside_itself_is_left_where_it_begins_again),
		FACT(a_symlink_to_a_part_above_is_a_loop),
		FACT(knows_what_may_merge),
		FACT(a_plan_that_merges_cannot_go_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
