#include "plan/remote.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_grid.h"

enum { MANY = 70, LONG_NAMES = 4500, LONG_SIZE = 4000 };

enum object {
	FILE_1,
	CHANGING,
	LITERAL,
	LONG_LITERAL,
	VERIFIER,
	FUTURE,
	DIRECTORY,
	LITERAL_DIRECTORY,
	WIDE,
	WIDER,
	MANY_1,
	OBJECTS = MANY_1 + MANY,
};

struct grid {
	struct fake_object object[OBJECTS];
	struct fake_grid fake;
	struct store *store;
	struct remote *remote;
	struct err err;
};

static struct cap keyed(enum cap_kind kind, unsigned char number)
{
	struct cap cap = { .kind = kind };
	cap.key[0] = number;
	if (cap_is_chk(&cap)) {
		cap.needed = 1;
		cap.total = 1;
		cap.size = 1000;
	}
	return cap;
}

static struct cap literal(enum cap_kind kind, size_t size)
{
	struct cap cap = { .kind = kind, .size = size };
	memset(cap.content, 'x', size);
	return cap;
}

static int setup(void **state)
{
	struct grid *grid = calloc(1, sizeof *grid);
	assert_non_null(grid);
	struct fake_object *object = grid->object;
	object[FILE_1].cap = keyed(CAP_CHK, 1);
	object[CHANGING].cap = keyed(CAP_SSK_RO, 2);
	object[LITERAL].cap = literal(CAP_LIT, 55);
	object[LONG_LITERAL].cap = literal(CAP_LIT, CAP_PACKED_SIZE + 1);
	object[VERIFIER].cap = keyed(CAP_CHK_VERIFIER, 3);
	object[FUTURE].cap = literal(CAP_UNKNOWN, 30);
	object[DIRECTORY].cap = keyed(CAP_DIR2_RO, 4);
	object[LITERAL_DIRECTORY].cap = literal(CAP_DIR2_LIT, 20);
	object[WIDE].cap = keyed(CAP_DIR2_RO, 5);
	object[WIDER].cap = keyed(CAP_DIR2_RO, 6);
	for (unsigned char i = 0; i < MANY; i++)
		object[MANY_1 + i].cap = keyed(CAP_DIR2_RO, (unsigned char)(100 + i));
	grid->fake = (struct fake_grid){ .object = object, .count = OBJECTS };
	assert_int_equal(fake_open(&grid->fake, &grid->store, &grid->err), FAULT_NONE);
	const struct ask ask = { .wait = { .store = grid->store } };
	grid->remote = remote_new(&ask, REMOTE_SOURCE);
	assert_non_null(grid->remote);
	*state = grid;
	return 0;
}

static int teardown(void **state)
{
	struct grid *grid = *state;
	remote_free(grid->remote);
	store_close(grid->store);
	free(grid);
	return 0;
}

static void fill(struct grid *grid, enum object number, const struct fake_child *child,
		 size_t count)
{
	grid->object[number].child = child;
	grid->object[number].children = count;
}

static void turn_to(struct grid *grid, size_t number)
{
	assert_int_equal(remote_open(grid->remote, &grid->object[number].cap, &grid->err), 0);
}

static const struct remote_child *find(const struct grid *grid, const char *name)
{
	const struct remote_child *child = remote_find(grid->remote, name, strlen(name));
	assert_non_null(child);
	return child;
}

/* ---- what is kept ---- */

static const struct fake_child one_file[] = { { .name = "file", .object = FILE_1 } };

static void lists_a_directory_once(void **state)
{
	struct grid *grid = *state;
	fill(grid, DIRECTORY, one_file, 1);
	turn_to(grid, DIRECTORY);
	turn_to(grid, MANY_1);
	assert_int_equal(remote_count(grid->remote), 0);
	turn_to(grid, DIRECTORY);
	assert_int_equal(remote_count(grid->remote), 1);
	find(grid, "file");
	assert_int_equal(grid->object[DIRECTORY].lists, 1);
}

