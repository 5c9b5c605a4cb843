#include "plan/plan.h"

#include "plan/entry.h"
#include "queue/file/manifest.h"
#include "tests/unit/facts.h"
#include "tests/unit/grid_case.h"

#include <inttypes.h>

enum object {
	ROOT,
	SUB,
	DEEP,
	FIXED,     /* an immutable directory */
	FIXED_LIT, /* the same, in its cap */
	FILE_1,    /* CHK of 1,000 bytes */
	FILE_2,    /* CHK of 300 bytes */
	CHANGING,  /* a mutable file */
	LITERAL,   /* LIT of 5 bytes */
	HUGE_1,    /* CHK of 2^62 bytes */
	HUGE_2,
	OBJECTS,
};

static struct fake_object object[OBJECTS];
static struct grid_case g;

static int setup(void **state)
{
	(void)state;
	memset(object, 0, sizeof object);
	object[ROOT].cap = grid_cap(CAP_DIR2_RO, 1);
	object[SUB].cap = grid_cap(CAP_DIR2_RO, 2);
	object[DEEP].cap = grid_cap(CAP_DIR2_MDMF_RO, 3);
	object[FIXED].cap = grid_cap(CAP_DIR2_CHK, 4);
	object[FIXED_LIT].cap = grid_cap(CAP_DIR2_LIT, 40);
	object[FILE_1].cap = grid_cap(CAP_CHK, 5);
	object[FILE_2].cap = grid_cap(CAP_CHK, 6);
	object[FILE_2].cap.size = 300;
	object[CHANGING].cap = grid_cap(CAP_SSK_RO, 7);
	object[LITERAL].cap = grid_cap(CAP_LIT, 5);
	object[HUGE_1].cap = grid_cap(CAP_CHK, 8);
	object[HUGE_2].cap = grid_cap(CAP_CHK, 9);
	object[HUGE_1].cap.size = object[HUGE_2].cap.size = UINT64_C(1) << 62;
	grid_case_init(&g, object, OBJECTS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	grid_case_fini(&g);
	return 0;
}

/* ---- directories ---- */

static void walks_nested_directories(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "sub", .object = SUB }, { .name = "file", .object = FILE_1 },
	     { .name = "lit", .object = LITERAL });
	FILL(SUB, { .name = "z", .object = CHANGING, .size = 12 },
	     { .name = "deep", .object = DEEP }, { .name = "a", .object = FIXED });
	FILL(FIXED, { .name = "inner", .object = FILE_2 });
	grid_source(&g, ROOT, "top");
	grid_assert_plan(&g, "0: \n 1 D 0 top\n"
			     "1: top\n 2 F 1000 file\n 3 F 5 lit\n 4 D 0 sub\n"
			     "4: sub\n 5 D 0 a\n 6 D 0 deep\n 7 F 12 z\n"
			     "5: a\n 8 F 300 inner\n"
			     "6: deep\n"
			     "1 -> 0\n2 -> 5\n3 -> 8\n4 -> 1\n5 -> 3\n6 -> 2\n7 -> 7\n8 -> 6\n");
	assert_string_equal(g.c.settled, "");
}

static void lists_the_next_directories_while_it_waits_for_one(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "a", .object = SUB }, { .name = "b", .object = FIXED },
	     { .name = "c", .object = FIXED_LIT }, { .name = "d", .object = SUB },
	     { .name = "e", .object = DEEP });
	grid_source(&g, ROOT, "top");
	grid_assert_plan(&g, "0: \n 1 D 0 top\n"
			     "1: top\n 2 D 0 a\n 3 D 0 b\n 4 D 0 c\n 5 D 0 d\n 6 D 0 e\n"
			     "2: a\n3: b\n4: c\n5: d\n6: e\n"
			     "1 -> 0\n2 -> 1\n3 -> 3\n4 -> 4\n5 -> 1\n6 -> 2\n");
	assert_int_equal(g.fake.together, 4);
	for (enum object number = ROOT; number <= FIXED_LIT; number++)
		assert_int_equal(object[number].lists, 1);
}

