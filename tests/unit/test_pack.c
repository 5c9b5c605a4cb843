#include "queue/file/pack.h"

#include "tests/unit/facts.h"

#define BYTES(...)                                                                                 \
	(const unsigned char[]){ __VA_ARGS__ }, sizeof((const unsigned char[]){ __VA_ARGS__ })

static struct pack_out out_of(unsigned char *data, size_t capacity)
{
	return (struct pack_out){ .data = data, .capacity = capacity };
}

static void decodes_what_it_encodes(void **state)
{
	(void)state;
	static const uint64_t number[] = { 0,     127,   128,        255,        256,
					   65535, 65536, UINT32_MAX, 1ull << 32, UINT64_MAX };
	static unsigned char bytes[70000], long_one[40000];
	struct pack_out out = out_of(bytes, sizeof bytes);
	pack_put_array(&out, ARRAY_COUNT(number));
	for (size_t i = 0; i < ARRAY_COUNT(number); i++)
		pack_put_uint(&out, number[i]);
	pack_put_bytes(&out, "\0/\xff", 3);
	pack_put_bytes(&out, NULL, 0);
	pack_put_bytes(&out, long_one, sizeof long_one);
	pack_put_text(&out, "key", 3);
	assert_false(out.full);

	struct pack_in in = { .data = bytes, .size = out.size };
	const msgpack_object *item = NULL;
	assert_int_equal(pack_next(&in, &item, NULL), FAULT_NONE);
	const msgpack_object *part = pack_array(item, ARRAY_COUNT(number));
	assert_non_null(part);
	for (size_t i = 0; i < ARRAY_COUNT(number); i++) {
		uint64_t value = 1;
		assert_true(pack_uint(&part[i], UINT64_MAX, &value));
		assert_true(value == number[i]);
	}
	static const size_t sizes[] = { 3, 0, sizeof long_one };
	const unsigned char *data = NULL;
	size_t size = 0;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		assert_int_equal(pack_next(&in, &item, NULL), FAULT_NONE);
		assert_true(pack_bytes(item, sizeof bytes, &data, &size));
		assert_int_equal(size, sizes[i]);
	}
	/* Strings are not copied. */
	assert_true(data > bytes && data + size < bytes + out.size);
	const char *text = NULL;
	assert_int_equal(pack_next(&in, &item, NULL), FAULT_NONE);
	assert_true(pack_text(item, 3, &text, &size));
	assert_memory_equal(text, "key", 3);
	assert_int_equal(pack_next(&in, &item, NULL), FAULT_NOT_FOUND);
	pack_in_fini(&in);
}

static void leaves_out_what_does_not_fit(void **state)
{
	(void)state;
	unsigned char bytes[9] = { 0 };
	struct pack_out out = out_of(bytes, 8);
	pack_put_uint(&out, 5);
	pack_put_uint(&out, UINT64_MAX);
	assert_true(out.full);
	assert_int_equal(out.size, 1);
	pack_put_uint(&out, 6);
	assert_int_equal(out.size, 1);
	assert_int_equal(bytes[8], 0);
}

static void refused(const unsigned char *bytes, size_t size)
{
	/* A copy of its exact size, so that a read past the end is seen. */
	unsigned char *copy = malloc(size);
	assert_non_null(copy);
	memcpy(copy, bytes, size);
	struct pack_in in = { .data = copy, .size = size };
	const msgpack_object *item = NULL;
	assert_int_equal(pack_next(&in, &item, NULL), FAULT_CORRUPT);
	/* The library has not been asked, so it has reserved nothing. */
	assert_null(in.item.zone);
	assert_int_equal(in.at, 0);
	pack_in_fini(&in);
	free(copy);
}

