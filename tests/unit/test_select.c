#include "select/select.h"

#include "tests/unit/facts.h"

#include <stdarg.h>

/* Makes a selection of rules "+PATTERN" and "-PATTERN", NULL at the end. */
static struct select *rules(const char *first, ...)
{
	struct select *select = select_new();
	struct err err;
	va_list args;
	assert_non_null(select);
	va_start(args, first);
	for (const char *rule = first; rule; rule = va_arg(args, const char *))
		assert_int_equal(
			select_add(select, rule[0] == '+', rule + 1, strlen(rule + 1), &err),
			FAULT_NONE);
	va_end(args);
	return select;
}

/* Asks about a file, or about a directory when the path ends in a slash. */
static bool takes(const struct select *select, const char *path)
{
	size_t size = strlen(path);
	bool is_directory = path[size - 1] == '/';
	const struct select_item item = {
		.path = path,
		.size = size - is_directory,
		.kind = is_directory ? MANIFEST_DIRECTORY : MANIFEST_FILE,
		.mtime_ns = INT64_MAX,
	};
	bool taken = select_ask(select, &item) == SELECT_TAKE;
	bool may = select_may_take(select, path, item.size, 0);
	assert_true(may || !taken);
	return taken;
}

/* What one pattern excludes and what it does not, each list with a NULL at its end. */
struct sample {
	const char *pattern;
	const char *hit[8], *miss[8];
};

static void check(const struct sample *sample, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct err err;
		struct select *select = select_new();
		const char *pattern = sample[i].pattern;
		assert_int_equal(select_add(select, false, pattern, strlen(pattern), &err), 0);
		for (const char *const *path = sample[i].hit; *path; path++)
			if (takes(select, *path))
				fail_msg("\"%s\" does not match \"%s\"", pattern, *path);
		for (const char *const *path = sample[i].miss; *path; path++)
			if (!takes(select, *path))
				fail_msg("\"%s\" matches \"%s\"", pattern, *path);
		select_free(select);
	}
}

#define CHECK(...)                                                                                 \
	do {                                                                                       \
		static const struct sample sample[] = { __VA_ARGS__ };                             \
		check(sample, ARRAY_COUNT(sample));                                                \
	} while (0)

static void a_pattern_without_a_slash_is_for_the_last_component(void **state)
{
	(void)state;
	CHECK({ "core",
		{ "s/core", "s/a/core", "s/core/" },
		{ "s/core/x", "s/score", "s/core.c" } },
	      { "*.o", { "s/a.o", "s/b/.o", "s/d.o/" }, { "s/a.o/x", "s/a.oo", "s/ao" } });
}

static void a_slash_in_front_ties_to_the_transfer_root(void **state)
{
	(void)state;
	CHECK({ "/s/a", { "s/a", "s/a/" }, { "s/b/s/a", "s/a/b", "t/s/a" } },
	      { "/a", { "a" }, { "s/a" } }, { "/*/a", { "s/a" }, { "a", "s/b/a" } });
}

static void a_slash_behind_is_for_directories(void **state)
{
	(void)state;
	CHECK({ "raw/", { "s/raw/", "s/a/raw/" }, { "s/raw", "s/raw/x" } },
	      { "/s/raw/", { "s/raw/" }, { "s/raw", "s/s/raw/" } });
}

static void a_slash_inside_matches_whole_components_at_the_end(void **state)
{
	(void)state;
	CHECK({ "a/b", { "a/b", "s/a/b", "s/a/b/" }, { "s/aa/b", "s/a/bb", "s/a/b/c", "b" } },
	      { "a/*.c", { "s/a/x.c" }, { "s/a/b/x.c", "s/ba/x.c" } },
	      { "*/x", { "s/x", "s/a/x" }, { "x" } });
}

