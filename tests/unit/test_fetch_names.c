#include "fetch/names.h"
#include "tests/unit/facts.h"

#define REF(text)                                                                                  \
	{                                                                                          \
		.name = (text), .size = sizeof(text) - 1                                           \
	}

static bool refused(const char *name, size_t size) { return name_refusal(name, size) != NULL; }

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

static void marks_all_names_that_are_one_in_unicode(void **state)
{
	(void)state;
	struct err err;
	struct name_ref name[] = {
		REF("a\xcc\x88"), REF("b"),    REF("\xc3\xa4"), REF("A"),
		REF("a"),         REF("\xff"), REF("\xff"),     REF(""),
	};
	static const bool marked[] = { true, false, true, false, false, true, true, false };
	assert_int_equal(names_mark(name, ARRAY_COUNT(name), &err), FAULT_NONE);
	for (size_t i = 0; i < ARRAY_COUNT(name); i++)
		assert_int_equal(name[i].collides, marked[i]);
	assert_int_equal(names_mark(NULL, 0, &err), FAULT_NONE);
}

int main(void)
{
	const struct CMUnitTest fact[] = {
		cmocka_unit_test(refuses_what_no_file_may_be_called),
		cmocka_unit_test(takes_odd_but_harmless_names),
		cmocka_unit_test(marks_all_names_that_are_one_in_unicode),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
