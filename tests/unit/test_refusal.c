#include "plan/refusal.h"

#include "tests/unit/facts.h"

#define REF(text)                                                                                  \
	{                                                                                          \
		.name = (text), .size = sizeof(text) - 1                                           \
	}

struct name_ref {
	const char *name;
	size_t size;
};

static bool refused(const char *name, size_t size) { return refusal_local(name, size) != NULL; }

static void refuses_what_no_file_may_be_called(void **state)
{
	(void)state;
	static const struct name_ref bad[] = {
		REF(""),        REF("."),    REF(".."), REF("a/b"),  REF("/"),
		REF("../evil"), REF("a\0b"), REF("\0"), REF("\xff"), REF("\xed\xa0\x80"),
	};
	char large[256];
	memset(large, 'n', sizeof large);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_true(refused(bad[i].name, bad[i].size));
	assert_true(refused(large, 256));
	assert_false(refused(large, 255));
}

static void takes_odd_but_harmless_names(void **state)
{
	(void)state;
	static const struct name_ref good[] = {
		REF("..."), REF("a b"),      REF("new\nline"), REF(" "),   REF("-rf"),
		REF("~"),   REF("\xc3\xa4"), REF("a\xcc\x88"), REF("..x"),
	};
	for (size_t i = 0; i < ARRAY_COUNT(good); i++)
		assert_false(refused(good[i].name, good[i].size));
}

static void a_plan_for_a_grid_holds_more(void **state)
{
	(void)state;
	static char large[4097];
	memset(large, 'n', sizeof large);
	assert_null(refusal_grid("..", 2));
	assert_null(refusal_grid(large, 4096));
	assert_non_null(refusal_grid(large, 4097));
	assert_non_null(refusal_grid("", 0));
	assert_non_null(refusal_grid("a/b", 3));
	assert_non_null(refusal_grid("a\0b", 3));
	assert_non_null(refusal_grid("\xff", 1));
}

int main(void)
{
	const struct CMUnitTest fact[] = {
		cmocka_unit_test(refuses_what_no_file_may_be_called),
		cmocka_unit_test(takes_odd_but_harmless_names),
		cmocka_unit_test(a_plan_for_a_grid_holds_more),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
