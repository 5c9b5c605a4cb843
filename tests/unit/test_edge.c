#include "tahoe/edge.h"

#include "base/meta.h"

#include "tests/unit/facts.h"

#include <math.h>

static void prints_floats_as_python(void **state)
{
	(void)state;
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{ 0.0, "0.0" },
		{ -0.0, "-0.0" },
		{ 1.0, "1.0" },
		{ 1.5, "1.5" },
		{ 2.25, "2.25" },
		{ 0.1, "0.1" },
		{ 1e15, "1000000000000000.0" },
		{ 1e16, "1e+16" },
		{ 9999999999999998.0, "9999999999999998.0" },
		{ 1e22, "1e+22" },
		{ 1e-4, "0.0001" },
		{ 1e-5, "1e-05" },
		{ 1.25e-7, "1.25e-07" },
		{ 1.0 / 3, "0.3333333333333333" },
		{ -2.5, "-2.5" },
		{ 5e-324, "5e-324" },
		{ 1.7976931348623157e308, "1.7976931348623157e+308" },
		{ 1700000000.1234567, "1700000000.1234567" },
		{ 100.0, "100.0" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		char text[EDGE_FLOAT_SIZE];
		assert_int_equal(edge_float(cases[i].value, text), strlen(cases[i].text));
		assert_string_equal(text, cases[i].text);
	}
}

/* Times of today go another way than other numbers: no shorter text may read back as the same. */
static void prints_times_as_short_as_they_can_be(void **state)
{
	(void)state;
	static const double edge[] = { 0x1p30,
				       0x1.fffffffffffffp30,
				       0x1.fffffffffffffp29,
				       0x1p31,
				       1700000000,
				       1700000000.9999998,
				       1999999999.9999998,
				       1700000000.5,
				       1764410000.123456789,
				       1100000000.0000002 };
	uint64_t random = 88172645463325252;
	for (size_t i = 0; i < 200000; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		double value = i < ARRAY_COUNT(edge)
				       ? edge[i]
				       : ldexp(1 + ldexp((double)(random >> 12), -52), 30);
		char text[EDGE_FLOAT_SIZE], shortest[64];
		edge_float(value, text);
		int digits = 10;
		do
			snprintf(shortest, sizeof shortest, "%.*f%s", digits - 10, value,
				 digits == 10 ? ".0" : "");
		while (digits++ < 20 && strtod(shortest, NULL) != value);
		assert_string_equal(text, shortest);
	}
}

static void prints_the_hash_of_a_chunk(void **state)
{
	(void)state;
	struct bytes out;
	bytes_init(&out, 1000);
	const struct edge_metadata hashed = { .ctime_ns = META_NO_TIME,
					      .mtime_ns = META_NO_TIME,
					      .hashed = true,
					      .content_hash = { 0x0a, 0xff } };
	assert_int_equal(edge_metadata_json(&out, &hashed), FAULT_NONE);
	assert_string_equal(bytes_text(&out),
			    "{\"barge\": {\"xxh3-128\": \"0aff0000000000000000000000000000\"}}");
	bytes_fini(&out);
}

