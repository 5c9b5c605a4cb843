#include "queue/ledger.h"

#include "tests/unit/facts.h"

enum { DIRECTORIES = 5000 };

static void a_directory_is_ready_when_listed_and_its_children_are_settled(void **state)
{
	(void)state;
	struct ledger ledger = { 0 };
	struct ledger_directory ready[2];
	unsigned flags;
	assert_true(ledger_add(&ledger, 0, 0));
	assert_true(ledger_listing(&ledger, 0, 100, &flags));
	assert_int_equal(flags, 0);
	ledger_child(&ledger, 0);
	ledger_child(&ledger, 0);
	assert_false(ledger_child_settled(&ledger, 0));
	assert_false(ledger_listed(&ledger, 0));
	assert_int_equal(ledger_take(&ledger, ready, 2), 0);
	assert_true(ledger_child_settled(&ledger, 0));
	assert_int_equal(ledger.ready, 1);
	assert_int_equal(ledger_take(&ledger, ready, 2), 1);
	assert_int_equal(ready[0].id, 0);
	assert_int_equal(ready[0].listing, 100);
	assert_int_equal(ledger.open, 1);
	assert_int_equal(ledger.unlisted, 0);
	ledger_settle(&ledger, 0);
	ledger_settle(&ledger, 0);
	assert_int_equal(ledger.open, 0);
	ledger_fini(&ledger);
}

static void settled_and_handed_directories_are_never_ready(void **state)
{
	(void)state;
	static const unsigned how[] = { LEDGER_DONE, LEDGER_FAILED, LEDGER_HANDED };
	for (size_t i = 0; i < ARRAY_COUNT(how); i++) {
		struct ledger ledger = { 0 };
		unsigned flags;
		assert_true(ledger_add(&ledger, 7, how[i]));
		assert_true(ledger_listing(&ledger, 7, 1, &flags));
		assert_int_equal(flags, how[i]);
		ledger_child(&ledger, 7);
		assert_false(ledger_listed(&ledger, 7));
		assert_false(ledger_child_settled(&ledger, 7));
		ledger_settle(&ledger, 7);
		assert_int_equal(ledger.ready, 0);
		assert_int_equal(ledger.open, 0);
		assert_int_equal(ledger.unlisted, 0);
		ledger_fini(&ledger);
	}
}

static void a_listing_needs_an_entry_and_comes_once(void **state)
{
	(void)state;
	struct ledger ledger = { 0 };
	unsigned flags;
	assert_true(ledger_add(&ledger, 3, 0));
	assert_false(ledger_listing(&ledger, 2, 50, &flags));
	assert_false(ledger_listing(&ledger, 4, 50, &flags));
	assert_true(ledger_listing(&ledger, 3, 50, &flags));
	assert_false(ledger_listing(&ledger, 3, 60, &flags));
	assert_int_equal(ledger.unlisted, 1);
	ledger_settle(&ledger, 99);
	ledger_fini(&ledger);
}

/* Against a model that is nothing but arrays: children settle in random order. */
static void many_directories_become_ready_once_each(void **state)
{
	(void)state;
	static unsigned pending[DIRECTORIES];
	static bool taken[DIRECTORIES];
	struct ledger ledger = { 0 };
	struct ledger_directory ready[64];
	uint64_t random = 11;
	size_t left = 0;
	unsigned flags;
	for (size_t i = 0; i < DIRECTORIES; i++) {
		assert_true(ledger_add(&ledger, i * 3, 0));
		assert_true(ledger_listing(&ledger, i * 3, 1000 + i, &flags));
		random = random * 6364136223846793005u + 1442695040888963407u;
		pending[i] = (unsigned)(random >> 60);
		for (unsigned child = 0; child < pending[i]; child++, left++)
			ledger_child(&ledger, i * 3);
		ledger_listed(&ledger, i * 3);
	}
	for (size_t found = 0; found < DIRECTORIES;) {
		size_t count = ledger_take(&ledger, ready, ARRAY_COUNT(ready));
		for (size_t i = 0; i < count; i++, found++) {
			size_t at = (size_t)ready[i].id / 3;
			assert_true(pending[at] == 0 && !taken[at]);
			assert_int_equal(ready[i].listing, 1000 + at);
			taken[at] = true;
		}
		for (int i = 0; i < 200 && left > 0; i++) {
			random = random * 6364136223846793005u + 1442695040888963407u;
			size_t at = (random >> 33) % DIRECTORIES;
			while (pending[at] == 0)
				at = (at + 1) % DIRECTORIES;
			pending[at]--;
			left--;
			assert_int_equal(ledger_child_settled(&ledger, at * 3), pending[at] == 0);
		}
	}
	assert_int_equal(ledger.open, DIRECTORIES);
	ledger_fini(&ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_is_ready_when_listed_and_its_children_are_settled),
		cmocka_unit_test(settled_and_handed_directories_are_never_ready),
		cmocka_unit_test(a_listing_needs_an_entry_and_comes_once),
		cmocka_unit_test(many_directories_become_ready_once_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