static void a_star_stops_at_a_slash_and_two_do_not(void **state)
{
	(void)state;
	CHECK({ "/s/*", { "s/a", "s/a/" }, { "s/a/b", "s" } },
	      { "/s/**", { "s/a", "s/a/b", "s/a/b/c/" }, { "s" } },
	      { "/s/*/x*y", { "s/a/xy", "s/a/x__y" }, { "s/xy", "s/a/b/xy", "s/a/x/y" } },
	      { "/s/a**z", { "s/az", "s/a/b/z", "s/abz" }, { "s/b/az" } },
	      { "a*", { "s/a", "s/ab" }, { "s/ba" } });
}

static void two_stars_in_front_stand_for_nothing_too(void **state)
{
	(void)state;
	CHECK({ "**/x", { "x", "s/x", "s/a/b/x" }, { "s/ax", "s/x/y" } },
	      { "**x", { "x", "s/ax", "s/a/x" }, { "s/x/y" } }, { "**", { "s", "s/a/b/" }, { 0 } });
}

static void two_stars_inside_are_tried_behind_each_slash(void **state)
{
	(void)state;
	CHECK({ "a**b", { "ab", "s/a/x/b", "s/q/a_b" }, { "s/xab", "s/a/b/c" } },
	      { "a/**/b", { "s/a/x/b", "a/x/y/b" }, { "s/a/b", "s/xa/x/b" } },
	      { "a/**", { "s/a/x", "a/x/y" }, { "s/a", "s/a/", "s/ba/x" } });
}

static void three_stars_at_the_end_match_the_directory_itself(void **state)
{
	(void)state;
	CHECK({ "a/***", { "s/a/", "s/a/x", "s/a/x/y/" }, { "s/a", "s/ba/" } },
	      { "/s/a/***", { "s/a/", "s/a/x" }, { "s/a", "s/b/s/a/" } });
}

static void a_question_mark_is_one_byte_but_no_slash(void **state)
{
	(void)state;
	CHECK({ "a?c", { "s/abc", "s/a?c" }, { "s/ac", "s/abbc" } },
	      { "/s?a", { "s_a" }, { "s/a" } }, { "\xc3?", { "s/\xc3\xa4" }, { "s/\xc3" } });
}

static void a_class_matches_one_of_its_bytes(void **state)
{
	(void)state;
	CHECK({ "[abc]x", { "s/ax", "s/cx" }, { "s/dx", "s/x", "s/abx" } },
	      { "[a-c]", { "s/b" }, { "s/d", "s/-" } }, { "[a-]", { "s/a", "s/-" }, { "s/b" } },
	      { "[!a]", { "s/b" }, { "s/a" } }, { "[^a-y]", { "s/z" }, { "s/a", "s/y" } },
	      { "[]x]", { "s/]", "s/x" }, { "s/[" } }, { "[!]]", { "s/a" }, { "s/]" } },
	      { "[\\]a]", { "s/]", "s/a" }, { "s/\\" } },
	      { "[[:digit:]_]", { "s/7", "s/_" }, { "s/a", "s/:" } },
	      { "[[:upper:][:digit:]]", { "s/A", "s/0" }, { "s/a" } },
	      { "/s[!a]x", { "s_x" }, { "s/x" } });
}

static void a_class_without_an_end_matches_nothing(void **state)
{
	(void)state;
	CHECK({ "[abc", { 0 }, { "s/a", "s/[abc" } }, { "a[", { 0 }, { "s/a[", "s/a" } },
	      { "[", { 0 }, { "s/[" } }, { "[a\\", { 0 }, { "s/a" } });
}

static void a_backslash_counts_only_beside_wildcards(void **state)
{
	(void)state;
	CHECK({ "a\\b", { "s/a\\b" }, { "s/ab" } }, { "a\\*", { "s/a*" }, { "s/a\\x", "s/ab" } },
	      { "*\\?", { "s/x?" }, { "s/xy" } }, { "\\[*", { "s/[x" }, { "s/x" } });
}

