#include "direct/cbor_out.h"

#include "tests/unit/facts.h"

static const unsigned char all[] = "\x82\xa1"
				   "cabc"
				   "\x19\x01\x02"
				   "\x43xyz"
				   "\xd9\x01\x02\xf6"
				   "\x40\x61z";

/* Puts one of each into `room` bytes. */
static struct cbor_out put_all(unsigned char *data, size_t room)
{
	struct cbor_out out = { .data = data, .room = room };
	cbor_put_array(&out, 2);
	cbor_put_map(&out, 1);
	cbor_put_text(&out, "abc");
	cbor_put_number(&out, 258);
	cbor_put_bytes(&out, "xyz", 3);
	cbor_put_tag(&out, 258);
	cbor_put_null(&out);
	cbor_put_bytes(&out, NULL, 0);
	cbor_put_text(&out, "z");
	return out;
}

static void items_stand_one_behind_the_other(void **state)
{
	(void)state;
	unsigned char data[sizeof all];
	const struct cbor_out out = put_all(data, sizeof all - 1);
	assert_int_equal(out.size, sizeof all - 1);
	assert_memory_equal(data, all, sizeof all - 1);
	assert_false(out.overflow);
}

static void nothing_is_written_beyond_the_room(void **state)
{
	(void)state;
	for (size_t room = 0; room < sizeof all - 1; room++) {
		unsigned char data[sizeof all];
		memset(data, 0x55, sizeof data);
		const struct cbor_out out = put_all(data, room);
		assert_true(out.overflow);
		assert_true(out.size <= room);
		for (size_t i = room; i < sizeof data; i++)
			assert_int_equal(data[i], 0x55);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_stand_one_behind_the_other),
		cmocka_unit_test(nothing_is_written_beyond_the_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