static void prints_metadata_in_order(void **state)
{
	(void)state;
	struct bytes out;
	bytes_init(&out, 1000);
	const struct edge_metadata metadata = { .ctime_ns = 2250000000,
						.mtime_ns = 1500000000,
						.mode = 33188,
						.uid = 1000,
						.gid = 4294967295 };
	assert_int_equal(edge_metadata_json(&out, &metadata), FAULT_NONE);
	assert_string_equal(bytes_text(&out),
			    "{\"ctime\": 2.25, \"mtime\": 1.5, \"st_mode\": 33188, "
			    "\"st_uid\": 1000, \"st_gid\": 4294967295}");
	bytes_clear(&out);
	const struct edge_metadata early = { .ctime_ns = -1, .mtime_ns = -1500000000 };
	assert_int_equal(edge_metadata_json(&out, &early), FAULT_NONE);
	assert_string_equal(bytes_text(&out),
			    "{\"ctime\": -9.999999717180685e-10, \"mtime\": -1.5}");
	/* Of a file in chunks. */
	bytes_clear(&out);
	const struct edge_metadata chunked = { .ctime_ns = META_NO_TIME,
					       .mtime_ns = 1500000000,
					       .chunked = 5000000 };
	assert_int_equal(edge_metadata_json(&out, &chunked), FAULT_NONE);
	assert_string_equal(bytes_text(&out),
			    "{\"mtime\": 1.5, \"barge\": {\"chunked\": {\"size\": 5000000, "
			    "\"version\": 1}}}");
	/* Of a backup, in the order of tahoe's. */
	bytes_clear(&out);
	struct edge_metadata numbered = { .ctime_ns = 2250000000,
					  .mtime_ns = 1500000000,
					  .mode = 33188,
					  .uid = 7,
					  .gid = 8,
					  .numbered = true,
					  .ino = 3,
					  .dev = 65024,
					  .nlink = 1 };
	assert_int_equal(edge_metadata_json(&out, &numbered), FAULT_NONE);
	assert_string_equal(bytes_text(&out),
			    "{\"ctime\": 2.25, \"mtime\": 1.5, \"st_mode\": 33188, \"st_ino\": 3, "
			    "\"st_dev\": 65024, \"st_uid\": 7, \"st_gid\": 8}");
	bytes_clear(&out);
	numbered.nlink = 2;
	numbered.unreadable = "permission denied";
	assert_int_equal(edge_metadata_json(&out, &numbered), FAULT_NONE);
	assert_string_equal(bytes_text(&out),
			    "{\"ctime\": 2.25, \"mtime\": 1.5, \"st_mode\": 33188, \"st_ino\": 3, "
			    "\"st_dev\": 65024, \"st_uid\": 7, \"st_gid\": 8, \"st_nlink\": 2, "
			    "\"barge\": {\"unreadable\": \"permission denied\"}}");
	/* What cannot be told is not told. */
	bytes_clear(&out);
	const struct edge_metadata beyond = { .ctime_ns = INT64_MIN,
					      .mtime_ns = INT64_MAX,
					      .mode = 33188 };
	assert_int_equal(edge_metadata_json(&out, &beyond), FAULT_NONE);
	assert_string_equal(bytes_text(&out), "{\"st_mode\": 33188, \"st_uid\": 0, \"st_gid\": 0}");
	bytes_fini(&out);
}

/* What only barge keeps, all of it and one by one. */
static void prints_of_its_own_what_there_is(void **state)
{
	(void)state;
	struct bytes out;
	bytes_init(&out, 1000);
	const struct edge_metadata all = { .ctime_ns = META_NO_TIME,
					   .mtime_ns = META_NO_TIME,
					   .mode = 1,
					   .nlink = 9, /* is not numbered */
					   .unreadable = "x",
					   .chunked = 1,
					   .attributes = (const unsigned char *)"A",
					   .attributes_size = 1,
					   .tags = "tail",
					   .tags_size = 1,
					   .hashed = true };
	assert_int_equal(edge_metadata_json(&out, &all), FAULT_NONE);
	assert_string_equal(bytes_text(&out),
			    "{\"st_mode\": 1, \"st_uid\": 0, \"st_gid\": 0, \"barge\": "
			    "{\"unreadable\": \"x\", \"chunked\": {\"size\": 1, \"version\": 1}, "
			    "\"attributes\": \"QQ==\", \"tags\": \"t\", "
			    "\"xxh3-128\": \"00000000000000000000000000000000\"}}");
	bytes_clear(&out);
	const struct edge_metadata tagged = {
		.ctime_ns = META_NO_TIME, .mtime_ns = META_NO_TIME, .tags = "a,b", .tags_size = 3
	};
	assert_int_equal(edge_metadata_json(&out, &tagged), FAULT_NONE);
	assert_string_equal(bytes_text(&out), "{\"barge\": {\"tags\": \"a,b\"}}");
	bytes_clear(&out);
	const struct edge_metadata extended = { .ctime_ns = META_NO_TIME,
						.mtime_ns = META_NO_TIME,
						.attributes = (const unsigned char *)"A",
						.attributes_size = 1 };
	assert_int_equal(edge_metadata_json(&out, &extended), FAULT_NONE);
	assert_string_equal(bytes_text(&out), "{\"barge\": {\"attributes\": \"QQ==\"}}");
	bytes_clear(&out);
	const struct edge_metadata dressed = { .ctime_ns = META_NO_TIME,
					       .mtime_ns = META_NO_TIME,
					       .unreadable = "denied",
					       .attributes = (const unsigned char *)"\1\2\0\377",
					       .attributes_size = 4 };
	assert_int_equal(edge_metadata_json(&out, &dressed), FAULT_NONE);
	assert_string_equal(bytes_text(&out), "{\"barge\": {\"unreadable\": \"denied\", "
					      "\"attributes\": \"AQIA/w==\"}}");
	bytes_fini(&out);
}

