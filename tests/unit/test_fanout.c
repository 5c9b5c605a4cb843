#include "keys/fanout.h"

#include "tests/unit/facts.h"

static const char one[] = "URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:"
			  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static struct fanout_directory some_directory(unsigned children)
{
	struct err err;
	struct fanout_directory directory = { .children = children };
	assert_int_equal(cap_parse(one, strlen(one), &directory.cap, &err), FAULT_NONE);
	return directory;
}

static bool is_known(const struct fanout *fanout, unsigned level, unsigned leaf, uint64_t now_ms)
{
	const struct fanout_directory kept = some_directory(0);
	struct fanout_directory found;
	fanout_find(fanout, level, leaf, now_ms, &found);
	if (found.cap.kind != CAP_NONE)
		assert_true(cap_equal(&found.cap, &kept.cap));
	return found.cap.kind != CAP_NONE;
}

static void a_directory_is_known_for_a_while(void **state)
{
	(void)state;
	struct fanout fanout = { NULL };
	const struct fanout_directory directory = some_directory(5);
	assert_false(is_known(&fanout, 3, 7, 5));
	fanout_keep(&fanout, 3, 7, 1000, &directory);
	assert_false(is_known(&fanout, 3, 6, 1000));
	assert_true(is_known(&fanout, 3, 7, 1000 + FANOUT_KEPT_MS - 1));
	assert_false(is_known(&fanout, 3, 7, 1000 + FANOUT_KEPT_MS));
	fanout_keep(&fanout, 3, 7, 1000 + FANOUT_KEPT_MS, &directory);
	assert_true(is_known(&fanout, 3, 7, 1000 + FANOUT_KEPT_MS));
	fanout_fini(&fanout);
}

static void keys_share_the_directories_above(void **state)
{
	(void)state;
	struct fanout fanout = { NULL };
	const struct fanout_directory directory = some_directory(5);
	fanout_keep(&fanout, 0, 0x123, 1000, &directory);
	assert_true(is_known(&fanout, 0, 0xfff, 1000));
	assert_false(is_known(&fanout, 1, 0, 1000));
	fanout_keep(&fanout, 1, 0xffe, 1000, &directory);
	assert_true(is_known(&fanout, 1, 0xf00, 1000));
	assert_false(is_known(&fanout, 1, 0xeff, 1000));
	fanout_keep(&fanout, 2, 0xffe, 1000, &directory);
	assert_true(is_known(&fanout, 2, 0xff0, 1000));
	assert_false(is_known(&fanout, 2, 0xfef, 1000));
	assert_false(is_known(&fanout, 3, 0, 1000));
	fanout_keep(&fanout, 3, 0xfff, 1000, &directory);
	assert_false(is_known(&fanout, 3, 0xffe, 1000));
	fanout_fini(&fanout);
}

/* The last of each level, beside all of the next. */
static void no_directory_is_taken_for_another(void **state)
{
	(void)state;
	struct fanout fanout = { NULL };
	const struct fanout_directory directory = some_directory(5);
	for (unsigned level = FANOUT_TOP; level < FANOUT_LAST; level++) {
		fanout_keep(&fanout, level, KEY_LEAVES - 1, 1000, &directory);
		for (unsigned leaf = 0; leaf < KEY_LEAVES; leaf++)
			assert_false(is_known(&fanout, level + 1, leaf, 1000));
	}
	fanout_fini(&fanout);
	assert_true(fanout_is_shared(1, 0x100, 0x1ff));
	assert_false(fanout_is_shared(1, 0x0ff, 0x100));
	assert_true(fanout_is_shared(2, 0x120, 0x12f));
	assert_false(fanout_is_shared(2, 0x12f, 0x130));
	assert_false(fanout_is_shared(3, 0x12e, 0x12f));
}

static void names_that_come_and_go_are_counted(void **state)
{
	(void)state;
	struct fanout fanout = { NULL };
	struct fanout_directory directory = some_directory(1), found;
	fanout_count(&fanout, 1, 0x100, 1);
	fanout_keep(&fanout, 1, 0x100, 1000, &directory);
	fanout_count(&fanout, 1, 0x1ff, 1);
	fanout_find(&fanout, 1, 0x100, 1000, &found);
	assert_int_equal(found.children, 2);
	for (int i = 0; i < 3; i++)
		fanout_count(&fanout, 1, 0x100, -1);
	fanout_find(&fanout, 1, 0x100, 1000, &found);
	assert_int_equal(found.children, 0);
	directory.children = FANOUT_UNCOUNTED;
	fanout_keep(&fanout, 1, 0x100, 1000, &directory);
	fanout_count(&fanout, 1, 0x100, -1);
	fanout_find(&fanout, 1, 0x100, 1000, &found);
	assert_int_equal(found.children, FANOUT_UNCOUNTED);
	directory.children = FANOUT_UNCOUNTED - 1; /* the most that is a number */
	fanout_keep(&fanout, 1, 0x100, 1000, &directory);
	fanout_count(&fanout, 1, 0x100, 1);
	fanout_find(&fanout, 1, 0x100, 1000, &found);
	assert_int_equal(found.children, FANOUT_UNCOUNTED - 1);
	fanout_fini(&fanout);
}

static void directories_are_named_by_their_digits(void **state)
{
	(void)state;
	static const char *const names[] = { NULL, "0", "0a", "3" };
	char name[FANOUT_NAME_SIZE];
	for (unsigned level = 1; level < FANOUT_LEVELS; level++) {
		fanout_name(level, 0x0a3, name);
		assert_string_equal(name, names[level]);
	}
	for (unsigned level = 1; level < FANOUT_LAST; level++) /* both ways, below `keys` */
		assert_int_equal(fanout_leaf(level, fanout_order(level, 0xa37)),
				 level == 1 ? 0xa00 : 0xa30);
	assert_int_equal(fanout_leaf(3, fanout_order(3, 0xa37)), 7);
	assert_int_equal(fanout_above(1), FANOUT_TOP);
	assert_int_equal(fanout_above(2), FANOUT_TOP);
	assert_int_equal(fanout_above(3), 2);
}

static void names_of_others_are_told_from_directories(void **state)
{
	(void)state;
	static const char *const no[] = { "", "A", "0A", "0a0", "0g", "WORM--a", "+1", "g" };
	unsigned below = 0, first = 0;
	for (size_t i = 0; i < ARRAY_COUNT(no); i++)
		assert_false(fanout_read_name(0, 0, no[i], &below, &first));
	assert_true(fanout_read_name(0, 0x123, "f", &below, &first));
	assert_true(below == 1 && first == 0xf00);
	assert_true(fanout_read_name(0, 0x123, "0f", &below, &first));
	assert_true(below == 2 && first == 0x0f0);
	assert_true(fanout_read_name(0, 0x123, "a3", &below, &first));
	assert_true(below == 2 && first == 0xa30);
	assert_true(fanout_read_name(2, 0x123, "e", &below, &first));
	assert_true(below == 3 && first == 0x12e);
	assert_false(fanout_read_name(2, 0x123, "0e", &below, &first));
	assert_false(fanout_read_name(1, 0x123, "e", &below, &first));
	assert_false(fanout_read_name(3, 0x123, "e", &below, &first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_is_known_for_a_while),
		cmocka_unit_test(keys_share_the_directories_above),
		cmocka_unit_test(no_directory_is_taken_for_another),
		cmocka_unit_test(names_that_come_and_go_are_counted),
		cmocka_unit_test(directories_are_named_by_their_digits),
		cmocka_unit_test(names_of_others_are_told_from_directories),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
