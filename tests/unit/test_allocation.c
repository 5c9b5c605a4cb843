#include "direct/allocation.h"

#include "tests/unit/facts.h"

static enum fault read_text(const char *bytes, size_t size, struct allocation *allocation)
{
	struct err err;
	*allocation = (struct allocation){ 0 };
	return allocation_read(bytes, size, allocation, &err);
}

#define READ(bytes, allocation) read_text(bytes, sizeof bytes - 1, allocation)
#define HAVE                                                                                       \
	"\x6c"                                                                                     \
	"already-have"
#define ALLOCATED                                                                                  \
	"\x69"                                                                                     \
	"allocated"
#define NONE    "\xd9\x01\x02\x80"
#define SET_1_3 "\xd9\x01\x02\x82\x01\x03"

static void asks_for_numbers_of_one_size(void **state)
{
	(void)state;
	static const char expected[] = "\xa2\x6d"
				       "share-numbers"
				       "\xd9\x01\x02\x82\x00\x18\xff"
				       "\x6e"
				       "allocated-size"
				       "\x19\x0d\xbd";
	struct {
		bool wanted[SHARE_NUMBERS_MAX];
		bool none; /* nobody asks for what stands behind */
	} ask = { .wanted = { [0] = true, [255] = true }, .none = true };
	unsigned char out[ALLOCATION_MAX];
	assert_int_equal(allocation_write(ask.wanted, 3517, out), sizeof expected - 1);
	assert_memory_equal(out, expected, sizeof expected - 1);
	memset(ask.wanted, true, sizeof ask.wanted);
	assert_true(allocation_write(ask.wanted, UINT64_MAX, out) < ALLOCATION_MAX);
}

static void reads_what_was_there_and_what_is_to_be_written(void **state)
{
	(void)state;
	struct allocation allocation;
	assert_int_equal(READ("\xa2" HAVE NONE ALLOCATED SET_1_3, &allocation), FAULT_NONE);
	assert_true(allocation.allocated[1] && allocation.allocated[3]);
	assert_false(allocation.allocated[0] || allocation.has[1]);
	assert_int_equal(READ("\xa2" ALLOCATED NONE HAVE SET_1_3, &allocation), FAULT_NONE);
	assert_true(allocation.has[1] && allocation.has[3]);
	assert_false(allocation.allocated[1]);
}

static void refuses_anything_else(void **state)
{
	(void)state;
	struct allocation allocation;
	assert_int_equal(READ("", &allocation), FAULT_CORRUPT);
	assert_int_equal(READ("\xa2", &allocation), FAULT_CORRUPT);
	assert_int_equal(READ("\xa1" HAVE NONE, &allocation), FAULT_CORRUPT);
	assert_int_equal(READ("\x82" HAVE NONE ALLOCATED NONE, &allocation), FAULT_CORRUPT);
	assert_int_equal(READ("\xa3" HAVE NONE ALLOCATED NONE, &allocation), FAULT_CORRUPT);
	assert_int_equal(READ("\xa2" HAVE NONE, &allocation), FAULT_CORRUPT);
	assert_int_equal(READ("\xa2" HAVE NONE HAVE NONE, &allocation), FAULT_CORRUPT);
	assert_int_equal(READ("\xa2" HAVE NONE ALLOCATED "\x80", &allocation), FAULT_CORRUPT);
	assert_int_equal(READ("\xa2" HAVE NONE ALLOCATED NONE "\x00", &allocation), FAULT_CORRUPT);
	assert_int_equal(READ("\xa2" HAVE NONE "\x01" NONE, &allocation), FAULT_CORRUPT);
	assert_int_equal(READ("\xbb\xff\xff\xff\xff\xff\xff\xff\xff", &allocation), FAULT_CORRUPT);
	/* A text longer than what came. */
	assert_int_equal(READ("\xa2\x7b\xff\xff\xff\xff\xff\xff\xff\xff", &allocation),
			 FAULT_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(asks_for_numbers_of_one_size),
		cmocka_unit_test(reads_what_was_there_and_what_is_to_be_written),
		cmocka_unit_test(refuses_anything_else),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
