#include "serve/directory.h"

#include "tests/unit/facts.h"

#define LIT_A "URI:LIT:me"
#define LIT_B "URI:LIT:mi"
#define CHK                                                                                        \
	"URI:CHK:aaaaaaaaaaaaaaaaaaaaaaaaaa:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:" \
	"1:1:100"
#define DIR2                                                                                       \
	"URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static struct stored_directory read_json(const char *text)
{
	struct stored_directory directory = { 0 };
	struct err err;
	assert_int_equal(directory_from_json(text, strlen(text), false, &directory, &err),
			 FAULT_NONE);
	return directory;
}

static int status_of(const char *text, bool immutable)
{
	struct stored_directory directory = { 0 };
	struct err err;
	if (!directory_from_json(text, strlen(text), immutable, &directory, &err)) {
		directory_fini(&directory);
		return 200;
	}
	assert_int_equal(directory.count, 0);
	return err.http_status;
}

static void reads_children_sorted_and_in_nfc(void **state)
{
	(void)state;
	struct stored_directory directory = read_json(
		"{\"b\": [\"filenode\", {\"ro_uri\": \"" LIT_A "\"}],"
		" \"e\\u0301\": [\"filenode\", {\"ro_uri\": \"" LIT_A "\"}],"
		" \"a\": [\"x\", {\"rw_uri\": \"" DIR2 "\", \"metadata\": {\"m\": 1.50}}],"
		" \"\\u00e9\": [\"filenode\", {\"ro_uri\": \"" LIT_B "\"}]}");
	assert_int_equal(directory.count, 3);
	assert_string_equal(directory.list[0].name, "a");
	assert_string_equal(directory.list[0].rw, DIR2);
	assert_memory_equal(directory.list[0].ro, "URI:DIR2-RO:", 12);
	assert_string_equal(directory.list[0].metadata, "{\"m\": 1.5}");
	assert_string_equal(directory.list[1].name, "b");
	assert_null(directory.list[1].metadata);
	/* Names equal in NFC: the last one stays. */
	assert_string_equal(directory.list[2].ro, LIT_B);
	assert_ptr_equal(directory_find(&directory, "e\xcc\x81", 3), &directory.list[2]);
	assert_null(directory_find(&directory, "c", 1));
	assert_true(directory_remove(&directory, "b", 1));
	assert_false(directory_remove(&directory, "b", 1));
	assert_int_equal(directory.count, 2);
	directory_fini(&directory);
}

static void metadata_are_printed_as_python_does(void **state)
{
	(void)state;
	struct stored_directory directory = read_json(
		"{\"a\": [\"f\", {\"ro_uri\": \"" LIT_A "\", \"metadata\": {\"z\":[1e3,1.50,-0,7],"
		"\"a\":\"\\u00e9\\ud83d\\ude00/\\u007f\\n\\\"\\\\\\u0001\",\"n\":null,\"t\":true,"
		"\"e\":{},\"l\":[]}}]}");
	assert_string_equal(directory.list[0].metadata,
			    "{\"z\": [1000.0, 1.5, 0, 7], \"a\": "
			    "\"\\u00e9\\ud83d\\ude00/\\u007f\\n\\\"\\\\\\u0001\", \"n\": null, "
			    "\"t\": true, \"e\": {}, \"l\": []}");
	directory_fini(&directory);
}

static void refuses_as_tahoe_does(void **state)
{
	(void)state;
	assert_int_equal(status_of("{", false), 500);
	assert_int_equal(status_of("[]", false), 500);
	assert_int_equal(status_of("", false), 500);
	assert_int_equal(status_of("{\"a\": 1}", false), 500);
	assert_int_equal(status_of("{\"\\ud800\": [\"f\", {}]}", false), 500);
	assert_int_equal(status_of("{\"a\": [\"f\", {\"metadata\": null}]}", false), 500);
	assert_int_equal(status_of("{\"a\": [\"f\", {\"ro_uri\": \"URI:LIT:mf\"}]}", false), 500);
	assert_int_equal(status_of("{\"a\": [\"f\", {\"rw_uri\": \"x-future\"}]}", false), 400);
	assert_int_equal(status_of("{\"a\": [\"f\", {\"rw_uri\": \"" DIR2 "\"}]}", true), 400);
	assert_int_equal(status_of("{\"a\": [\"f\", {\"rw_uri\": \"" CHK "\"}]}", true), 200);
	assert_int_equal(status_of("{}", true), 200);
}