static void knows_a_directory_by_either_of_its_caps(void **state)
{
	struct grid *grid = *state;
	struct cap writable = keyed(CAP_DIR2, 9);
	assert_true(cap_to_readonly(&writable, &grid->object[DIRECTORY].cap));
	turn_to(grid, DIRECTORY);
	assert_int_equal(remote_open(grid->remote, &writable, &grid->err), 0);
	assert_int_equal(grid->object[DIRECTORY].lists, 1);
}

static void lists_a_literal_directory_once(void **state)
{
	struct grid *grid = *state;
	fill(grid, LITERAL_DIRECTORY, one_file, 1);
	turn_to(grid, LITERAL_DIRECTORY);
	turn_to(grid, DIRECTORY);
	turn_to(grid, LITERAL_DIRECTORY);
	assert_int_equal(remote_count(grid->remote), 1);
	assert_int_equal(grid->object[LITERAL_DIRECTORY].lists, 1);
}

static void forgets_what_was_used_longest_ago(void **state)
{
	struct grid *grid = *state;
	for (size_t i = 0; i < 64; i++)
		turn_to(grid, MANY_1 + i);
	turn_to(grid, MANY_1);
	turn_to(grid, MANY_1 + 64);
	turn_to(grid, MANY_1 + 2);
	assert_int_equal(grid->object[MANY_1 + 2].lists, 1);
	turn_to(grid, MANY_1);
	assert_int_equal(grid->object[MANY_1].lists, 1);
	turn_to(grid, MANY_1 + 1);
	assert_int_equal(grid->object[MANY_1 + 1].lists, 2);
}

/* Makes children whose names take 18 MB. */
static struct fake_child *long_names(char **text)
{
	struct fake_child *child = calloc(LONG_NAMES, sizeof *child);
	char *names = *text = malloc((size_t)LONG_NAMES * (LONG_SIZE + 1));
	assert_true(child && names);
	for (size_t i = 0; i < LONG_NAMES; i++) {
		char *name = names + i * (LONG_SIZE + 1);
		memset(name, 'x', LONG_SIZE);
		snprintf(name + LONG_SIZE - 4, 5, "%04zu", i);
		child[i] = (struct fake_child){ .name = name, .object = FILE_1 };
	}
	return child;
}

static void keeps_no_more_than_32_mib_beside_the_one_in_use(void **state)
{
	struct grid *grid = *state;
	char *names;
	struct fake_child *child = long_names(&names);
	fill(grid, WIDE, child, LONG_NAMES);
	fill(grid, WIDER, child, LONG_NAMES);
	fill(grid, MANY_1, child, LONG_NAMES);
	turn_to(grid, WIDE);
	turn_to(grid, WIDER);
	turn_to(grid, WIDE);
	assert_int_equal(grid->object[WIDE].lists, 1);
	turn_to(grid, MANY_1); /* makes the other two too many */
	turn_to(grid, WIDE);
	assert_int_equal(grid->object[WIDE].lists, 1);
	turn_to(grid, WIDER);
	assert_int_equal(grid->object[WIDER].lists, 2);
	assert_int_equal(remote_count(grid->remote), LONG_NAMES);
	free(names);
	free(child);
}

/* ---- ahead ---- */

/* Polls until all that is not to hang has been answered. */
static void poll_all(struct grid *grid)
{
	while (store_poll(grid->store, 0))
		;
}

static void ahead(struct grid *grid, size_t number)
{
	remote_ahead(grid->remote, &grid->object[number].cap);
}

static void has_what_was_asked_for_ahead(void **state)
{
	struct grid *grid = *state;
	fill(grid, DIRECTORY, one_file, 1);
	ahead(grid, DIRECTORY);
	ahead(grid, DIRECTORY);
	assert_int_equal(grid->object[DIRECTORY].lists, 0); /* nobody has waited */
	poll_all(grid);
	assert_int_equal(grid->object[DIRECTORY].lists, 1);
	turn_to(grid, DIRECTORY);
	assert_int_equal(remote_count(grid->remote), 1);
	find(grid, "file");
	ahead(grid, DIRECTORY);
	poll_all(grid);
	assert_int_equal(grid->object[DIRECTORY].lists, 1);
}