static void stars_go_back_as_far_as_they_must(void **state)
{
	(void)state;
	CHECK({ "*a*b*c", { "s/abc", "s/aabbcc", "s/xaxbxc", "s/abcabc" }, { "s/acb", "s/abcx" } },
	      { "/**a/*b", { "a/b", "s/xa/yb", "s/a/b/a/b" }, { "s/a/x/b", "s/a/c" } },
	      { "/**/*.x", { "s/a.x", "s/b/.x" }, { "a.x", "s/a.xy" } });
}

static void the_first_rule_that_matches_decides(void **state)
{
	(void)state;
	struct select *select = rules("+*.jpg", "-a*", "+/s/abc", NULL);
	assert_true(takes(select, "s/a.jpg"));
	assert_false(takes(select, "s/abc"));
	assert_true(takes(select, "s/b"));
	select_free(select);
	select = rules("+*/", "+*.c", "-*", NULL);
	assert_true(takes(select, "s/d/"));
	assert_true(takes(select, "s/d/x.c"));
	assert_false(takes(select, "s/d/x.h"));
	select_free(select);
}

static void without_rules_all_is_taken_and_cleared_rules_are_gone(void **state)
{
	(void)state;
	struct select *select = rules(NULL, NULL);
	assert_true(takes(select, "s/a"));
	select_free(select);
	select = rules("-*", NULL);
	assert_false(takes(select, "s/a"));
	select_clear(select);
	assert_true(takes(select, "s/a"));
	select_free(select);
}

static enum select_answer ask_file(const struct select *select, uint64_t bytes, int64_t mtime)
{
	const struct select_item item = {
		.path = "s/f", .size = 3, .kind = MANIFEST_FILE, .bytes = bytes, .mtime_ns = mtime
	};
	return select_ask(select, &item);
}

static void sizes_are_of_files(void **state)
{
	(void)state;
	struct select *select = rules(NULL, NULL);
	select_limit(select, &(struct select_limits){ .min_bytes = 10, .max_bytes = 20 });
	assert_int_equal(ask_file(select, 9, 0), SELECT_LEAVE);
	assert_int_equal(ask_file(select, 10, 0), SELECT_TAKE);
	assert_int_equal(ask_file(select, 20, 0), SELECT_TAKE);
	assert_int_equal(ask_file(select, 21, 0), SELECT_LEAVE);
	for (int kind = MANIFEST_DIRECTORY; kind <= MANIFEST_OTHER; kind++) {
		const struct select_item item = { "s/x", 3, (enum manifest_kind)kind, 0, 0, false };
		assert_int_equal(select_ask(select, &item), SELECT_TAKE);
	}
	select_free(select);
}

static void newer_is_for_all_but_directories(void **state)
{
	(void)state;
	struct select *select = rules(NULL, NULL);
	select_limit(select, &(struct select_limits){ .has_newer = true, .newer_ns = 1000 });
	assert_int_equal(ask_file(select, 0, 1000), SELECT_LEAVE);
	assert_int_equal(ask_file(select, 0, 1001), SELECT_TAKE);
	assert_int_equal(ask_file(select, 0, INT64_MAX), SELECT_TAKE);
	struct select_item item = { "s/x", 3, MANIFEST_DIRECTORY, 0, 5, false };
	assert_int_equal(select_ask(select, &item), SELECT_TAKE);
	item.kind = MANIFEST_SYMLINK;
	assert_int_equal(select_ask(select, &item), SELECT_LEAVE);
	select_free(select);
}

static void another_file_system_is_left_out_when_asked(void **state)
{
	(void)state;
	struct select *select = rules(NULL, NULL);
	struct select_item item = { "s/x", 3, MANIFEST_DIRECTORY, 0, 5, true };
	assert_int_equal(select_ask(select, &item), SELECT_TAKE);
	select_limit(select, &(struct select_limits){ .one_file_system = true });
	assert_int_equal(select_ask(select, &item), SELECT_LEAVE);
	item.kind = MANIFEST_FILE;
	assert_int_equal(select_ask(select, &item), SELECT_TAKE);
	item = (struct select_item){ "s/x", 3, MANIFEST_DIRECTORY, 0, 5, false };
	assert_int_equal(select_ask(select, &item), SELECT_TAKE);
	select_free(select);
}