static void no_write_takes_the_write_cap_away(void **state)
{
	(void)state;
	struct stored_directory directory =
		read_json("{\"a\": [\"d\", {\"rw_uri\": \"" DIR2 "\", \"metadata\": "
			  "{\"no-write\": true}}]}");
	assert_string_equal(directory.list[0].rw, "");
	assert_memory_equal(directory.list[0].ro, "URI:DIR2-RO:", 12);
	directory_fini(&directory);
}

static enum fault merge(struct stored_directory *into, const char *text, enum replace_rule rule,
			struct err *err)
{
	struct stored_directory from = read_json(text);
	const enum fault fault = directory_merge(into, &from, rule, 5.5, err);
	directory_fini(&from);
	return fault;
}

static void merging_obeys_the_replace_rule_or_does_nothing(void **state)
{
	(void)state;
	struct err err;
	struct stored_directory into = read_json("{\"d\": [\"d\", {\"rw_uri\": \"" DIR2 "\"}],"
						 " \"f\": [\"f\", {\"ro_uri\": \"" LIT_A "\"}]}");
	assert_int_equal(directory_complete(&into, NULL), FAULT_NONE);
	static const char both[] = "{\"e\": [\"f\", {\"ro_uri\": \"" LIT_B "\"}],"
				   " \"f\": [\"f\", {\"ro_uri\": \"" LIT_B "\"}]}";
	static const char over_directory[] = "{\"a\": [\"f\", {\"ro_uri\": \"" LIT_B "\"}],"
					     " \"d\": [\"f\", {\"ro_uri\": \"" LIT_B "\"}]}";
	assert_int_equal(merge(&into, both, REPLACE_NEVER, &err), FAULT_EXISTS);
	assert_int_equal(err.http_status, 409);
	assert_int_equal(merge(&into, over_directory, REPLACE_FILES, &err), FAULT_EXISTS);
	assert_int_equal(into.count, 2);
	assert_string_equal(into.list[1].ro, LIT_A);
	assert_int_equal(merge(&into, both, REPLACE_FILES, &err), FAULT_NONE);
	assert_int_equal(into.count, 3);
	assert_string_equal(into.list[0].name, "d");
	assert_string_equal(into.list[1].name, "e");
	assert_string_equal(into.list[2].ro, LIT_B);
	assert_int_equal(merge(&into, over_directory, REPLACE_ALWAYS, &err), FAULT_NONE);
	assert_int_equal(into.count, 4);
	assert_string_equal(into.list[1].ro, LIT_B);
	assert_string_equal(into.list[1].rw, "");
	directory_fini(&into);
}

static void merged_metadata_are_the_new_or_else_the_old_ones(void **state)
{
	(void)state;
	struct stored_directory into = read_json("{\"a\": [\"f\", {\"ro_uri\": \"" LIT_A
						 "\", \"metadata\": {\"k\": 1, \"tahoe\": "
						 "{\"linkcrtime\": 2.0, \"linkmotime\": 3.0}}}]}");
	assert_int_equal(
		merge(&into, "{\"a\": [\"f\", {\"ro_uri\": \"" LIT_B "\"}]}", REPLACE_ALWAYS, NULL),
		FAULT_NONE);
	assert_string_equal(into.list[0].metadata,
			    "{\"k\": 1, \"tahoe\": {\"linkcrtime\": 2.0, \"linkmotime\": 5.5}}");
	assert_int_equal(merge(&into,
			       "{\"a\": [\"f\", {\"ro_uri\": \"" LIT_B
			       "\", \"metadata\": {\"n\": 2, \"tahoe\": {\"linkcrtime\": 9}}}],"
			       " \"b\": [\"f\", {\"ro_uri\": \"" LIT_B "\"}]}",
			       REPLACE_ALWAYS, NULL),
			 FAULT_NONE);
	assert_string_equal(into.list[0].metadata,
			    "{\"n\": 2, \"tahoe\": {\"linkcrtime\": 2.0, \"linkmotime\": 5.5}}");
	assert_string_equal(into.list[1].metadata,
			    "{\"tahoe\": {\"linkcrtime\": 5.5, \"linkmotime\": 5.5}}");
	directory_fini(&into);
}