static void refuses_promises_without_reserving(void **state)
{
	(void)state;
	refused(BYTES(0xdd, 0x10, 0, 0, 0));             /* array32, 2^28 */
	refused(BYTES(0xdd, 0xff, 0xff, 0xff, 0xff, 1)); /* array32, all ones */
	refused(BYTES(0xdf, 0x10, 0, 0, 0));             /* map32 */
	refused(BYTES(0xdc, 0xff, 0xff, 1, 2));          /* array16 */
	refused(BYTES(0x92, 1));                         /* fixarray, one short */
	refused(BYTES(0xdb, 0xff, 0xff, 0xff, 0xff));    /* str32 */
	refused(BYTES(0xc6, 0, 0, 0, 2, 'a'));           /* bin32, one short */
	refused(BYTES(0xc4, 2, 'a'));                    /* bin8 */
	refused(BYTES(0xa2, 'a'));                       /* fixstr */
	refused(BYTES(0xcf, 1, 2, 3, 4, 5, 6, 7));       /* uint64 */
	refused(BYTES(0xda, 0));                         /* half a length */
}

static void refuses_what_our_formats_do_not_use(void **state)
{
	(void)state;
	static const unsigned char first[] = { 0xc0, 0xc1, 0xc2, 0xc3, 0xc7, 0xc8, 0xc9, 0xca,
					       0xcb, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6,
					       0xd7, 0xd8, 0xde, 0xdf, 0x80, 0x8f, 0xe0, 0xff };
	unsigned char bytes[40] = { 0 };
	for (size_t i = 0; i < sizeof first; i++) {
		bytes[0] = first[i];
		refused(bytes, sizeof bytes);
	}
}

static void bounds_depth_and_nodes(void **state)
{
	(void)state;
	size_t size = 0;
	assert_true(pack_walk(BYTES(0x91, 0x91, 0x91, 0x91, 5), &size));
	assert_int_equal(size, 5);
	assert_true(pack_walk(BYTES(0x92, 0x91, 1, 0x90, 9), &size));
	assert_int_equal(size, 4);
	refused(BYTES(0x91, 0x91, 0x91, 0x91, 0x91, 5));

	unsigned char many[3 + PACK_NODES_MAX] = { 0xdc, 0, PACK_NODES_MAX - 1 };
	assert_true(pack_walk(many, sizeof many, &size));
	assert_int_equal(size, 2 + PACK_NODES_MAX);
	many[2] = PACK_NODES_MAX;
	refused(many, sizeof many);
}

static void checks_types_and_ranges(void **state)
{
	(void)state;
	unsigned char bytes[32];
	struct pack_out out = out_of(bytes, sizeof bytes);
	pack_put_array(&out, 3);
	pack_put_uint(&out, 100);
	pack_put_bytes(&out, "abc", 3);
	pack_put_text(&out, "abc", 3);
	struct pack_in in = { .data = bytes, .size = out.size };
	const msgpack_object *item = NULL;
	assert_int_equal(pack_next(&in, &item, NULL), FAULT_NONE);
	assert_null(pack_array(item, 2));
	const msgpack_object *part = pack_array(item, 3);
	assert_non_null(part);
	assert_null(pack_array(&part[0], 0));
	uint64_t value = 0;
	const unsigned char *data = NULL;
	const char *text = NULL;
	size_t size = 0;
	assert_true(pack_uint(&part[0], 100, &value));
	assert_false(pack_uint(&part[0], 99, &value));
	assert_false(pack_uint(&part[1], 100, &value));
	assert_true(pack_bytes(&part[1], 3, &data, &size));
	assert_false(pack_bytes(&part[1], 2, &data, &size));
	assert_false(pack_bytes(&part[2], 3, &data, &size));
	assert_true(pack_text(&part[2], 3, &text, &size));
	assert_false(pack_text(&part[2], 2, &text, &size));
	assert_false(pack_text(&part[1], 3, &text, &size));
	pack_in_fini(&in);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(decodes_what_it_encodes),
		cmocka_unit_test(leaves_out_what_does_not_fit),
		cmocka_unit_test(refuses_promises_without_reserving),
		cmocka_unit_test(refuses_what_our_formats_do_not_use),
		cmocka_unit_test(bounds_depth_and_nodes),
		cmocka_unit_test(checks_types_and_ranges),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