static void sorts_what_came_ahead(void **state)
{
	struct grid *grid = *state;
	static const struct fake_child child[] = {
		{ .name = "c", .object = FILE_1 },
		{ .name = "a", .object = FILE_1 },
		{ .name = "b", .object = FILE_1 },
	};
	fill(grid, DIRECTORY, child, ARRAY_COUNT(child));
	ahead(grid, DIRECTORY);
	poll_all(grid);
	turn_to(grid, DIRECTORY);
	for (size_t i = 0; i < ARRAY_COUNT(child); i++)
		find(grid, child[i].name);
}

static void waits_for_one_while_others_come(void **state)
{
	struct grid *grid = *state;
	ahead(grid, MANY_1);
	ahead(grid, MANY_1 + 1);
	turn_to(grid, DIRECTORY);
	ahead(grid, MANY_1 + 2);
	turn_to(grid, MANY_1);
	turn_to(grid, MANY_1 + 1);
	turn_to(grid, MANY_1 + 2);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(grid->object[MANY_1 + i].lists, 1);
}

static void asks_for_four_ahead_and_no_more(void **state)
{
	struct grid *grid = *state;
	for (size_t i = 0; i < 6; i++)
		ahead(grid, MANY_1 + i);
	poll_all(grid);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(grid->object[MANY_1 + i].lists, i < 4);
	ahead(grid, MANY_1 + 4); /* those have come */
	poll_all(grid);
	assert_int_equal(grid->object[MANY_1 + 4].lists, 1);
}

static void asks_again_when_what_was_ahead_failed(void **state)
{
	struct grid *grid = *state;
	fill(grid, DIRECTORY, one_file, 1);
	grid->object[DIRECTORY].lie = FAKE_LOST;
	ahead(grid, DIRECTORY);
	poll_all(grid);
	grid->object[DIRECTORY].lie = FAKE_TRUTH; /* meanwhile it is there */
	turn_to(grid, DIRECTORY);
	assert_int_equal(remote_count(grid->remote), 1);
	remote_close(grid->remote);
	for (size_t i = 0; i < MANY; i++)
		turn_to(grid, MANY_1 + i);
	grid->object[DIRECTORY].lie = FAKE_RETRY_ONCE;
	grid->object[DIRECTORY].lists = 0;
	ahead(grid, DIRECTORY);
	poll_all(grid);
	turn_to(grid, DIRECTORY);
	assert_int_equal(grid->object[DIRECTORY].lists, 2);
	assert_int_equal(remote_count(grid->remote), 1);
}

static void forgets_last_what_came_ahead(void **state)
{
	struct grid *grid = *state;
	ahead(grid, DIRECTORY);
	poll_all(grid);
	for (size_t i = 0; i < MANY; i++)
		turn_to(grid, MANY_1 + i);
	turn_to(grid, DIRECTORY);
	assert_int_equal(grid->object[DIRECTORY].lists, 1);
	for (size_t i = 0; i < MANY; i++)
		turn_to(grid, MANY_1 + i);
	turn_to(grid, DIRECTORY); /* it has been used */
	assert_int_equal(grid->object[DIRECTORY].lists, 2);
}

/* However much was used, and however large it was. */
static void asks_ahead_while_32_mib_are_kept(void **state)
{
	struct grid *grid = *state;
	char *names;
	struct fake_child *child = long_names(&names);
	fill(grid, WIDE, child, LONG_NAMES);
	fill(grid, WIDER, child, LONG_NAMES);
	turn_to(grid, WIDE);
	turn_to(grid, WIDER);
	ahead(grid, DIRECTORY);
	poll_all(grid);
	assert_int_equal(grid->object[DIRECTORY].lists, 1);
	free(names);
	free(child);
}