static void merging_into_an_empty_directory_takes_all(void **state)
{
	(void)state;
	struct stored_directory into = { 0 };
	assert_int_equal(merge(&into, "{}", REPLACE_NEVER, NULL), FAULT_NONE);
	assert_int_equal(into.count, 0);
	assert_int_equal(
		merge(&into, "{\"a\": [\"f\", {\"ro_uri\": \"" LIT_B "\"}]}", REPLACE_NEVER, NULL),
		FAULT_NONE);
	assert_int_equal(into.count, 1);
	directory_fini(&into);
}

static const unsigned char writekey[CAP_KEY_SIZE] = "sixteen bytes ..";

static void packs_and_unpacks_with_write_caps_for_writers_only(void **state)
{
	(void)state;
	struct bytes body;
	bytes_init(&body, 1 << 20);
	struct stored_directory all,
		made = read_json("{\"d\": [\"d\", {\"rw_uri\": \"" DIR2 "\"}],"
				 " \"f\": [\"f\", {\"ro_uri\": \"" CHK "\"}]}");
	assert_int_equal(directory_complete(&made, NULL), FAULT_NONE);
	assert_int_equal(directory_pack(&made, writekey, &body, NULL), FAULT_NONE);
	assert_null(memmem(body.data, body.size, DIR2, strlen(DIR2)));
	const unsigned char *const keys[] = { writekey, NULL };
	for (size_t i = 0; i < ARRAY_COUNT(keys); i++) {
		assert_int_equal(directory_unpack(body.data, body.size, keys[i], &all, NULL),
				 FAULT_NONE);
		assert_int_equal(all.count, 2);
		assert_string_equal(all.list[0].rw, keys[i] ? DIR2 : "");
		assert_string_equal(all.list[0].ro, made.list[0].ro);
		assert_string_equal(all.list[1].ro, CHK);
		assert_string_equal(all.list[1].rw, "");
		assert_string_equal(all.list[1].metadata, "{}");
		directory_fini(&all);
	}
	bytes_fini(&body);
	directory_fini(&made);
}

static void an_immutable_directory_is_packed_as_tahoe_does(void **state)
{
	(void)state;
	struct bytes body;
	bytes_init(&body, 1 << 20);
	struct stored_directory made = read_json("{\"b\": [\"f\", {\"ro_uri\": \"" LIT_A "\"}]}");
	assert_int_equal(directory_complete(&made, NULL), FAULT_NONE);
	assert_int_equal(directory_pack(&made, NULL, &body, NULL), FAULT_NONE);
	assert_string_equal(bytes_text(&body), "26:1:b,10:" LIT_A ",0:,2:{},,");
	bytes_fini(&body);
	directory_fini(&made);
}

static void refuses_to_unpack_what_is_no_directory(void **state)
{
	(void)state;
	static const char good[] = "26:1:b,10:" LIT_A ",0:,2:{},,";
	struct stored_directory all = { 0 };
	struct err err;
	for (size_t size = 1; size < sizeof good - 1; size++) {
		char *exact = malloc(size);
		memcpy(exact, good, size);
		assert_int_equal(directory_unpack(exact, size, NULL, &all, &err), FAULT_CORRUPT);
		assert_int_equal(err.http_status, 410);
		free(exact);
	}
	assert_int_equal(directory_unpack("99999999999999999999:a,", 23, NULL, &all, &err),
			 FAULT_CORRUPT);
	assert_int_equal(directory_unpack("", 0, NULL, &all, &err), FAULT_NONE);
	assert_int_equal(all.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_children_sorted_and_in_nfc),
		cmocka_unit_test(metadata_are_printed_as_python_does),
		cmocka_unit_test(refuses_as_tahoe_does),
		cmocka_unit_test(no_write_takes_the_write_cap_away),
		cmocka_unit_test(merging_obeys_the_replace_rule_or_does_nothing),
		cmocka_unit_test(merging_into_an_empty_directory_takes_all),
		cmocka_unit_test(merged_metadata_are_the_new_or_else_the_old_ones),
		cmocka_unit_test(packs_and_unpacks_with_write_caps_for_writers_only),
		cmocka_unit_test(an_immutable_directory_is_packed_as_tahoe_does),
		cmocka_unit_test(refuses_to_unpack_what_is_no_directory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
