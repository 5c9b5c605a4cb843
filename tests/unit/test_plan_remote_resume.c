#include "plan/plan.h"

#include "queue/file/manifest.h"
#include "tests/unit/facts.h"
#include "tests/unit/grid_case.h"

enum { WIDE_CHILDREN = 1500, POISONED = 3000 };

enum object {
	ROOT,
	A,
	A_B,
	WIDE,
	LOOPING,
	BELOW,
	FIXED,
	LARGE,
	SMALL,
	CHANGING,
	POISON, /* in no directory */
	OBJECTS,
};

static struct fake_object object[OBJECTS];
static struct fake_child wide[WIDE_CHILDREN];
static char wide_name[WIDE_CHILDREN][64];
static struct grid_case g;

static int setup(void **state)
{
	(void)state;
	memset(object, 0, sizeof object);
	for (unsigned i = 0; i < FIXED; i++)
		object[i].cap = grid_cap(CAP_DIR2_RO, 10 + i);
	object[FIXED].cap = grid_cap(CAP_DIR2_CHK, 1);
	object[LARGE].cap = grid_cap(CAP_CHK, 2);
	object[SMALL].cap = grid_cap(CAP_CHK, 3);
	object[SMALL].cap.size = 10;
	object[CHANGING].cap = grid_cap(CAP_SSK_RO, 4);
	object[POISON].cap = grid_cap(CAP_CHK, 5);
	grid_case_init(&g, object, OBJECTS);
	g.c.request.options.range_size = 300;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	grid_case_fini(&g);
	return 0;
}

/* A grid whose walk has everything: levels, chunks, a wide directory, verdicts, loops. */
static void make_grid(void)
{
	FILL(ROOT, { .name = "a", .object = A }, { .name = "fixed", .object = FIXED },
	     { .name = "looping", .object = LOOPING }, { .name = "wide", .object = WIDE },
	     { .name = "z", .object = A_B });
	FILL(A, { .name = "b", .object = A_B }, { .name = "../evil", .object = SMALL },
	     { .name = "", .anonymous = true, .object = A_B });
	FILL(A_B, { .name = "large", .object = LARGE }, { .name = "small", .object = SMALL },
	     { .name = "future", .object = SMALL, .unknown = true });
	FILL(LOOPING, { .name = "below", .object = BELOW }, { .name = "self", .object = LOOPING },
	     { .name = "up", .object = ROOT });
	FILL(BELOW, { .name = "over", .object = LOOPING }, { .name = "top", .object = ROOT },
	     { .name = "x", .object = A_B });
	FILL(FIXED, { .name = "changing", .object = CHANGING, .size = 7 });
	for (size_t i = 0; i < WIDE_CHILDREN; i++) {
		snprintf(wide_name[i], sizeof wide_name[i],
			 "a wide directory's child with a long name %04zu", i);
		wide[i] = (struct fake_child){ .name = wide_name[i],
					       .object = i % 500 == 7 ? A_B : SMALL };
	}
	object[WIDE].child = wide;
	object[WIDE].children = WIDE_CHILDREN;
}

/* Returns the id that follows those before `offset`. */
static uint64_t next_id(uint64_t offset)
{
	struct manifest_reader *reader;
	struct manifest_block block;
	uint64_t next = 1;
	assert_int_equal(manifest_open(g.c.manifest, &reader, &g.c.err), 0);
	for (uint64_t at = manifest_first(reader); at < offset; at = block.next) {
		assert_int_equal(manifest_read(reader, at, &block, &g.c.err), 0);
		for (size_t i = 0; i < block.count; i++)
			next = block.entry[i].id + manifest_entry_ids(&block.entry[i]);
	}
	manifest_close(reader);
	return next;
}

/*
 * Plans, and asserts that a plan cut at each block's end comes out the same when gone on with,
 * whatever the slots behind the cut hold: they were written before the entries were.
 */