static void keeps_what_came_ahead_until_it_is_used(void **state)
{
	struct grid *grid = *state;
	char *names;
	struct fake_child *child = long_names(&names);
	for (size_t i = 0; i < 4; i++)
		fill(grid, (enum object)(MANY_1 + i), child, LONG_NAMES);
	for (size_t i = 0; i < 3; i++) {
		ahead(grid, MANY_1 + i);
		poll_all(grid);
	}
	ahead(grid, MANY_1 + 3); /* there is enough */
	poll_all(grid);
	assert_int_equal(grid->object[MANY_1 + 3].lists, 0);
	turn_to(grid, DIRECTORY);
	for (size_t i = 0; i < 4; i++) {
		turn_to(grid, MANY_1 + i);
		assert_int_equal(grid->object[MANY_1 + i].lists, 1);
	}
	free(names);
	free(child);
}

static void keeps_the_directory_in_use_while_others_come(void **state)
{
	struct grid *grid = *state;
	fill(grid, DIRECTORY, one_file, 1);
	turn_to(grid, DIRECTORY);
	const struct remote_child *child = find(grid, "file");
	for (size_t i = 0; i < MANY; i++) {
		ahead(grid, MANY_1 + i);
		poll_all(grid);
	}
	assert_ptr_equal(find(grid, "file"), child);
}

static void gives_up_what_is_on_its_way_when_it_is_freed(void **state)
{
	struct grid *grid = *state;
	grid->object[DIRECTORY].lie = FAKE_HANG;
	ahead(grid, DIRECTORY);
	ahead(grid, MANY_1);
	const struct ask ask = { .wait = { .store = grid->store } };
	remote_free(grid->remote);
	grid->remote = remote_new(&ask, REMOTE_SOURCE);
	assert_non_null(grid->remote);
	poll_all(grid);
	assert_int_equal(grid->object[MANY_1].lists, 0);
}

static void lists_a_target_each_time_it_is_turned_to(void **state)
{
	struct grid *grid = *state;
	const struct ask ask = { .wait = { .store = grid->store } };
	remote_free(grid->remote);
	grid->remote = remote_new(&ask, REMOTE_TARGET);
	assert_non_null(grid->remote);
	ahead(grid, DIRECTORY);
	turn_to(grid, DIRECTORY);
	assert_int_equal(grid->object[DIRECTORY].lists, 1);
	turn_to(grid, MANY_1);
	turn_to(grid, DIRECTORY);
	assert_int_equal(grid->object[DIRECTORY].lists, 2);
}

/* ---- names ---- */

static void holds_hostile_names_as_they_are(void **state)
{
	struct grid *grid = *state;
	static const struct fake_child child[] = {
		{ .name = "z", .object = FILE_1 },
		{ .name = "a\0b", .name_size = 3, .object = FILE_1 },
		{ .name = "a\0c", .name_size = 3, .object = CHANGING },
		{ .name = "", .anonymous = true, .object = FILE_1 },
		{ .name = "../up", .object = FILE_1 },
	};
	fill(grid, DIRECTORY, child, ARRAY_COUNT(child));
	turn_to(grid, DIRECTORY);
	assert_int_equal(remote_count(grid->remote), 5);
	for (size_t i = 0; i < ARRAY_COUNT(child); i++) {
		size_t size = child[i].name_size ? child[i].name_size : strlen(child[i].name);
		const struct remote_child *found = remote_find(grid->remote, child[i].name, size);
		assert_non_null(found);
		assert_int_equal(found->name_size, size);
		assert_memory_equal(remote_name(grid->remote, found), child[i].name, size);
		assert_false(found->cut);
	}
	assert_int_equal(remote_find(grid->remote, "a\0c", 3)->cap_kind, CAP_SSK_RO);
	assert_null(remote_find(grid->remote, "a", 1));
	assert_null(remote_find(grid->remote, "a\0d", 3));
}