/* ---- lists ---- */

static struct listed *list(const char *first, ...)
{
	struct listed *listed = listed_new();
	struct err err;
	va_list args;
	assert_non_null(listed);
	va_start(args, first);
	for (const char *path = first; path; path = va_arg(args, const char *))
		assert_int_equal(listed_add(listed, path, strlen(path), &err), FAULT_NONE);
	va_end(args);
	listed_sort(listed);
	return listed;
}

static void assert_listed(const struct listed *listed, const char *wanted)
{
	struct bytes text;
	struct err err;
	bytes_init(&text, 1000);
	assert_int_equal(listed_text(listed, &text, &err), FAULT_NONE);
	for (size_t i = 0; i < text.size; i++)
		text.data[i] = text.data[i] ? text.data[i] : ' ';
	assert_string_equal(bytes_text(&text), wanted);
	bytes_fini(&text);
}

static void a_list_is_the_same_however_it_was_written(void **state)
{
	(void)state;
	struct listed *listed =
		list("b/c", "./a", "b//./c", "a!", "a/x", "a", ".", "./", "", "b.c", NULL);
	assert_listed(listed, "a a/x a! b/c b.c ");
	listed_free(listed);
	listed = list("d/e/f", "d/", "d", "d/x", "da", "x/y", "x/y/", NULL);
	assert_listed(listed, "d/ d/e/f d/x da x/y/ ");
	listed_free(listed);
}

static void a_list_refuses_what_leads_elsewhere(void **state)
{
	(void)state;
	static const char *const bad[] = { "/a", "..", "a/../b", "a/.." };
	struct listed *listed = listed_new();
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct err err;
		assert_int_equal(listed_add(listed, bad[i], strlen(bad[i]), &err), FAULT_USAGE);
	}
	listed_sort(listed);
	assert_listed(listed, "");
	listed_free(listed);
}

static void a_list_takes_its_paths_and_the_way_there(void **state)
{
	(void)state;
	struct err err;
	struct select *select = rules("-no", NULL);
	assert_int_equal(select_list(select, list("a/b/c", "a/d", "e/", "f", "g/no", NULL), &err),
			 0);
	assert_true(takes(select, "s/a/") && takes(select, "s/a/b/") && takes(select, "s/a/b/c"));
	assert_true(takes(select, "s/a/d") && takes(select, "s/e/x/y") && takes(select, "s/e/"));
	assert_true(takes(select, "s/f/") && takes(select, "s/f"));
	assert_false(takes(select, "s/f/x") || takes(select, "s/a/x") || takes(select, "s/a!"));
	assert_false(takes(select, "s/a/b/c/d") || takes(select, "s/ee") || takes(select, "s/a/b"));
	assert_false(takes(select, "s/g/no") || takes(select, "s/e/no"));
	const struct select_item astray = { "s/a", 3, MANIFEST_FILE, 0, 0, false };
	assert_int_equal(select_ask(select, &astray), SELECT_ASTRAY);
	select_free(select);
}

static void assert_names(const struct listed *listed, const char *path, const char *wanted)
{
	char names[200] = "";
	size_t cursor = 0, size = 0, used = 0;
	const char *name;
	while ((name = listed_next(listed, path, strlen(path), &cursor, &size)))
		used += (size_t)snprintf(names + used, sizeof names - used, "%.*s ", (int)size,
					 name);
	assert_string_equal(names, wanted);
}