/* The nearest go first, and none is forgotten over what is below others. */
static void lists_ahead_across_levels(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "a", .object = SUB }, { .name = "b", .object = FIXED });
	FILL(SUB, { .name = "in", .object = FIXED_LIT }, { .name = "out", .object = DEEP });
	grid_source(&g, ROOT, "top");
	grid_assert_plan(&g, "0: \n 1 D 0 top\n"
			     "1: top\n 2 D 0 a\n 3 D 0 b\n"
			     "2: a\n 4 D 0 in\n 5 D 0 out\n"
			     "4: in\n5: out\n3: b\n"
			     "1 -> 0\n2 -> 1\n3 -> 3\n4 -> 4\n5 -> 2\n");
	assert_int_equal(g.fake.together, 2);
	for (enum object number = ROOT; number <= FIXED_LIT; number++)
		assert_int_equal(object[number].lists, 1);
}

static void ends_where_a_directory_is_inside_itself(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "sub", .object = SUB });
	FILL(SUB, { .name = "up", .object = ROOT }, { .name = "self", .object = SUB },
	     { .name = "file", .object = FILE_1 });
	grid_source(&g, ROOT, "top");
	grid_assert_plan(&g, "0: \n 1 D 0 top\n"
			     "1: top\n 2 D 0 sub\n"
			     "2: sub\n 3 F 1000 file\n 4 D 0 self\n 5 D 0 up\n"
			     "1 -> 0\n2 -> 1\n3 -> 5\n4 -> 1\n5 -> 0\n");
	assert_string_equal(g.c.settled, "4 4 10\n5 4 10\n");
}

static void ends_where_the_unnamed_source_is_inside_itself(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "self", .object = ROOT }, { .name = "sub", .object = SUB });
	FILL(SUB, { .name = "up", .object = ROOT });
	grid_source(&g, ROOT, "");
	grid_assert_plan(&g, "0: \n 1 D 0 self\n 2 D 0 sub\n2: sub\n 3 D 0 up\n"
			     "1 -> 0\n2 -> 1\n3 -> 0\n");
	assert_string_equal(g.c.settled, "1 4 10\n3 4 10\n");
}

static void lists_a_directory_met_on_two_ways_once(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "one", .object = SUB }, { .name = "two", .object = SUB });
	FILL(SUB, { .name = "file", .object = FILE_1 });
	grid_source(&g, ROOT, "top");
	grid_assert_plan(&g, "0: \n 1 D 0 top\n"
			     "1: top\n 2 D 0 one\n 3 D 0 two\n"
			     "2: one\n 4 F 1000 file\n"
			     "3: two\n 5 F 1000 file\n"
			     "1 -> 0\n2 -> 1\n3 -> 1\n4 -> 5\n5 -> 5\n");
	assert_int_equal(object[SUB].lists, 1);
}

static void goes_on_without_a_directory_it_cannot_list(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "lost", .object = SUB }, { .name = "well", .object = DEEP });
	FILL(DEEP, { .name = "file", .object = FILE_1 });
	object[SUB].lie = FAKE_LOST;
	grid_source(&g, ROOT, "top");
	grid_assert_plan(&g, "0: \n 1 D 0 top\n"
			     "1: top\n 2 D 0 lost\n 3 D 0 well\n"
			     "3: well\n 4 F 1000 file\n"
			     "1 -> 0\n2 -> 1\n3 -> 2\n4 -> 5\n");
	assert_string_equal(g.c.settled, "2 4 13\n");
}

static void ends_when_the_gateway_is_away(void **state)
{
	(void)state;
	grid_source(&g, ROOT, "top");
	atomic_store(&g.fake.away, true);
	assert_int_equal(grid_plan_afresh(&g), FAULT_UNAVAILABLE);
	assert_string_equal(g.c.settled, "");
	atomic_store(&g.fake.away, false);
	assert_int_equal(grid_plan_again(&g), 0);
}

static void takes_larger_directories_only_for_a_local_target(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "a", .object = FILE_1 }, { .name = "b", .object = FILE_1 },
	     { .name = "c", .object = FILE_1 });
	grid_source(&g, ROOT, "top");
	g.c.request.options.max_dir_entries = 2;
	assert_int_equal(grid_plan_afresh(&g), 0);
	assert_string_equal(g.c.settled, "");
	g.c.request.options.to_local = false;
	assert_int_equal(grid_plan_afresh(&g), 0);
	assert_string_equal(g.c.settled, "1 4 12\n");
}

