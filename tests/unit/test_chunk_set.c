#include "keys/chunk_set.h"

#include "keys/chunking.h"
#include "tests/unit/facts.h"

static const char KEY[] = "SHA256-s25-m3--a:b/c";

static struct chunk_set *make(void)
{
	struct chunk_key key;
	assert_true(chunk_key_read(KEY, &key));
	struct chunk_set *set = chunk_set_new(&key, 10);
	assert_non_null(set);
	return set;
}

/* A chunk of some bytes: short ones stand in its cap. */
static struct chunk_object object_of(const char *text)
{
	struct chunk_object object = { .hashed = false };
	struct err err;
	char word[64];
	snprintf(word, sizeof word, "URI:LIT:%s", text);
	assert_int_equal(cap_parse(word, strlen(word), &object.cap, &err), FAULT_NONE);
	return object;
}

static bool reads(struct chunk_set *set, const char *name, enum store_kind kind)
{
	struct err err;
	const uint64_t before = set->count;
	const struct store_child child = {
		.name = name,
		.name_size = strlen(name),
		.node = { .kind = kind, .ro = object_of("ge").cap },
	};
	assert_int_equal(chunk_set_read(set, &child, &err), FAULT_NONE);
	return set->count > before;
}

static void chunks_are_known_by_their_names(void **state)
{
	(void)state;
	struct chunk_set *set = make();
	assert_true(reads(set, "SHA256-s25-m3-S10-C2--a&cb%c", STORE_FILE));
	assert_non_null(chunk_set_find(set, 2));
	assert_null(chunk_set_find(set, 1));
	assert_null(chunk_set_find(set, 0));
	assert_null(chunk_set_find(set, 100000));
	assert_true(reads(set, "SHA256-s25-m3-S10-C65536--a&cb%c", STORE_FILE));
	chunk_set_free(set);
}

static void other_names_are_skipped(void **state)
{
	(void)state;
	struct chunk_set *set = make();
	static const char *const others[] = {
		"SHA256-s25-m3-S10-C0--a&cb%c",
		"SHA256-s25-m3-S10-C02--a&cb%c",
		"SHA256-s25-m3-S10-C--a&cb%c",
		"SHA256-s25-m3-S10-C2x--a&cb%c",
		"SHA256-s25-m3-S10-C65537--a&cb%c",
		"SHA256-s25-m3-S10-C99999999999999999999--a&cb%c",
		"SHA256-s25-m3-S11-C2--a&cb%c",
		"SHA256-s24-m3-S10-C2--a&cb%c",
		"SHA256-s25-m3-S10-C2--a&cb%cd",
		"SHA256-s25-m3-S10-C2--a",
		"SHA256-s25",
		"",
	};
	for (size_t i = 0; i < ARRAY_COUNT(others); i++)
		if (reads(set, others[i], STORE_FILE))
			fail_msg("'%s' is taken for a chunk", others[i]);
	assert_false(reads(set, "SHA256-s25-m3-S10-C2--a&cb%c", STORE_DIRECTORY));
	chunk_set_free(set);
}

static void a_set_is_repeated_by_the_same_caps_alone(void **state)
{
	(void)state;
	struct err err;
	const struct chunk_object one = object_of("ge"), two = object_of("gi");
	struct chunk_set *set = make(), *back = make();
	assert_int_equal(chunk_set_put(set, 1, &one, &err), FAULT_NONE);
	assert_int_equal(chunk_set_put(set, 3, &two, &err), FAULT_NONE);
	assert_true(chunk_set_has_all(set, 1));
	assert_false(chunk_set_has_all(set, 3));
	assert_int_equal(chunk_set_put(set, 2, &two, &err), FAULT_NONE);
	assert_true(chunk_set_has_all(set, 3));
	assert_int_equal(chunk_set_merge(back, set, &err), FAULT_NONE);
	assert_true(chunk_set_repeats(back, set, 3));
	assert_false(chunk_set_repeats(back, set, 2)); /* one too many */
	assert_int_equal(chunk_set_put(back, 2, &one, &err), FAULT_NONE);
	assert_false(chunk_set_repeats(back, set, 3));
	assert_int_equal(chunk_set_merge(back, set, &err), FAULT_NONE); /* its own stay */
	assert_true(cap_equal(&chunk_set_find(back, 2)->cap, &one.cap));
	chunk_set_free(set);
	chunk_set_free(back);
}

static void hashes_go_with_the_chunks(void **state)
{
	(void)state;
	struct err err;
	struct bytes json;
	struct chunk_set *set = make(), *back = make();
	struct chunk_object one = object_of("ge"), old = one;
	one.hashed = true;
	one.hash[0] = 0xfe;
	assert_int_equal(chunk_set_put(set, 1, &one, &err), FAULT_NONE);
	assert_int_equal(chunk_set_put(back, 1, &old, &err), FAULT_NONE);
	assert_false(chunk_set_repeats(back, set, 1)); /* it was lost on the way */
	assert_int_equal(chunk_set_put(back, 1, &one, &err), FAULT_NONE);
	assert_true(chunk_set_repeats(back, set, 1));
	one.hash[15] = 1;
	assert_int_equal(chunk_set_put(back, 1, &one, &err), FAULT_NONE);
	assert_false(chunk_set_repeats(back, set, 1));
	bytes_init(&json, 1000);
	assert_int_equal(chunk_set_child(back, 1, &json), FAULT_NONE);
	assert_string_equal(bytes_text(&json),
			    "\"SHA256-s25-m3-S10-C1--a&cb%c\": [\"filenode\", {\"ro_uri\": "
			    "\"URI:LIT:ge\", \"metadata\": {\"barge\": {\"xxh3-128\": "
			    "\"fe000000000000000000000000000001\"}}}]");
	bytes_clear(&json);
	assert_int_equal(chunk_set_put(back, 1, &old, &err), FAULT_NONE);
	assert_int_equal(chunk_set_child(back, 1, &json), FAULT_NONE);
	assert_string_equal(bytes_text(&json),
			    "\"SHA256-s25-m3-S10-C1--a&cb%c\": [\"filenode\", {\"ro_uri\": "
			    "\"URI:LIT:ge\"}]");
	bytes_fini(&json);
	chunk_set_free(set);
	chunk_set_free(back);
}

static void too_many_chunks_are_refused(void **state)
{
	(void)state;
	struct err err;
	const struct chunk_object object = object_of("ge");
	struct chunk_set *set = make();
	assert_int_equal(chunk_set_put(set, CHUNKING_CHUNKS_MAX + 1, &object, &err), FAULT_USAGE);
	assert_int_equal(chunk_set_put(set, 0, &object, &err), FAULT_USAGE);
	chunk_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_are_known_by_their_names),
		cmocka_unit_test(other_names_are_skipped),
		cmocka_unit_test(a_set_is_repeated_by_the_same_caps_alone),
		cmocka_unit_test(hashes_go_with_the_chunks),
		cmocka_unit_test(too_many_chunks_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
