#include "direct/share_numbers.h"

#include "tests/unit/facts.h"

static enum fault read_text(const char *bytes, size_t size, bool found[SHARE_NUMBERS_MAX])
{
	struct err err;
	return share_numbers_read(bytes, size, found, &err);
}

#define READ(bytes, found) read_text(bytes, sizeof bytes - 1, found)

static unsigned count(const bool found[SHARE_NUMBERS_MAX])
{
	unsigned result = 0;
	for (unsigned i = 0; i < SHARE_NUMBERS_MAX; i++)
		result += found[i];
	return result;
}

static void reads_a_set(void **state)
{
	(void)state;
	bool found[SHARE_NUMBERS_MAX];
	assert_int_equal(READ("\xd9\x01\x02\x80", found), FAULT_NONE);
	assert_int_equal(count(found), 0);
	assert_int_equal(READ("\xd9\x01\x02\x83\x00\x07\x18\xff", found), FAULT_NONE);
	assert_int_equal(count(found), 3);
	assert_true(found[0] && found[7] && found[255]);
	/* of indefinite length */
	assert_int_equal(READ("\xd9\x01\x02\x9f\x02\xff", found), FAULT_NONE);
	assert_true(count(found) == 1 && found[2]);
}

static void leaves_out_what_is_no_share(void **state)
{
	(void)state;
	bool found[SHARE_NUMBERS_MAX];
	const char reply[] = "\xd9\x01\x02\x83\x05\x19\x01\x00\x1b\xff\xff\xff\xff\xff\xff\xff\xff";
	assert_int_equal(READ(reply, found), FAULT_NONE);
	assert_true(count(found) == 1 && found[5]);
}

static void refuses_anything_else(void **state)
{
	(void)state;
	bool found[SHARE_NUMBERS_MAX];
	assert_int_equal(READ("", found), FAULT_CORRUPT);
	assert_int_equal(READ("\x81\x00", found), FAULT_CORRUPT); /* no set */
	assert_int_equal(READ("\xd9\x01\x03\x81\x00", found), FAULT_CORRUPT);
	assert_int_equal(READ("\xd9\x01\x02\x00", found), FAULT_CORRUPT);
	assert_int_equal(READ("\xd9\x01\x02\x81\x20", found), FAULT_CORRUPT);
	assert_int_equal(READ("\xd9\x01\x02\x81\x61\x30", found), FAULT_CORRUPT);
	assert_int_equal(READ("\xd9\x01\x02\x82\x00", found), FAULT_CORRUPT); /* cut */
	assert_int_equal(READ("\xd9\x01\x02\x81\x00\x00", found), FAULT_CORRUPT);
	assert_int_equal(READ("\xd9\x01\x02\x9b\xff\xff\xff\xff\xff\xff\xff\xff", found),
			 FAULT_CORRUPT);
	/* A length that nobody has memory for; arrays in arrays; a tag of a tag. */
	assert_int_equal(READ("\xd9\x01\x02\x9b\x00\x00\x00\x00\x08\x00\x00\x00", found),
			 FAULT_CORRUPT);
	assert_int_equal(READ("\xd9\x01\x02\x81\x81\x00", found), FAULT_CORRUPT);
	assert_int_equal(READ("\xd9\x01\x02\xd9\x01\x02\x81\x00", found), FAULT_CORRUPT);
	assert_int_equal(READ("\xd9\x01\x02\x82\x00\xff", found), FAULT_CORRUPT);
	assert_int_equal(READ("<html>no such resource</html>", found), FAULT_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_set),
		cmocka_unit_test(leaves_out_what_is_no_share),
		cmocka_unit_test(refuses_anything_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