/* Each level holds the next; the last ones are too deep. */
static void ends_a_chain_that_is_too_deep(void **state)
{
	enum { LEVELS = 4100 };
	struct fake_object *level = calloc(LEVELS, sizeof *level);
	struct fake_child *child = calloc(LEVELS, sizeof *child);
	assert_true(level && child);
	for (size_t i = 0; i < LEVELS; i++) {
		level[i].cap = grid_cap(CAP_DIR2_RO, (unsigned)i);
		child[i] = (struct fake_child){ .name = "d", .object = i + 1 };
		level[i].child = &child[i];
		level[i].children = i + 1 < LEVELS;
	}
	teardown(state);
	grid_case_init(&g, level, LEVELS);
	grid_source(&g, 0, "top");
	assert_int_equal(grid_plan_afresh(&g), 0);
	assert_string_equal(g.c.settled, "4097 4 10\n");
	free(level);
	free(child);
}

/* ---- names and kinds ---- */

static void fails_names_that_a_local_file_cannot_have(void **state)
{
	(void)state;
	static char long_name[256 + 1], longest[5000 + 1];
	memset(long_name, 'n', 256);
	memset(longest, 'm', 5000);
	const struct fake_child children[] = {
		{ .name = "../evil", .object = FILE_1 },
		{ .name = "..", .object = SUB },
		{ .name = ".", .object = FILE_1 },
		{ .name = "", .anonymous = true, .object = SUB },
		{ .name = "/tmp/evil", .object = FILE_1 },
		{ .name = "a\0b", .name_size = 3, .object = FILE_1 },
		{ .name = "\xff\xfe", .object = FILE_1 },
		{ .name = long_name, .object = FILE_1 },
		{ .name = longest, .object = SUB },
		{ .name = "good", .object = LITERAL },
	};
	object[ROOT].child = children;
	object[ROOT].children = ARRAY_COUNT(children);
	grid_source(&g, ROOT, "top");
	assert_int_equal(grid_plan_afresh(&g), 0);
	char *text = grid_text(&g);
	size_t failed = 0;
	for (const char *at = text; (at = strstr(at, "F8 ")); at++)
		failed++;
	assert_int_equal(failed, 9);
	const char *slots = strstr(text, " F 5 good\n");
	assert_non_null(slots);
	assert_non_null(strstr(slots, "-> 8\n"));
	/* Only the directory and the good one: the others have no slot and no listing. */
	size_t count = 0;
	for (const char *at = slots; (at = strstr(at, " -> ")); at++)
		count++;
	assert_int_equal(count, 2);
	assert_int_equal(object[SUB].lists, 0);
	free(text);
}

/* The source without a name is looked up by the names of its children, whatever they are. */
static void fails_hostile_names_among_the_sources(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "", .anonymous = true, .object = SUB },
	     { .name = "../evil", .object = FILE_1 }, { .name = "good", .object = FILE_1 });
	grid_source(&g, ROOT, "");
	grid_assert_plan(&g, "0: \n 1 DF8 0 \n 2 FF8 1000 ../evil\n 3 F 1000 good\n3 -> 5\n");
}

static void keeps_names_that_only_a_grid_can_have(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "..", .object = FILE_1 }, { .name = "a/b", .object = FILE_1 });
	grid_source(&g, ROOT, "top");
	g.c.request.options.to_local = false;
	grid_assert_plan(
		&g, "0: \n 1 D 0 top\n1: top\n 2 F 1000 ..\n 3 FF8 1000 a/b\n1 -> 0\n2 -> 5\n");
}

static void fails_names_that_no_plan_holds(void **state)
{
	(void)state;
	static char longest[5000 + 1];
	memset(longest, 'm', 5000);
	const struct fake_child children[] = { { .name = longest, .object = FILE_1 } };
	object[ROOT].child = children;
	object[ROOT].children = 1;
	grid_source(&g, ROOT, "top");
	g.c.request.options.to_local = false;
	assert_int_equal(grid_plan_afresh(&g), 0);
	char *text = grid_text(&g);
	assert_non_null(strstr(text, " 2 FF8 1000 mmm"));
	assert_null(strstr(text, "2 -> "));
	free(text);
}