static void assert_resumes_everywhere(void)
{
	assert_int_equal(grid_plan_afresh(&g), 0);
	size_t size;
	char *text = grid_text(&g);
	char settled[sizeof g.c.settled];
	unsigned char *whole = read_manifest(&g.c, &size);
	uint64_t *boundary = g.c.boundary;
	size_t count = g.c.boundary_count;
	g.c.boundary = NULL;
	memcpy(settled, g.c.settled, sizeof settled);
	assert_in_range(count, 10, 1000);
	for (size_t i = 0; i < count; i++) {
		cut_manifest(&g.c, whole, boundary[i]);
		grid_spoil(&g, next_id(boundary[i]), POISONED, POISON);
		assert_int_equal(grid_plan_again(&g), 0);
		char *again = grid_text(&g);
		assert_string_equal(again, text);
		assert_true(g.c.completed);
		free(again);
	}
	/* The first cut has lost everything, so all was settled a second time. */
	assert_memory_equal(g.c.settled, settled, strlen(settled));
	free(boundary);
	free(whole);
	free(text);
}

static void goes_on_after_any_block(void **state)
{
	(void)state;
	make_grid();
	grid_source(&g, ROOT, "top");
	assert_resumes_everywhere();
}

static void goes_on_among_unnamed_sources(void **state)
{
	(void)state;
	make_grid();
	grid_source(&g, ROOT, "");
	grid_source(&g, A_B, "");
	grid_source(&g, LARGE, "file");
	assert_resumes_everywhere();
}

static void goes_on_below_made_levels(void **state)
{
	(void)state;
	static const char *const made[] = { "new", "newer" };
	make_grid();
	grid_source(&g, ROOT, "top");
	g.c.request.made = made;
	g.c.request.made_count = 2;
	g.c.request.options.to_local = false;
	assert_resumes_everywhere();
}

static void goes_on_between_grid_and_disk(void **state)
{
	(void)state;
	make_grid();
	make_directory(&g.c, "d");
	make_file(&g.c, "d/f", 3);
	make_directory(&g.c, "d/e");
	make_file(&g.c, "d/e/g", 4);
	grid_source(&g, A, "remote");
	grid_source(&g, LARGE, "file");
	g.source[g.c.request.source_count++] =
		(struct plan_source){ .path = g.c.tree, .name = "zlocal" };
	g.source[g.c.request.source_count++] =
		(struct plan_source){ .path = g.c.tree, .name = "local" };
	assert_resumes_everywhere();
}

/* A program that was killed before its first listing has a manifest with a header only. */
static void forgets_slots_written_for_no_entry(void **state)
{
	(void)state;
	make_file(&g.c, "f", 3);
	g.source[g.c.request.source_count++] =
		(struct plan_source){ .path = g.c.tree, .name = "local" };
	assert_int_equal(grid_plan_afresh(&g), 0);
	size_t size;
	char *text = grid_text(&g);
	unsigned char *whole = read_manifest(&g.c, &size);
	cut_manifest(&g.c, whole, g.c.boundary[0]);
	grid_spoil(&g, 1, 5, POISON);
	assert_int_equal(grid_plan_again(&g), 0);
	char *again = grid_text(&g);
	assert_string_equal(again, text);
	free(again);
	free(text);
	free(whole);
}

/* What the slot of a directory's source said is lost, so nobody knows what was in it. */
static void fails_directories_whose_slot_is_lost(void **state)
{
	(void)state;
	make_grid();
	grid_source(&g, ROOT, "top");
	assert_int_equal(grid_plan_afresh(&g), 0);
	size_t size;
	free(grid_text(&g));
	unsigned char *whole = read_manifest(&g.c, &size);
	/* Behind the listings of the root and top; a is entry 2. */
	cut_manifest(&g.c, whole, g.c.boundary[2]);
	free(whole);
	const struct outcome none = { .id = 2 };
	assert_int_equal(outcomes_write(g.sources, &none, 1, &g.c.err), 0);
	g.c.settled[0] = '\0';
	assert_int_equal(grid_plan_again(&g), 0);
	assert_memory_equal(g.c.settled, "2 4 17\n", 7);
	char *text = grid_text(&g);
	assert_null(strstr(text, "2: a\n"));
	assert_non_null(strstr(text, ": looping\n"));
	free(text);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(goes_on_after_any_block),
		FACT(goes_on_among_unnamed_sources),
		FACT(goes_on_below_made_levels),
		FACT(goes_on_between_grid_and_disk),
		FACT(forgets_slots_written_for_no_entry),
		FACT(fails_directories_whose_slot_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
