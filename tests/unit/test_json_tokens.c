#include "store/json_tokens.h"

#include "tests/unit/facts.h"

/* What was fed, and whether each feed ended between two tokens. */
struct fed {
	struct bytes text;
	size_t refuse_at; /* bytes; 0: never */
	bool inside, escaped, torn;
};

static bool take(void *context, const void *data, size_t size)
{
	struct fed *fed = context;
	const char *at = data;
	for (size_t i = 0; i < size; i++) {
		if (!fed->escaped && at[i] == '"')
			fed->inside = !fed->inside;
		fed->escaped = fed->inside && !fed->escaped && at[i] == '\\';
	}
	fed->torn |= fed->inside;
	assert_int_equal(bytes_append(&fed->text, data, size), FAULT_NONE);
	return !fed->refuse_at || fed->text.size < fed->refuse_at;
}

static void begin(struct json_tokens *tokens, struct fed *fed)
{
	*fed = (struct fed){ .refuse_at = 0 };
	bytes_init(&fed->text, 64 << 20);
	json_tokens_init(tokens, take, fed);
}

static void end(struct json_tokens *tokens, struct fed *fed)
{
	json_tokens_fini(tokens);
	bytes_fini(&fed->text);
}

/* Runs `text` through in pieces of `piece` bytes.  Returns the bytes worked on. */
static uint64_t run(const void *text, size_t size, size_t piece, struct fed *fed)
{
	struct json_tokens tokens;
	const char *at = text;
	*fed = (struct fed){ .refuse_at = 0 };
	bytes_init(&fed->text, 64 << 20);
	json_tokens_init(&tokens, take, fed);
	for (size_t done = 0; done < size; done += piece)
		assert_int_equal(json_tokens_take(&tokens, at + done, min_u64(piece, size - done)),
				 FAULT_NONE);
	assert_int_equal(json_tokens_end(&tokens), FAULT_NONE);
	uint64_t work = tokens.work;
	json_tokens_fini(&tokens);
	return work;
}

static void assert_run(const char *text, const char *wanted)
{
	static const size_t piece[] = { 1, 2, 3, 5, 7, 1000 };
	for (size_t i = 0; i < ARRAY_COUNT(piece); i++) {
		struct fed fed;
		run(text, strlen(text), piece[i], &fed);
		assert_string_equal(bytes_text(&fed.text), wanted);
		bytes_fini(&fed.text);
	}
}

static void passes_what_is_short_as_it_is(void **state)
{
	(void)state;
	static const char *const text[] = {
		"",
		" \n",
		"[1, 2.5e-3, true, null, -0]",
		"{\"a\": \"b\\\"c\\\\\", \"\\u0041\\n\": [\"\", 17]}",
		"\"\\ud83d\\ude00 \\uD83D\\uDE00 \\ud7ff \\ue000 \\udg00 \\u00\"",
		"\"caf\xc3\xa9 \xf0\x9f\x98\x80\"",
		"\"never ended \\",
		"not JSON at all }}]][ \"",
		"123",
		"\"\\",
		"\"\\u",
		"\"\\ud8",
	};
	for (size_t i = 0; i < ARRAY_COUNT(text); i++)
		assert_run(text[i], text[i]);
}

static void writes_half_of_a_pair_as_bytes_that_no_text_has(void **state)
{
	(void)state;
	assert_run("[\"\\ud800\", \"\\udbff!\", \"\\uDC00\", \"\\udfff\\\\\"]",
		   "[\"\xed\xa0\x80\", \"\xed\xaf\xbf!\", \"\xed\xb0\x80\", \"\xed\xbf\xbf\\\\\"]");
	assert_run("\"\\ud800\\ud83d\\ude00\\udc00\"",
		   "\"\xed\xa0\x80\\ud83d\\ude00\xed\xb0\x80\"");
	assert_run("\"\\ud800\\u0041\\ud800\\\\udc00\"",
		   "\"\xed\xa0\x80\\u0041\xed\xa0\x80\\\\udc00\"");
}

/* Appends a string of `size` times `unit`, and `last`. */
static void put_string(struct bytes *text, const char *unit, size_t size, const char *last)
{
	assert_int_equal(bytes_append_text(text, "\""), FAULT_NONE);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(bytes_append_text(text, unit), FAULT_NONE);
	assert_int_equal(bytes_append_text(text, last), FAULT_NONE);
	assert_int_equal(bytes_append_text(text, "\""), FAULT_NONE);
}