static void skips_nodes_it_does_not_know(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "future", .object = FILE_1, .unknown = true },
	     { .name = "file", .object = FILE_1 });
	grid_source(&g, ROOT, "top");
	grid_assert_plan(
		&g, "0: \n 1 D 0 top\n1: top\n 2 F 1000 file\n 3 OS19 0 future\n1 -> 0\n2 -> 5\n");
}

static void fails_names_that_are_one_in_nfc(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "\xc3\xa4", .object = FILE_1 },
	     { .name = "a\xcc\x88", .object = FILE_1 });
	grid_source(&g, ROOT, "top");
	grid_assert_plan(&g,
			 "0: \n 1 D 0 top\n1: top\n 2 FF9 1000 a\xcc\x88\n 3 FF9 1000 \xc3\xa4\n"
			 "1 -> 0\n");
}

/* ---- sizes ---- */

static uint64_t chunk_size_of(uint64_t id)
{
	struct manifest_reader *reader;
	struct manifest_block block = { .next = 0 };
	uint64_t found = UINT64_MAX;
	assert_int_equal(manifest_open(g.c.manifest, &reader, &g.c.err), 0);
	block.next = manifest_first(reader);
	while (!manifest_read(reader, block.next, &block, &g.c.err) && !block.is_trailer)
		for (size_t i = 0; i < block.count; i++)
			if (block.entry[i].id == id)
				found = block.entry[i].chunk_size;
	manifest_close(reader);
	return found;
}

static void cuts_large_immutable_files_into_chunks(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "a", .object = FILE_1 }, { .name = "b", .object = FILE_2 },
	     { .name = "c", .object = CHANGING, .size = 1000 }, { .name = "d", .object = LITERAL });
	grid_source(&g, ROOT, "top");
	g.c.request.options.range_size = 300;
	/* a has the ids 2 to 6. */
	grid_assert_plan(&g, "0: \n 1 D 0 top\n"
			     "1: top\n 2 F 1000 a\n 7 F 300 b\n 8 F 1000 c\n 9 F 5 d\n"
			     "1 -> 0\n2 -> 5\n7 -> 6\n8 -> 7\n9 -> 8\n");
	assert_int_equal(chunk_size_of(2), 300);
	assert_int_equal(chunk_size_of(7), 0);
	assert_int_equal(chunk_size_of(8), 0);
	g.c.request.options.range_size = 0;
	assert_int_equal(grid_plan_afresh(&g), 0);
	assert_int_equal(chunk_size_of(2), 0);
}

/* 65,536 chunks and one slot more at most, or no file system takes the slots. */
static void takes_larger_chunks_where_there_would_be_too_many(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "a", .object = HUGE_1 }, { .name = "b", .object = FILE_1 });
	grid_source(&g, ROOT, "top");
	g.c.request.options.range_size = 1 << 20;
	assert_int_equal(grid_plan_afresh(&g), 0);
	char *text = grid_text(&g);
	const char *next = strstr(text, " F 1000 b\n");
	assert_non_null(next);
	while (next[-1] != ' ')
		next--;
	assert_in_range(strtoull(next, NULL, 10), 60000, 66000);
	assert_int_equal(chunk_size_of(2) % (1 << 20), 0);
	free(text);
}

/* Whoever can write a directory can make up caps; the sum of their sizes ends no plan, and says
 * nothing of the files beside them.  On a grid such a cap is linked like any other. */
static void a_sum_of_made_up_sizes_is_no_fault_of_other_files(void **state)
{
	(void)state;
	for (int to_local = 0; to_local < 2; to_local++) {
		g.c.request.options.to_local = to_local;
		object[HUGE_1].cap.size = object[HUGE_2].cap.size =
			to_local ? INT64_MAX : UINT64_MAX;
		FILL(ROOT, { .name = "a", .object = HUGE_1 }, { .name = "b", .object = HUGE_2 },
		     { .name = "b2", .object = HUGE_2 }, { .name = "c", .object = FILE_1 });
		grid_source(&g, ROOT, "top");
		grid_assert_plan(&g, to_local ? "0: \n 1 D 0 top\n"
						"1: top\n 2 F 9223372036854775807 a\n"
						" 3 F 9223372036854775807 b\n"
						" 4 F 9223372036854775807 b2\n 5 F 1000 c\n"
						"1 -> 0\n2 -> 9\n3 -> 10\n4 -> 10\n5 -> 5\n"
					      : "0: \n 1 D 0 top\n"
						"1: top\n 2 F 18446744073709551615 a\n"
						" 3 F 18446744073709551615 b\n"
						" 4 F 18446744073709551615 b2\n 5 F 1000 c\n"
						"1 -> 0\n2 -> 9\n3 -> 10\n4 -> 10\n5 -> 5\n");
		grid_case_fini(&g);
		grid_case_init(&g, object, OBJECTS);
	}
}