static void cuts_names_that_no_plan_holds(void **state)
{
	struct grid *grid = *state;
	static char fits[4096 + 1], first[4097 + 1], second[70000 + 1];
	memset(fits, 'n', sizeof fits - 1);
	memset(first, 'n', sizeof first - 1);
	memset(second, 'n', sizeof second - 1);
	const struct fake_child child[] = {
		{ .name = fits, .object = FILE_1 },
		{ .name = first, .object = FILE_1 },
		{ .name = second, .object = CHANGING },
	};
	fill(grid, DIRECTORY, child, ARRAY_COUNT(child));
	turn_to(grid, DIRECTORY);
	assert_false(find(grid, fits)->cut);
	size_t cut = 0;
	for (size_t i = 0; i < 3; i++) {
		const struct remote_child *found = remote_child(grid->remote, i);
		assert_int_equal(found->name_size, 4096);
		cut += found->cut;
		/* Each is still found, so the three are three. */
		const char *name = remote_name(grid->remote, found);
		assert_ptr_equal(remote_find(grid->remote, name, 4096), found);
	}
	assert_int_equal(cut, 2);
}

/* ---- what children are ---- */

static void tells_kinds_caps_sizes_and_metadata(void **state)
{
	struct grid *grid = *state;
	static const struct fake_child child[] = {
		{ .name = "file", .object = FILE_1, .mode = 0100640, .mtime_ns = 5 },
		{ .name = "changing", .object = CHANGING, .size = 77 },
		{ .name = "unsized", .object = CHANGING },
		{ .name = "directory", .object = WIDE },
	};
	struct cap cap;
	fill(grid, DIRECTORY, child, ARRAY_COUNT(child));
	turn_to(grid, DIRECTORY);
	const struct remote_child *file = find(grid, "file");
	assert_int_equal(file->kind, STORE_FILE);
	assert_int_equal(file->bytes, 1000);
	assert_true(cap_unpack(file->cap, file->cap_size, file->cap_kind, &cap));
	assert_true(cap_equal(&cap, &grid->object[FILE_1].cap));
	assert_int_equal(file->meta.flags, META_GRID | META_HAS_MTIME | META_HAS_MODE);
	assert_int_equal(file->meta.mode, 0100640);
	assert_int_equal(file->meta.mtime_ns, 5);
	assert_int_equal(find(grid, "changing")->bytes, 77);
	assert_int_equal(find(grid, "changing")->meta.flags, META_GRID);
	assert_int_equal(find(grid, "unsized")->bytes, 0);
	assert_int_equal(find(grid, "directory")->kind, STORE_DIRECTORY);
	assert_int_equal(find(grid, "directory")->bytes, 0);
}

static void believes_the_cap_about_its_size(void **state)
{
	struct grid *grid = *state;
	static const struct fake_child child[] = {
		{ .name = "more", .object = FILE_1, .size = 5000 },
		{ .name = "less", .object = FILE_1, .size = 5 },
		{ .name = "literal", .object = LITERAL, .size = 5000 },
	};
	fill(grid, DIRECTORY, child, ARRAY_COUNT(child));
	turn_to(grid, DIRECTORY);
	assert_int_equal(find(grid, "more")->bytes, 1000);
	assert_int_equal(find(grid, "less")->bytes, 1000);
	assert_int_equal(find(grid, "literal")->bytes, 55);
}

static void has_no_cap_for_what_it_cannot_keep(void **state)
{
	struct grid *grid = *state;
	static const struct fake_child child[] = {
		{ .name = "future", .object = FUTURE, .unknown = true },
		{ .name = "unknown", .object = FILE_1, .unknown = true },
		{ .name = "a file says the gateway", .object = FUTURE },
		{ .name = "too long", .object = LONG_LITERAL },
		{ .name = "verifier", .object = VERIFIER },
	};
	fill(grid, DIRECTORY, child, ARRAY_COUNT(child));
	turn_to(grid, DIRECTORY);
	assert_int_equal(remote_count(grid->remote), ARRAY_COUNT(child));
	for (size_t i = 0; i < ARRAY_COUNT(child); i++)
		assert_int_equal(remote_child(grid->remote, i)->cap_kind, CAP_NONE);
	const struct store_node wrong = { .kind = STORE_DIRECTORY, .ro = grid->object[FILE_1].cap };
	struct remote_child described = { 0 };
	remote_describe(&wrong, &described);
	assert_int_equal(described.cap_kind, CAP_NONE);
}

