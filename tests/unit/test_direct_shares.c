/* Which shares of which files are remembered. */
#include "direct/direct_call.h"

#include "tests/unit/direct_case.h"

enum { LARGE = (5 << 20) + 1234 /* bytes: more than one segment */ };

/* Reads a byte of shares that are looked for anew. */
static void search(struct direct_case *file)
{
	const struct store_damage none = { 0 };
	const struct store_get get = {
		.cap = &file->shares->cap,
		.length = 1,
		.sink = fake_servers_sink,
		.context = &file->fake,
		.damage = &none,
	};
	struct err err;
	assert_non_null(store_get(file->fake.store, &get, fake_servers_then(&file->fake), &err));
	fake_servers_run(&file->fake);
	assert_came(file, 0, 1, true);
}

static void the_oldest_give_way(void **state)
{
	struct direct_case file;
	(void)state;
	open_spread(&file, 2, 2, LARGE);
	const struct direct *direct = (struct direct *)file.fake.store;
	search(&file);
	struct direct_shares *first = direct->recent[0];
	assert_int_equal(first->refs, 1);
	first->refs++;
	for (unsigned i = 1; i < DIRECT_RECENT; i++) {
		search(&file);
		assert_non_null(direct->recent[i]);
	}
	assert_int_equal(first->refs, 2);
	search(&file);
	assert_ptr_not_equal(direct->recent[0], first);
	assert_int_equal(first->refs, 1);
	direct_shares_unref(first);
	close_case(&file);
}

/* The servers that they lie on have to answer, and no others. */
static void other_servers_do_not_matter(void **state)
{
	enum { FIRST = 2 }; /* so that the first server of the list is among the others */
	struct direct_case file;
	(void)state;
	open_case(&file, (struct file_shape){ 2, 2, LARGE, 0, 0 });
	struct direct *direct = (struct direct *)file.fake.store;
	for (unsigned i = 0; i < 2; i++)
		give(&file, FIRST + i, i);
	search(&file);
	for (unsigned rank = 0; rank < FAKE_SERVERS; rank++)
		if (rank != FIRST && rank != FIRST + 1)
			direct->server[file.fake.order[rank]].away_until_ms = UINT64_MAX;
	struct direct_shares *shares = direct_shares_recall(direct, &file.shares->cap);
	assert_non_null(shares);
	assert_int_equal(shares->refs, 2);
	direct_shares_unref(shares);
	close_case(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_give_way),
		cmocka_unit_test(other_servers_do_not_matter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