static void gives_few_chunks_once_many_ids_are_taken(void **state)
{
	(void)state;
	static const uint64_t sizes[] = { 1 << 20, UINT64_C(1) << 40, UINT64_C(1) << 62,
					  INT64_MAX };
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		struct manifest_entry entry = { .bytes = sizes[i], .chunk_size = sizes[i] >> 16 };
		entry_bound_chunks(&entry, UINT64_C(1) << 32);
		assert_int_equal(entry.chunk_size, sizes[i] >> 16);
		entry_bound_chunks(&entry, (UINT64_C(1) << 32) + 1);
		assert_in_range(manifest_entry_ids(&entry), 2, 17);
		entry.chunk_size = 0;
		entry_bound_chunks(&entry, UINT64_C(1) << 52);
		assert_int_equal(manifest_entry_ids(&entry), 1);
	}
}

static void fails_files_of_a_size_that_none_can_have_here(void **state)
{
	(void)state;
	object[HUGE_1].cap.size = UINT64_C(1) << 63;
	FILL(ROOT, { .name = "a", .object = HUGE_1 }, { .name = "b", .object = HUGE_2 },
	     { .name = "c", .object = FILE_1 });
	grid_source(&g, ROOT, "top");
	g.c.request.options.range_size = 1 << 20;
	grid_assert_plan(&g, "0: \n 1 D 0 top\n"
			     "1: top\n 2 FF24 9223372036854775808 a\n 3 F 4611686018427387904 b\n"
			     " 65540 F 1000 c\n"
			     "1 -> 0\n3 -> 10\n65540 -> 5\n");
}

/* ---- sources ---- */

static void puts_children_of_unnamed_sources_beside_the_others(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "m", .object = FILE_1 }, { .name = "sub", .object = DEEP });
	FILL(SUB, { .name = "a", .object = FILE_2 }, { .name = "z", .object = LITERAL });
	FILL(DEEP, { .name = "inner", .object = CHANGING });
	grid_source(&g, ROOT, "");
	grid_source(&g, SUB, "");
	grid_source(&g, FIXED, "n");
	grid_assert_plan(&g, "0: \n 1 F 300 a\n 2 F 1000 m\n 3 D 0 n\n 4 D 0 sub\n 5 F 5 z\n"
			     "3: n\n"
			     "4: sub\n 6 F 0 inner\n"
			     "1 -> 6\n2 -> 5\n3 -> 3\n4 -> 2\n5 -> 8\n6 -> 7\n");
	assert_int_equal(object[ROOT].lists + object[SUB].lists, 2);
}

static void takes_sources_from_a_grid_and_the_disk(void **state)
{
	(void)state;
	make_file(&g.c, "f", 3);
	FILL(ROOT, { .name = "inner", .object = FILE_1 });
	grid_source(&g, ROOT, "remote");
	g.source[g.c.request.source_count++] =
		(struct plan_source){ .path = g.c.tree, .name = "local" };
	grid_assert_plan(&g, "0: \n 1 D 0 local\n 2 D 0 remote\n"
			     "1: local\n 3 F 3 f\n"
			     "2: remote\n 4 F 1000 inner\n"
			     "2 -> 0\n4 -> 5\n");
}

static void refuses_a_name_twice(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "same", .object = FILE_1 });
	FILL(SUB, { .name = "same", .object = FILE_1 });
	grid_source(&g, ROOT, "");
	grid_source(&g, SUB, "");
	assert_int_equal(grid_plan_afresh(&g), FAULT_USAGE);
	g.source[1].name = "same";
	assert_int_equal(grid_plan_afresh(&g), FAULT_USAGE);
	g.source[0].name = "same";
	assert_int_equal(grid_plan_afresh(&g), FAULT_USAGE);
	g.source[1].name = "other";
	assert_int_equal(grid_plan_afresh(&g), 0);
}