static void cuts_long_strings_between_characters_and_keeps_them_apart(void **state)
{
	(void)state;
	static const char *const unit[] = { "a",
					    "\\n",
					    "\\u00e9",
					    "\xc3\xa9",
					    "\xe6\x97\xa5",
					    "\\ud83d\\ude00",
					    "\xf0\x9f\x98\x80",
					    "\\ud800" };
	static const size_t piece[] = { 1, 16, 4000, 1 << 20 };
	for (size_t i = 0; i < ARRAY_COUNT(unit) * ARRAY_COUNT(piece); i++) {
		const char *of = unit[i / ARRAY_COUNT(piece)];
		struct bytes text;
		struct fed fed;
		bytes_init(&text, 2 << 20);
		assert_int_equal(bytes_append_text(&text, "["), FAULT_NONE);
		put_string(&text, of, JSON_TOKEN_MAX, "1");
		put_string(&text, of, JSON_TOKEN_MAX, "2");
		assert_int_equal(bytes_append_text(&text, "]"), FAULT_NONE);
		run(text.data, text.size, piece[i % ARRAY_COUNT(piece)], &fed);
		assert_false(fed.torn);
		const char *first = bytes_text(&fed.text) + 1;
		const char *second = strstr(first, "\"\"") + 1;
		const char *behind = strstr(second, "\"]");
		size_t size = (size_t)(second - first);
		assert_int_equal(behind + 1 - second, size);
		assert_in_range(size, JSON_TOKEN_MAX / 2, JSON_TOKEN_MAX + 40);
		/* A quote at each end, a "~", 32 digits of a hash. */
		size_t whole = size - 2 - 33;
		const char *shown = strcmp(of, "\\ud800") == 0 ? "\xed\xa0\x80" : of;
		assert_int_equal(whole % strlen(shown), 0);
		assert_memory_equal(first, second, whole + 2);
		assert_memory_not_equal(first, second, size);
		bytes_fini(&fed.text);
		bytes_fini(&text);
	}
}

static void takes_the_longest_string_whole(void **state)
{
	(void)state;
	for (int more = 0; more < 2; more++) {
		struct bytes text;
		struct fed fed;
		bytes_init(&text, 2 << 20);
		put_string(&text, "a", JSON_TOKEN_MAX - 2 + (size_t)more, "");
		for (size_t piece = 999; piece < 1 << 20; piece += 1 << 19) {
			run(text.data, text.size, piece, &fed);
			assert_int_equal(fed.text.size == text.size &&
						 memcmp(fed.text.data, text.data, text.size) == 0,
					 !more);
			bytes_fini(&fed.text);
		}
		bytes_fini(&text);
	}
}

static void makes_long_numbers_ones_that_nothing_takes(void **state)
{
	(void)state;
	struct bytes text;
	struct fed fed;
	bytes_init(&text, 2 << 20);
	assert_int_equal(bytes_append_text(&text, "[ -"), FAULT_NONE);
	for (size_t i = 0; i < JSON_TOKEN_MAX; i++)
		assert_int_equal(bytes_append_text(&text, "0"), FAULT_NONE);
	assert_int_equal(bytes_append_text(&text, ",5]"), FAULT_NONE);
	for (size_t piece = 1; piece < 1 << 20; piece *= 10) {
		run(text.data, text.size, piece, &fed);
		assert_string_equal(bytes_text(&fed.text), "[ 1e999999,5]");
		bytes_fini(&fed.text);
	}
	bytes_fini(&text);
}

/* Each byte is held or hashed once, written anew once and fed once, however the text is cut; and no
 * feed ends inside a string, which the parser would read from its beginning again. */
static void works_as_much_as_there_is_text(void **state)
{
	(void)state;
	static const size_t piece[] = { 1, 16, 1000, 16384, 16 << 20 };
	static const char *const unit[] = { "a", "\\ud800", "\\\"", "1,", "\",\"" };
	for (size_t i = 0; i < ARRAY_COUNT(piece) * ARRAY_COUNT(unit); i++) {
		struct bytes text;
		struct fed fed;
		bytes_init(&text, 16 << 20);
		put_string(&text, unit[i % ARRAY_COUNT(unit)], 1 << 20, "");
		uint64_t work = run(text.data, text.size, piece[i / ARRAY_COUNT(unit)], &fed);
		assert_in_range(work, 0, 3 * text.size + 1000);
		assert_false(fed.torn);
		bytes_fini(&fed.text);
		bytes_fini(&text);
	}
}

static void ends_when_what_it_feeds_has_enough(void **state)
{
	(void)state;
	struct json_tokens tokens;
	struct fed fed;
	begin(&tokens, &fed);
	fed.refuse_at = 5;
	assert_int_equal(json_tokens_take(&tokens, "[1,2", 4), FAULT_NONE);
	assert_int_equal(json_tokens_take(&tokens, ",\"a\",3", 6), FAULT_CANCELLED);
	size_t size = fed.text.size;
	assert_int_equal(json_tokens_take(&tokens, "\"b\"", 3), FAULT_CANCELLED);
	assert_int_equal(json_tokens_end(&tokens), FAULT_CANCELLED);
	assert_int_equal(fed.text.size, size);
	end(&tokens, &fed);
	json_tokens_fini(&(struct json_tokens){ .work = 0 });
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(passes_what_is_short_as_it_is),
		cmocka_unit_test(writes_half_of_a_pair_as_bytes_that_no_text_has),
		cmocka_unit_test(cuts_long_strings_between_characters_and_keeps_them_apart),
		cmocka_unit_test(takes_the_longest_string_whole),
		cmocka_unit_test(makes_long_numbers_ones_that_nothing_takes),
		cmocka_unit_test(works_as_much_as_there_is_text),
		cmocka_unit_test(ends_when_what_it_feeds_has_enough),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
