#include "tahoe/chunked.h"

#include "tests/unit/facts.h"

static void names_sort_as_the_bytes_do(void **state)
{
	(void)state;
	char name[CHUNK_NAME_SIZE], before[CHUNK_NAME_SIZE];
	assert_int_equal(chunk_name(0, 2, name), 1);
	assert_string_equal(name, "1");
	assert_int_equal(chunk_name(9, 10, name), 2);
	assert_string_equal(name, "10");
	chunk_name(0, 1000, before);
	assert_string_equal(before, "0001");
	for (uint64_t i = 1; i < 1000; i++) {
		chunk_name(i, 1000, name);
		assert_true(strcmp(before, name) < 0);
		memcpy(before, name, sizeof before);
	}
	assert_int_equal(chunk_name(UINT64_MAX - 1, UINT64_MAX, name), 20);
}

/* A child as a test names it: its number as text, and the size of its file. */
struct child {
	const char *name;
	uint64_t size;
	enum cap_kind kind; /* NONE: CHK */
};

/* Whether the children, up to the first without a name, are a file of `bytes` bytes. */
static bool is_file(struct chunked *chunked, uint64_t bytes, const struct child *child)
{
	chunked_begin(chunked, bytes);
	for (; child->name; child++) {
		const struct cap cap = {
			.kind = child->kind ? child->kind : CAP_CHK,
			.size = child->size,
		};
		assert_true(chunked_add(chunked, child->name, strlen(child->name), &cap));
	}
	return chunked_end(chunked);
}

static void children_in_any_order_are_a_file(void **state)
{
	(void)state;
	struct chunked chunked = { 0 };
	const struct child child[] = {
		{ "3", 50, CAP_LIT }, { "1", 100, CAP_CHK }, { "2", 100, CAP_CHK }, { 0 }
	};
	assert_true(is_file(&chunked, 250, child));
	assert_int_equal(chunked.count, 3);
	assert_int_equal(chunked.chunk_size, 100);
	assert_int_equal(chunked.cap[2].size, 50);
	assert_int_equal(chunked_size_of(&chunked, 0), 100);
	assert_int_equal(chunked_size_of(&chunked, 2), 50);
	assert_false(is_file(&chunked, 251, child)); /* what was there before is forgotten */
	assert_int_equal(chunked.count, 0);
	assert_null(chunked.cap);
	chunked_fini(&chunked);
}

/* Gives children of 7 bytes each, from the last to the first or the other way round. */
static void assert_many(struct chunked *chunked, size_t count, bool rising)
{
	const struct cap cap = { .kind = CAP_CHK, .size = 7 };
	char name[CHUNK_NAME_SIZE];
	chunked_begin(chunked, UINT64_C(7) * count);
	for (size_t i = 0; i < count; i++) {
		const size_t size = chunk_name(rising ? i : count - 1 - i, count, name);
		assert_true(chunked_add(chunked, name, size, &cap));
	}
	assert_true(chunked_end(chunked));
	assert_int_equal(chunked->count, count);
	for (size_t i = 0; i < count; i++)
		assert_true(cap_equal(&chunked->cap[i], &cap));
}

static void many_children_are_a_file(void **state)
{
	(void)state;
	static const size_t counts[] = { 8, 9, 10, 16, 17, 33, 99, 100, CHUNKED_COUNT_MAX };
	struct chunked chunked = { 0 };
	for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
		assert_many(&chunked, counts[i], false);
		assert_many(&chunked, counts[i], true);
	}
	chunked_fini(&chunked);
}

static void whatever_else_is_none(void **state)
{
	(void)state;
	static const struct {
		uint64_t bytes;
		struct child child[4];
	} none[] = {
		{ 0, { { 0 } } },
		{ 100, { { "1", 100, 0 } } },
		{ 199, { { "1", 100, 0 }, { "2", 100, 0 } } },
		{ 201, { { "1", 100, 0 }, { "2", 100, 0 } } },
		{ 0, { { "1", 0, 0 }, { "2", 0, 0 } } },
		{ 0, { { "1", 1, 0 }, { "2", 1, 0 } } },
		{ 0, { { "1", UINT64_C(1) << 63, 0 }, { "2", UINT64_C(1) << 63, 0 } } },
		{ 100, { { "1", 100, 0 }, { "2", 0, 0 } } },
		{ 99, { { "1", 100, 0 }, { "2", 0, 0 } } },
		{ UINT64_MAX, { { "1", 100, 0 }, { "2", 100, 0 } } },
		{ 200, { { "1", 100, 0 }, { "2", 0, 0 }, { "3", 100, 0 } } },
		{ 200, { { "0", 100, 0 }, { "1", 100, 0 } } },
		{ 200, { { "1", 100, 0 }, { "3", 100, 0 } } },
		{ 200, { { "01", 100, 0 }, { "02", 100, 0 } } },
		{ 200, { { "1", 100, 0 }, { "02", 100, 0 } } },
		{ 200, { { "1", 100, 0 }, { "1", 100, 0 } } },
		{ 200, { { "1", 100, 0 }, { "2x", 100, 0 } } },
		{ 200, { { "1", 100, 0 }, { "", 100, 0 } } },
		{ 200, { { "1", 100, 0 }, { "99999999999999999999999", 100, 0 } } },
		{ 200, { { "1", 100, 0 }, { "2", 100, CAP_DIR2_CHK } } },
		{ 200, { { "1", 100, 0 }, { "2", 100, CAP_SSK_RO } } },
		{ 200, { { "1", 100, 0 }, { "2", 100, CAP_CHK_VERIFIER } } },
	};
	static const struct child colon[] = {
		/* which comes after the 9, as the 10 does */
		{ "01", 1, 0 }, { "02", 1, 0 }, { "03", 1, 0 }, { "04", 1, 0 },
		{ "05", 1, 0 }, { "06", 1, 0 }, { "07", 1, 0 }, { "08", 1, 0 },
		{ "09", 1, 0 }, { "0:", 1, 0 }, { 0 },
	};
	struct chunked chunked = { 0 };
	assert_false(is_file(&chunked, 10, colon));
	for (size_t i = 0; i < ARRAY_COUNT(none); i++)
		if (is_file(&chunked, none[i].bytes, none[i].child))
			fail_msg("number %zu is no file", i);
	chunked_fini(&chunked);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(names_sort_as_the_bytes_do),
		cmocka_unit_test(children_in_any_order_are_a_file),
		cmocka_unit_test(many_children_are_a_file),
		cmocka_unit_test(whatever_else_is_none),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