static void a_list_names_what_it_has_in_a_directory(void **state)
{
	(void)state;
	struct listed *listed = list("a", "a/b/c", "a/b/d", "a/e", "ab/c", "f/", "a.b", NULL);
	assert_names(listed, "", "a a.b ab f ");
	assert_names(listed, "a", "b e ");
	assert_names(listed, "a/b", "c d ");
	assert_names(listed, "a/e", "");
	assert_names(listed, "zz", "");
	assert_true(listed_has_all(listed, "f", 1) && listed_has_all(listed, "f/x", 3));
	assert_false(listed_has_all(listed, "a", 1) || listed_has_all(listed, "", 0));
	listed_free(listed);
	listed = list("a/", "a/b/c", "a/b/e/", "a/b/f", NULL);
	assert_true(listed_has_all(listed, "a/b", 3) && listed_has_all(listed, "a/b/f", 5));
	assert_int_equal(listed_find(listed, "a/b/g", 5), LISTED_BELOW);
	assert_int_equal(listed_find(listed, "a/x", 3), LISTED_BELOW);
	assert_int_equal(listed_find(listed, "a/b", 3), LISTED_LEADS);
	assert_int_equal(listed_find(listed, "a/b/c", 5), LISTED_ON);
	assert_int_equal(listed_find(listed, "a!", 2), LISTED_OFF);
	assert_int_equal(listed_find(listed, "b", 1), LISTED_OFF);
	assert_names(listed, "a/b", "c e f ");
	listed_free(listed);
	listed = listed_new();
	listed_sort(listed);
	assert_names(listed, "", "");
	assert_int_equal(listed_find(listed, "a", 1), LISTED_OFF);
	listed_free(listed);
}

/* ---- as text ---- */

static void assert_text(const struct select *select, const char *wanted, size_t size)
{
	struct bytes text;
	struct err err;
	bytes_init(&text, SELECT_TEXT_MAX);
	assert_int_equal(select_text(select, &text, &err), FAULT_NONE);
	assert_int_equal(text.size, size);
	assert_memory_equal(bytes_text(&text), wanted, size);
	bytes_fini(&text);
}

static void a_selection_comes_back_from_its_text(void **state)
{
	(void)state;
	static const char wanted[] = "+a b\0-*\n\0+-x\0=[!a]x\0min-size=1\0"
				     "max-size=18446744073709551615\0newer=-5\0one-file-system\0"
				     "exclude-caches\0if-present=.no backup";
	struct err err;
	struct select *again = NULL, *select = rules("+a b", "-*\n", "+-x", NULL);
	select_limit(select, &(struct select_limits){ 1, UINT64_MAX, true, -5, true, true });
	assert_int_equal(select_add_glob(select, "[!a]x", 5, &err), FAULT_NONE);
	assert_int_equal(select_mark(select, ".no backup", &err), FAULT_NONE);
	assert_text(select, wanted, sizeof wanted);
	assert_int_equal(select_read(wanted, sizeof wanted, &again, &err), FAULT_NONE);
	assert_text(again, wanted, sizeof wanted);
	assert_true(takes(again, "s/a b/"));
	assert_false(takes(again, "s/x\n/"));
	assert_false(takes(again, "bx/ax/bx/"));
	assert_true(takes(again, "bx/ax/"));
	assert_string_equal(select_marker(again, 0), ".no backup");
	assert_true(select_leaves_caches(again));
	select_free(again);
	select_free(select);
	assert_int_equal(select_read("", 0, &again, &err), FAULT_NONE);
	assert_text(again, "", 0);
	select_free(again);
}

static void a_list_is_known_by_its_hash(void **state)
{
	(void)state;
	/* SHA-256 of "a\0b/\0" */
	static const char wanted[] =
		"files-from="
		"cdd974ad1f03a490277eeaa1868ec2e2cee99e8045f1302b60056aae5d057cff";
	struct err err;
	struct select *again = NULL, *select = rules(NULL, NULL);
	assert_null(select_list_hash(select));
	assert_int_equal(select_list(select, list("b/", "a", NULL), &err), FAULT_NONE);
	assert_text(select, wanted, sizeof wanted);
	select_free(select);

	assert_int_equal(select_read(wanted, sizeof wanted, &again, &err), FAULT_NONE);
	assert_non_null(select_list_hash(again));
	assert_null(select_listed(again));
	assert_int_equal(select_list(again, list("a", "b", NULL), &err), FAULT_CORRUPT);
	assert_int_equal(select_list(again, list("a", "b/", NULL), &err), FAULT_NONE);
	assert_true(takes(again, "s/b/x"));
	assert_false(takes(again, "s/c"));
	select_free(again);
}