static void needs_the_listing_of_an_unnamed_source(void **state)
{
	(void)state;
	object[ROOT].lie = FAKE_LOST;
	grid_source(&g, ROOT, "");
	assert_int_equal(grid_plan_afresh(&g), FAULT_RETRY);
}

/* ---- links ---- */

static void links_immutable_directories_whole(void **state)
{
	(void)state;
	FILL(ROOT, { .name = "fixed", .object = FIXED }, { .name = "lit", .object = FIXED_LIT },
	     { .name = "sub", .object = SUB });
	FILL(FIXED, { .name = "inner", .object = FILE_1 });
	grid_source(&g, ROOT, "top");
	g.c.request.options.to_local = false;
	grid_assert_plan(&g, "0: \n 1 D 0 top\n"
			     "1: top\n 2 I 0 fixed\n 3 I 0 lit\n 4 D 0 sub\n"
			     "4: sub\n"
			     "1 -> 0\n2 -> 3\n3 -> 4\n4 -> 1\n");
	assert_int_equal(object[FIXED].lists, 0);
}

static enum fault open_there(void *context, uint64_t id, bool *exists, struct err *err)
{
	(void)context;
	(void)err;
	*exists = id == 0;
	return FAULT_NONE;
}

static enum fault look_there(void *context, const char *name, size_t size, enum decide_kind *there,
			     struct err *err)
{
	(void)context;
	(void)err;
	*there = size == 5 && memcmp(name, "known", 5) == 0 ? DECIDE_DIRECTORY : DECIDE_NOTHING;
	return FAULT_NONE;
}

static enum fault bind_there(void *context, uint64_t id, const char *name, size_t size,
			     struct err *err)
{
	(void)name;
	(void)size;
	(void)err;
	*(uint64_t *)context = id;
	return FAULT_NONE;
}

static void merges_an_immutable_directory_into_one_that_is_there(void **state)
{
	(void)state;
	uint64_t bound = 0;
	const struct plan_target target = {
		.open = open_there, .look = look_there, .bind = bind_there, .context = &bound
	};
	FILL(FIXED, { .name = "inner", .object = FILE_1 });
	grid_source(&g, FIXED, "known");
	grid_source(&g, FIXED, "new");
	g.c.request.options.to_local = false;
	g.c.request.target = &target;
	grid_assert_plan(&g, "0: \n 1 D 0 known\n 2 I 0 new\n1: known\n 3 F 1000 inner\n"
			     "1 -> 3\n2 -> 3\n3 -> 5\n");
	assert_int_equal(bound, 1);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(walks_nested_directories),
		FACT(lists_the_next_directories_while_it_waits_for_one),
		FACT(lists_ahead_across_levels),
		FACT(ends_where_a_directory_is_inside_itself),
		FACT(ends_where_the_unnamed_source_is_inside_itself),
		FACT(lists_a_directory_met_on_two_ways_once),
		FACT(goes_on_without_a_directory_it_cannot_list),
		FACT(ends_when_the_gateway_is_away),
		FACT(takes_larger_directories_only_for_a_local_target),
		FACT(ends_a_chain_that_is_too_deep),
		FACT(fails_names_that_a_local_file_cannot_have),
		FACT(fails_hostile_names_among_the_sources),
		FACT(keeps_names_that_only_a_grid_can_have),
		FACT(fails_names_that_no_plan_holds),
		FACT(skips_nodes_it_does_not_know),
		FACT(fails_names_that_are_one_in_nfc),
		FACT(cuts_large_immutable_files_into_chunks),
		FACT(takes_larger_chunks_where_there_would_be_too_many),
		FACT(a_sum_of_made_up_sizes_is_no_fault_of_other_files),
		FACT(gives_few_chunks_once_many_ids_are_taken),
		FACT(fails_files_of_a_size_that_none_can_have_here),
		FACT(puts_children_of_unnamed_sources_beside_the_others),
		FACT(takes_sources_from_a_grid_and_the_disk),
		FACT(refuses_a_name_twice),
		FACT(needs_the_listing_of_an_unnamed_source),
		FACT(links_immutable_directories_whole),
		FACT(merges_an_immutable_directory_into_one_that_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
