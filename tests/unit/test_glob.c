#include "select/glob.h"

#include "tests/unit/facts.h"

#include <string.h>

struct sample {
	const char *glob, *name;
	bool matches;
};

/* What Python's fnmatch.fnmatchcase says. */
static const struct sample sample[] = {
	{ "", "", true },
	{ "", "a", false },
	{ "*", "", true },
	{ "*", "a/b\nc", true },
	{ "**", "ab", true },
	{ "a", "a", true },
	{ "a", "ab", false },
	{ "a", "ba", false },
	{ "*.o", "x.o", true },
	{ "*.o", ".o", true },
	{ "*.o", "x.oo", false },
	{ "*ab*", "aab", true },
	{ "*a*b", "axxbxb", true },
	{ "*a*b", "axxbx", false },
	{ "a*a", "a", false },
	{ "?", "a", true },
	{ "?", "\xc3\xa9", true },
	{ "?", "\xff", true },
	{ "?", "", false },
	{ "??", "\xc3\xa9", false },
	{ "??", "\xc3(", true },
	{ "[ab]", "b", true },
	{ "[ab]", "c", false },
	{ "[!ab]", "c", true },
	{ "[!ab]", "a", false },
	{ "[!ab]", "", false },
	{ "[^a]", "^", true },
	{ "[^a]", "a", true },
	{ "[^a]", "b", false },
	{ "[a-c]", "b", true },
	{ "[a-c]", "-", false },
	{ "[c-a]", "b", false },
	{ "[c-a]", "c", false },
	{ "[!c-a]", "c", true },
	{ "[-a]", "-", true },
	{ "[a-]", "-", true },
	{ "[a-]", "a", true },
	{ "[a-c-e]", "d", false },
	{ "[a-c-e]", "-", true },
	{ "[a-c-e]", "e", true },
	{ "[--0]", ".", true },
	{ "[]]", "]", true },
	{ "[]-a]", "^", true },
	{ "[!]]", "]", false },
	{ "[!]]", "x", true },
	{ "[]", "[]", true },
	{ "[!]", "[!]", true },
	{ "[", "[", true },
	{ "[a", "[a", true },
	{ "a[", "a[", true },
	{ "[[]", "[", true },
	{ "[[a]", "a", true },
	{ "[[:digit:]]", "5", false },
	{ "[[:digit:]]", "d]", true },
	{ "[a\\]", "\\", true },
	{ "\\*", "\\x", true },
	{ "\\*", "*", false },
	{ "\\a", "a", false },
	{ "{arch}", "{arch}", true },
	{ "=update", "=update", true },
	{ ".", "x", false },
	{ "a.c", "abc", false },
	{ "[\xc3\xa0-\xc3\xbf]", "\xc3\xa9", true },
	{ "[\xc3\xa0-\xc3\xbf]", "z", false },
	{ "\xff*", "\xff\xfe", true },
	{ "*[", "xx[", true },
};

static void says_what_python_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(sample); i++) {
		const struct sample *at = &sample[i];
		if (glob_matches(at->glob, strlen(at->glob), at->name, strlen(at->name)) !=
		    at->matches)
			fail_msg("%s and %s", at->glob, at->name);
	}
}

static void many_stars_take_no_time(void **state)
{
	(void)state;
	char name[4000];
	static const char glob[] = "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b";
	memset(name, 'a', sizeof name);
	assert_false(glob_matches(glob, sizeof glob - 1, name, sizeof name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_python_says),
		cmocka_unit_test(many_stars_take_no_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