static void what_is_no_text_of_a_selection_is_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "x",
					   "+",
					   "=",
					   "if-present=",
					   "if-present=a/b",
					   "exclude-cachesx",
					   "-",
					   "min-size=",
					   "newer=1x",
					   "newer=x",
					   "files-from=ab",
					   "max-size=-1",
					   "",
					   "max-size=99999999999999999999" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct select *select = NULL;
		struct err err;
		assert_int_equal(select_read(bad[i], strlen(bad[i]) + 1, &select, &err),
				 FAULT_CORRUPT);
		assert_null(select);
		if (bad[i][0])
			assert_int_equal(select_read("-a", 2, &select, &err), FAULT_CORRUPT);
	}
}

static void rules_end_where_the_header_does(void **state)
{
	(void)state;
	enum { EACH = 1000 };
	char pattern[EACH];
	struct err err;
	struct select *select = select_new();
	memset(pattern, 'x', sizeof pattern);
	assert_int_equal(select_add(select, true, "", 0, &err), FAULT_USAGE);
	for (int i = 0; i < 59; i++)
		assert_int_equal(select_add(select, false, pattern, EACH, &err), FAULT_NONE);
	assert_int_equal(select_add(select, false, pattern, EACH, &err), FAULT_TOO_LARGE);
	assert_int_equal(select_add(select, false, pattern, 880, &err), FAULT_NONE);
	assert_int_equal(select_add(select, false, "x", 1, &err), FAULT_TOO_LARGE);
	struct bytes text;
	bytes_init(&text, SELECT_TEXT_MAX);
	assert_int_equal(select_text(select, &text, &err), FAULT_NONE);
	assert_int_equal(text.size, SELECT_TEXT_MAX);
	bytes_fini(&text);
	select_free(select);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(a_pattern_without_a_slash_is_for_the_last_component),
		cmocka_unit_test(a_slash_in_front_ties_to_the_transfer_root),
		cmocka_unit_test(a_slash_behind_is_for_directories),
		cmocka_unit_test(a_slash_inside_matches_whole_components_at_the_end),
		cmocka_unit_test(a_star_stops_at_a_slash_and_two_do_not),
		cmocka_unit_test(two_stars_in_front_stand_for_nothing_too),
		cmocka_unit_test(two_stars_inside_are_tried_behind_each_slash),
		cmocka_unit_test(three_stars_at_the_end_match_the_directory_itself),
		cmocka_unit_test(a_question_mark_is_one_byte_but_no_slash),
		cmocka_unit_test(a_class_matches_one_of_its_bytes),
		cmocka_unit_test(a_class_without_an_end_matches_nothing),
		cmocka_unit_test(a_backslash_counts_only_beside_wildcards),
		cmocka_unit_test(stars_go_back_as_far_as_they_must),
		cmocka_unit_test(the_first_rule_that_matches_decides),
		cmocka_unit_test(without_rules_all_is_taken_and_cleared_rules_are_gone),
		cmocka_unit_test(sizes_are_of_files),
		cmocka_unit_test(newer_is_for_all_but_directories),
		cmocka_unit_test(another_file_system_is_left_out_when_asked),
		cmocka_unit_test(a_list_is_the_same_however_it_was_written),
		cmocka_unit_test(a_list_refuses_what_leads_elsewhere),
		cmocka_unit_test(a_list_takes_its_paths_and_the_way_there),
		cmocka_unit_test(a_list_names_what_it_has_in_a_directory),
		cmocka_unit_test(a_selection_comes_back_from_its_text),
		cmocka_unit_test(a_list_is_known_by_its_hash),
		cmocka_unit_test(what_is_no_text_of_a_selection_is_refused),
		cmocka_unit_test(rules_end_where_the_header_does),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