/* ---- failures ---- */

static void forgets_what_a_failed_try_told(void **state)
{
	struct grid *grid = *state;
	static const struct fake_child child[] = {
		{ .name = "a", .object = FILE_1 },
		{ .name = "b", .object = FILE_1 },
	};
	fill(grid, DIRECTORY, child, 2);
	grid->object[DIRECTORY].lie = FAKE_RETRY_ONCE;
	turn_to(grid, DIRECTORY);
	assert_int_equal(grid->object[DIRECTORY].lists, 2);
	assert_int_equal(remote_count(grid->remote), 2);
}

static void keeps_nothing_of_a_directory_it_could_not_list(void **state)
{
	struct grid *grid = *state;
	const struct cap *cap = &grid->object[DIRECTORY].cap;
	fill(grid, DIRECTORY, one_file, 1);
	grid->object[DIRECTORY].lie = FAKE_LOST;
	assert_int_equal(remote_open(grid->remote, cap, &grid->err), FAULT_NOT_FOUND);
	assert_int_equal(remote_count(grid->remote), 0);
	assert_null(remote_find(grid->remote, "file", 4));
	atomic_store(&grid->fake.away, true);
	assert_int_equal(remote_open(grid->remote, cap, &grid->err), FAULT_UNAVAILABLE);
	atomic_store(&grid->fake.away, false);
	grid->object[DIRECTORY].lie = FAKE_TRUTH;
	turn_to(grid, DIRECTORY);
	assert_int_equal(remote_count(grid->remote), 1);
}

static bool stop_at_once(void *context)
{
	(void)context;
	return true;
}

static void ends_when_it_is_asked_to_stop(void **state)
{
	struct grid *grid = *state;
	const struct ask ask = { .wait = { .store = grid->store, .stop = stop_at_once } };
	remote_free(grid->remote);
	grid->remote = remote_new(&ask, REMOTE_SOURCE);
	assert_non_null(grid->remote);
	grid->object[DIRECTORY].lie = FAKE_HANG;
	assert_int_equal(remote_open(grid->remote, &grid->object[DIRECTORY].cap, &grid->err),
			 FAULT_CANCELLED);
	assert_int_equal(remote_count(grid->remote), 0);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		FACT(lists_a_directory_once),
		FACT(knows_a_directory_by_either_of_its_caps),
		FACT(lists_a_literal_directory_once),
		FACT(forgets_what_was_used_longest_ago),
		FACT(keeps_no_more_than_32_mib_beside_the_one_in_use),
		FACT(has_what_was_asked_for_ahead),
		FACT(sorts_what_came_ahead),
		FACT(waits_for_one_while_others_come),
		FACT(asks_for_four_ahead_and_no_more),
		FACT(asks_again_when_what_was_ahead_failed),
		FACT(forgets_last_what_came_ahead),
		FACT(asks_ahead_while_32_mib_are_kept),
		FACT(keeps_what_came_ahead_until_it_is_used),
		FACT(keeps_the_directory_in_use_while_others_come),
		FACT(gives_up_what_is_on_its_way_when_it_is_freed),
		FACT(lists_a_target_each_time_it_is_turned_to),
		FACT(holds_hostile_names_as_they_are),
		FACT(cuts_names_that_no_plan_holds),
		FACT(tells_kinds_caps_sizes_and_metadata),
		FACT(believes_the_cap_about_its_size),
		FACT(has_no_cap_for_what_it_cannot_keep),
		FACT(forgets_what_a_failed_try_told),
		FACT(keeps_nothing_of_a_directory_it_could_not_list),
		FACT(ends_when_it_is_asked_to_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
