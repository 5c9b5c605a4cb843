/* The root of a key store on a grid in memory: what its mark says counts, also later on. */
#include "keys/layout_walk.h"
#include "tahoe/chk.h"
#include "tests/unit/facts.h"
#include "tests/unit/fake_grid.h"
#include "tests/unit/moved_clock.h"

enum object { ROOT, MARK, KEYS, OBJECTS };

struct root_case {
	struct fake_object object[OBJECTS];
	struct fake_grid grid;
	struct store_wait wait;
	struct tries tries;
	struct grid_path path;
	struct layout layout;
};

static void mark_root(struct root_case *c, const char *mark)
{
	chk_literal(mark, strlen(mark), &c->object[MARK].cap);
}

static int set_up(void **state)
{
	static char typed[] = "the root";
	static const struct fake_child children[] = {
		{ .name = "barge-keys", .object = MARK },
		{ .name = "keys", .object = KEYS },
	};
	struct root_case *c = calloc(1, sizeof *c);
	struct err err;
	c->object[ROOT] = (struct fake_object){
		.cap = { .kind = CAP_DIR2, .key = { 1 } },
		.child = children,
		.children = ARRAY_COUNT(children),
	};
	c->object[KEYS].cap = (struct cap){ .kind = CAP_DIR2, .key = { 2 } };
	mark_root(c, "barge keys 2\n");
	c->grid = (struct fake_grid){ .object = c->object, .count = OBJECTS };
	assert_int_equal(fake_open(&c->grid, &c->wait.store, &err), FAULT_NONE);
	c->tries.wait = &c->wait;
	c->path = (struct grid_path){ .typed = typed, .root = c->object[ROOT].cap };
	layout_init(&c->layout, &c->path, true);
	clock_stop();
	*state = c;
	return 0;
}

static int tear_down(void **state)
{
	struct root_case *c = *state;
	layout_fini(&c->layout);
	store_close(c->wait.store);
	free(c);
	return 0;
}

static enum fault look(struct root_case *c)
{
	struct err err;
	struct cap root;
	return layout_root(&c->layout, &c->tries, &root, &err);
}

/* Whatever a program knows of a root, it is no longer than that until it says what it is. */
static void a_later_format_is_noticed(void **state)
{
	struct root_case *c = *state;
	assert_int_equal(look(c), FAULT_NONE);
	mark_root(c, "barge keys 3\n");
	clock_move(FANOUT_KEPT_MS - 1);
	assert_int_equal(look(c), FAULT_NONE);
	assert_int_equal(c->object[ROOT].lists, 1);
	clock_move(1);
	assert_int_equal(look(c), FAULT_CORRUPT);
	assert_int_equal(look(c), FAULT_CORRUPT);
	mark_root(c, "barge keys 1\n");
	assert_int_equal(look(c), FAULT_NONE);
	assert_int_equal(layout_mark_of(&c->layout), LAYOUT_DEEP);
	assert_int_equal(c->object[ROOT].lists, 4);
}

static void a_root_is_looked_at_once_for_a_while(void **state)
{
	struct root_case *c = *state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(look(c), FAULT_NONE);
	assert_int_equal(c->object[ROOT].lists, 1);
	assert_int_equal(layout_mark_of(&c->layout), LAYOUT_GROWN);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest facts[] = {
		FACT(a_later_format_is_noticed),
		FACT(a_root_is_looked_at_once_for_a_while),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
