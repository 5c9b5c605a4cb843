#include "snapshot/tags.h"

#include "tests/unit/facts.h"

#include <stdlib.h>
#include <string.h>

static enum fault join(const char *word, char tags[TAGS_SIZE])
{
	char *given = strdup(word);
	const struct text_list list = { &given, 1 };
	struct err err;
	const enum fault fault = tags_join(&list, tags, &err);
	free(given);
	return fault;
}

static bool match(const char *tags, const char *word)
{
	char *wanted = strdup(word);
	const struct text_list list = { &wanted, 1 };
	const bool matches = tags_match(tags, &list);
	free(wanted);
	return matches;
}

static void tags_are_sorted_and_once(void **state)
{
	(void)state;
	char word[][8] = { "night,a", "b", "a,night", "ab" }, tags[TAGS_SIZE];
	char *given[] = { word[0], word[1], word[2], word[3] };
	const struct text_list list = { given, ARRAY_COUNT(given) }, none = { 0 };
	struct err err;
	assert_int_equal(tags_join(&list, tags, &err), FAULT_NONE);
	assert_string_equal(tags, "a,ab,b,night");
	assert_int_equal(tags_join(&none, tags, &err), FAULT_NONE);
	assert_string_equal(tags, "");
}

static void what_is_no_tag_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "", ",", "a b", "a\"", "\xc3\xa9", "a,b\\", "a\n" };
	char tags[TAGS_SIZE], longest[66] = "";
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(join(bad[i], tags), FAULT_USAGE);
	memset(longest, 'x', 64);
	assert_int_equal(join(longest, tags), FAULT_NONE);
	longest[64] = 'x';
	assert_int_equal(join(longest, tags), FAULT_USAGE);
}

static void there_is_room_for_511_bytes(void **state)
{
	(void)state;
	char given[8 * 64 + 1] = "", tags[TAGS_SIZE];
	for (int i = 0; i < 8; i++)
		snprintf(given + 64 * i, 65, "%063d%s", i, i < 7 ? "," : "");
	assert_int_equal(strlen(given), TAGS_SIZE - 1);
	assert_int_equal(join(given, tags), FAULT_NONE);
	assert_string_equal(tags, given);
	given[TAGS_SIZE - 1] = 'x';
	assert_int_equal(join(given, tags), FAULT_USAGE);
}

static void only_what_is_written_is_read(void **state)
{
	(void)state;
	assert_true(tags_are_valid(""));
	assert_true(tags_are_valid("a"));
	assert_true(tags_are_valid("a,b"));
	assert_false(tags_are_valid("b,a"));
	assert_false(tags_are_valid("a,a"));
	assert_false(tags_are_valid("a,"));
	assert_false(tags_are_valid(",a"));
	assert_false(tags_are_valid("a\033[m"));
}

static void all_of_one_word_or_all_of_another(void **state)
{
	(void)state;
	char word[][4] = { "a,x", "b" }, *wanted[] = { word[0], word[1] };
	const struct text_list list = { wanted, 2 }, none = { 0 };
	assert_true(match("a,b", "a"));
	assert_true(match("a,b", "b,a"));
	assert_false(match("a,b", "a,c"));
	assert_false(match("ab", "a"));
	assert_false(match("", "a"));
	assert_true(tags_match("b", &list));
	assert_true(tags_match("a,x", &list));
	assert_false(tags_match("a", &list));
	assert_false(tags_match("a", &none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_are_sorted_and_once),
		cmocka_unit_test(what_is_no_tag_is_refused),
		cmocka_unit_test(there_is_room_for_511_bytes),
		cmocka_unit_test(only_what_is_written_is_read),
		cmocka_unit_test(all_of_one_word_or_all_of_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
