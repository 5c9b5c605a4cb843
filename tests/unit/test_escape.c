#include "base/escape.h"

#include "tests/unit/facts.h"

struct pair {
	const char *plain, *shown;
};

static void check(enum fault (*escape)(struct bytes *, const void *, size_t),
		  const struct pair *pair)
{
	struct bytes out;
	bytes_init(&out, 1000);
	assert_int_equal(escape(&out, pair->plain, strlen(pair->plain)), FAULT_NONE);
	assert_string_equal(bytes_text(&out), pair->shown);
	bytes_fini(&out);
}

static void shows_names_on_one_line(void **state)
{
	(void)state;
	static const struct pair pairs[] = {
		{ "", "" },
		{ "plain name.txt", "plain name.txt" },
		{ "don't", "don't" },
		{ "a\nb\rc\td", "a\\nb\\rc\\td" },
		{ "\"q\" \\", "\\\"q\\\" \\\\" },
		{ "\x1b[31m\x07\x7f", "\\x1b[31m\\x07\\x7f" },
		{ "\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80",
		  "\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80" },
		{ "\xff\xc3(\xe2\x82", "\\xff\\xc3(\\xe2\\x82" },
		{ "\xc2\x9b"
		  "31m",
		  "\\xc2\\x9b31m" },
		{ "\xe2\x80\xae"
		  "gpj",
		  "\\xe2\\x80\\xaegpj" },
		{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(pairs); i++)
		check(escape_name, &pairs[i]);
}

static void tames_sentences(void **state)
{
	(void)state;
	static const char text[] = "a \"b\" \\x41\nc\x1b\xc2\x85\xe2\x80\x8d\xc3\xa9\xff";
	for (int keep = 0; keep < 2; keep++) {
		struct bytes out;
		bytes_init(&out, 1000);
		assert_int_equal(escape_hidden(&out, text, sizeof text - 1, keep), FAULT_NONE);
		assert_string_equal(
			bytes_text(&out),
			keep ? "a \"b\" \\x41\nc\\x1b\\xc2\\x85\\xe2\\x80\\x8d\xc3\xa9\\xff"
			     : "a \"b\" \\x41\\x0ac\\x1b\\xc2\\x85\\xe2\\x80\\x8d\xc3\xa9"
			       "\\xff");
		bytes_fini(&out);
	}
}

static void encodes_all_but_the_unreserved(void **state)
{
	(void)state;
	static const struct pair pairs[] = {
		{ "AZaz09-._~", "AZaz09-._~" },
		{ "a/b c%+?#&:", "a%2Fb%20c%25%2B%3F%23%26%3A" },
		{ "\xc3\xa9\x01\xff", "%C3%A9%01%FF" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
		check(escape_percent, &pairs[i]);
		check(escape_percent_decode, &(struct pair){ pairs[i].shown, pairs[i].plain });
	}
	check(escape_percent_decode, &(struct pair){ "%2f+", "/+" });
}

static void refuses_a_bad_percent(void **state)
{
	(void)state;
	static const char *const bad[] = { "%", "%4", "a%4g", "%%41" };
	struct bytes out;
	bytes_init(&out, 100);
	assert_int_equal(bytes_append_text(&out, "kept"), FAULT_NONE);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(escape_percent_decode(&out, bad[i], strlen(bad[i])), FAULT_USAGE);
		assert_int_equal(out.size, 4);
	}
	bytes_fini(&out);
}

static void fails_as_a_whole_when_full(void **state)
{
	(void)state;
	struct bytes out;
	bytes_init(&out, 8);
	assert_int_equal(escape_name(&out, "\1\1\1", 3), FAULT_TOO_LARGE);
	assert_int_equal(escape_percent(&out, "///", 3), FAULT_TOO_LARGE);
	assert_int_equal(out.size, 0);
	bytes_fini(&out);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(shows_names_on_one_line),
		cmocka_unit_test(tames_sentences),
		cmocka_unit_test(encodes_all_but_the_unreserved),
		cmocka_unit_test(refuses_a_bad_percent),
		cmocka_unit_test(fails_as_a_whole_when_full),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
