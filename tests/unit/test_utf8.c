#include "base/utf8.h"

#include "tests/unit/facts.h"

static bool is_utf8(const char *text) { return name_is_utf8(text, strlen(text)); }

static bool is_nfc(const char *text) { return name_is_nfc(text, strlen(text)); }

static void knows_well_formed_utf8(void **state)
{
	(void)state;
	static const char *const good[] = { "",
					    "a",
					    "\xc2\x80",
					    "\xe0\xa0\x80",
					    "\xed\x9f\xbf",
					    "\xee\x80\x80",
					    "\xf0\x90\x80\x80",
					    "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x80",
					   "\xc0\x80",
					   "\xc1\xbf",
					   "\xe0\x9f\xbf",
					   "\xed\xa0\x80",
					   "\xf0\x8f\xbf\xbf",
					   "\xf4\x90\x80\x80",
					   "\xf5\x80\x80\x80",
					   "a\xe2\x82",
					   "\xc3(",
					   "\xff" };
	for (size_t i = 0; i < ARRAY_COUNT(good); i++)
		assert_true(is_utf8(good[i]));
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_false(is_utf8(bad[i]));
	assert_true(name_is_utf8("a\0b", 3));
}

static void knows_nfc(void **state)
{
	(void)state;
	assert_true(is_nfc(""));
	assert_true(is_nfc("plain"));
	assert_true(is_nfc("\xc3\xa9"));
	assert_true(is_nfc("\xe6\x97\xa5"));
	assert_false(is_nfc("e\xcc\x81"));
	assert_false(is_nfc("\xe2\x84\xab")); /* ANGSTROM SIGN */
	assert_false(is_nfc("\xe1\x84\x80\xe1\x85\xa1"));
	assert_false(is_nfc("\xff"));
}

static void normalizes_names_of_any_length(void **state)
{
	(void)state;
	struct bytes name, out;
	bytes_init(&name, 100000);
	bytes_init(&out, 100000);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(bytes_append_text(&name, "e\xcc\x81"), FAULT_NONE);
	assert_int_equal(name_to_nfc(&out, name.data, name.size), FAULT_NONE);
	assert_int_equal(out.size, 10000);
	assert_memory_equal(out.data, "\xc3\xa9\xc3\xa9", 4);
	assert_false(name_is_nfc(name.data, name.size));
	assert_true(name_is_nfc(out.data, out.size));
	assert_int_equal(name_to_nfc(&out, "\xff", 1), FAULT_USAGE);
	assert_int_equal(out.size, 10000);
	bytes_fini(&name);
	bytes_fini(&out);
}

/* Each range by its ends and its neighbours. */
static void knows_what_is_not_seen(void **state)
{
	(void)state;
	static const struct {
		uint32_t first, last;
	} hidden[] = {
		{ 0, 0x1F },        { 0x7F, 0x9F },     { 0xAD, 0xAD },     { 0x34F, 0x34F },
		{ 0x61C, 0x61C },   { 0x180B, 0x180F }, { 0x200B, 0x200F }, { 0x2028, 0x202E },
		{ 0x2060, 0x206F }, { 0x3164, 0x3164 }, { 0xD800, 0xDFFF }, { 0xFE00, 0xFE0F },
		{ 0xFEFF, 0xFEFF }, { 0xFFA0, 0xFFA0 }, { 0xFFF0, 0xFFFB }, { 0xE0000, 0xE0FFF },
	};
	for (size_t i = 0; i < ARRAY_COUNT(hidden); i++) {
		for (uint32_t code = hidden[i].first; code <= hidden[i].last; code++)
			assert_true(code_is_hidden(code));
		assert_true(hidden[i].first == 0 || !code_is_hidden(hidden[i].first - 1));
		assert_false(code_is_hidden(hidden[i].last + 1));
	}
	static const uint32_t seen[] = { ' ', '~', 0xA0, 0xE9, 0x301, 0x65E5, 0x3000, 0x1F600 };
	for (size_t i = 0; i < ARRAY_COUNT(seen); i++)
		assert_false(code_is_hidden(seen[i]));
}

static void assert_spelling(const char *name, enum name_spelling spelling, const char *expected)
{
	char other[256];
	bool made = name_respell(name, spelling, other, sizeof other);
	assert_int_equal(made, expected != NULL);
	if (expected)
		assert_string_equal(other, expected);
}

static void spells_a_name_in_another_way(void **state)
{
	(void)state;
	assert_spelling("ReadMe-1", SPELLING_CASE, "rEADmE-1");
	assert_spelling("Z\u00c9", SPELLING_CASE, "z\u00e9");
	assert_spelling("a\xff", SPELLING_CASE, "A\xff");
	assert_spelling("123", SPELLING_CASE, NULL);
	assert_spelling("\u00e9", SPELLING_FORM, "e\u0301");
	assert_spelling("e\u0301", SPELLING_FORM, "\u00e9");
	assert_spelling("plain", SPELLING_FORM, NULL);
	assert_spelling("a\xff", SPELLING_FORM, NULL);
	assert_spelling("a. .", SPELLING_TRIMMED, "a");
	assert_spelling("a", SPELLING_TRIMMED, NULL);
	assert_spelling("..", SPELLING_TRIMMED, NULL);
	char small[2];
	assert_false(name_respell("abc", SPELLING_CASE, small, sizeof small));
	assert_false(name_respell("abc.", SPELLING_TRIMMED, small, sizeof small));
}

static bool are_alike(const char *a, const char *b)
{
	return name_likeness(a, strlen(a)) == name_likeness(b, strlen(b));
}

static void knows_names_that_are_alike(void **state)
{
	(void)state;
	assert_true(are_alike("README", "readme"));
	assert_true(are_alike("Z\u00c9", "ze\u0301"));
	assert_true(are_alike("a", "A. "));
	assert_true(are_alike("a\xff", "a\xff"));
	assert_false(are_alike("a", "b"));
	assert_false(are_alike("a.b", "ab"));
	assert_false(are_alike("a\xff", "a\xfe"));
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(knows_what_is_not_seen),
		cmocka_unit_test(knows_well_formed_utf8),
		cmocka_unit_test(knows_nfc),
		cmocka_unit_test(normalizes_names_of_any_length),
		cmocka_unit_test(spells_a_name_in_another_way),
		cmocka_unit_test(knows_names_that_are_alike),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