static enum fault child(struct bytes *out, const char *name, const char *text, const char *metadata)
{
	struct cap cap;
	assert_int_equal(cap_parse(text, strlen(text), &cap, NULL), FAULT_NONE);
	const struct edge_child with = { name, strlen(name), &cap, metadata,
					 metadata ? strlen(metadata) : 0 };
	return edge_json_child(out, &with);
}

static void builds_children(void **state)
{
	(void)state;
	struct bytes out;
	bytes_init(&out, 1000);
#define FIELDS "jqaetaqsvifhgvk7ibkfrjd2rm:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega"
	assert_int_equal(edge_json_open(&out), FAULT_NONE);
	assert_int_equal(child(&out, "a\"\\\n\x01", "URI:LIT:", "{\"mtime\": 1.5}"), FAULT_NONE);
	assert_int_equal(child(&out, "\xc3\xa9/", "URI:DIR2:" FIELDS, NULL), FAULT_NONE);
	assert_int_equal(child(&out, "{", "URI:DIR2-RO:" FIELDS, NULL), FAULT_NONE);
	assert_int_equal(child(&out, "u", "x-future:\"1", NULL), FAULT_NONE);
	assert_int_equal(edge_json_close(&out), FAULT_NONE);
	assert_string_equal(bytes_text(&out),
			    "{\"a\\\"\\\\\\n\\u0001\": [\"filenode\", {\"ro_uri\": \"URI:LIT:\", "
			    "\"metadata\": {\"mtime\": 1.5}}], "
			    "\"\xc3\xa9/\": [\"dirnode\", {\"rw_uri\": \"URI:DIR2:" FIELDS "\"}], "
			    "\"{\": [\"dirnode\", {\"ro_uri\": \"URI:DIR2-RO:" FIELDS "\"}], "
			    "\"u\": [\"unknown\", {\"ro_uri\": \"x-future:\\\"1\"}]}");
	bytes_fini(&out);
}

static void leaves_the_body_alone_on_failure(void **state)
{
	(void)state;
	struct bytes out;
	bytes_init(&out, 60);
	assert_int_equal(edge_json_open(&out), FAULT_NONE);
	assert_int_equal(child(&out, "\xff", "URI:LIT:", NULL), FAULT_USAGE);
	assert_int_equal(out.size, 1);
	assert_int_equal(child(&out, "a", "URI:LIT:", NULL), FAULT_NONE);
	const size_t size = out.size;
	assert_int_equal(child(&out, "b", "URI:LIT:", NULL), FAULT_TOO_LARGE);
	assert_int_equal(out.size, size);
	bytes_fini(&out);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(prints_floats_as_python),
		cmocka_unit_test(prints_times_as_short_as_they_can_be),
		cmocka_unit_test(prints_the_hash_of_a_chunk),
		cmocka_unit_test(prints_metadata_in_order),
		cmocka_unit_test(prints_of_its_own_what_there_is),
		cmocka_unit_test(builds_children),
		cmocka_unit_test(leaves_the_body_alone_on_failure),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
