#include "store/listing_parser.h"

#include "store/names_seen.h"
#include "tests/unit/facts.h"

#define CHK                                                                                        \
	"URI:CHK:c2y4chzhpui5fvy5fq5o7v2nv4:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega:" \
	"1:1:56"
#define LIT "URI:LIT:nbswy3dp"
#define DIRC                                                                                       \
	"URI:DIR2-CHK:c2y4chzhpui5fvy5fq5o7v2nv4:"                                                 \
	"tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega:1:1:56"
#define DIRW                                                                                       \
	"URI:DIR2:c2y4chzhpui5fvy5fq5o7v2nv4:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega"
#define DIRR                                                                                       \
	"URI:DIR2-RO:c2y4chzhpui5fvy5fq5o7v2nv4:"                                                  \
	"tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega"

enum { HELD = 8, MAX = 1 << 20 };

struct held {
	size_t count, refuse_at;
	struct store_child child[HELD];
	char name[HELD][64];
};

static bool hold(void *context, const struct store_child *child)
{
	struct held *held = context;
	if (held->count < HELD) {
		held->child[held->count] = *child;
		memcpy(held->name[held->count], child->name, min_u64(child->name_size + 1, 64));
	}
	held->count++;
	return held->count != held->refuse_at;
}

struct answer {
	struct store_node node;
	uint64_t children;
	struct err err;
};

/* Reads `text` in pieces of `piece` bytes. */
static enum fault read_in(const char *text, size_t piece, struct held *held, struct answer *answer)
{
	size_t refuse_at = held->refuse_at;
	*held = (struct held){ .refuse_at = refuse_at };
	*answer = (struct answer){ .children = 0 };
	struct listing_parser *listing = listing_parser_new(MAX, hold, held);
	assert_non_null(listing);
	enum fault fault = FAULT_NONE;
	size_t size = strlen(text);
	for (size_t at = 0; at < size && fault == FAULT_NONE; at += piece)
		fault = listing_parser_feed(listing, text + at, min_u64(piece, size - at),
					    &answer->err);
	if (fault == FAULT_NONE)
		fault = listing_parser_end(listing, &answer->node, &answer->children, &answer->err);
	listing_parser_free(listing);
	return fault;
}

static enum fault read_all(const char *text, struct held *held, struct answer *answer)
{
	return read_in(text, SIZE_MAX / 2, held, answer);
}

static enum fault fault_of(const char *text)
{
	struct held held = { .refuse_at = 0 };
	struct answer answer;
	return read_all(text, &held, &answer);
}

static void assert_cap(const struct cap *cap, const char *text)
{
	char printed[CAP_TEXT_SIZE];
	cap_print(cap, printed);
	assert_string_equal(printed, text);
}

static const char directory[] =
	"[\n \"dirnode\",\n {\n  \"children\": {\n"
	"   \"a\": [\"filenode\", {\"mutable\": false, \"format\": \"CHK\", \"size\": 56,"
	"     \"metadata\": {\"mtime\": 1699999999.1234567, \"ctime\": -1.5, \"st_mode\": 33188,"
	"       \"st_uid\": 1000, \"st_gid\": 4294967295, \"tahoe\": {\"linkcrtime\": 1.5,"
	"       \"mtime\": 8, \"linkmotime\": 2.25, \"x\": [1, {\"mtime\": 7}]},"
	"       \"linkmotime\": 9},"
	"     \"ro_uri\": \"" CHK "\", \"verify_uri\": \"x\"}],\n"
	"   \"\\u00e9/\\u0000b\": [\"dirnode\", {\"mutable\": true, \"metadata\": {},"
	"     \"ro_uri\": \"" DIRR "\", \"rw_uri\": \"" DIRW "\"}],\n"
	"   \"\": [\"unknown\", {\"metadata\": {}}]\n"
	"  },\n  \"mutable\": true,\n  \"ro_uri\": \"" DIRR "\",\n  \"rw_uri\": \"" DIRW "\",\n"
	"  \"verify_uri\": \"z\"\n }\n]\n";

static void assert_first(const struct store_child *a)
{
	assert_int_equal(a->node.kind, STORE_FILE);
	assert_false(a->node.is_mutable);
	assert_true(a->node.has_size);
	assert_int_equal(a->node.size, 56);
	assert_int_equal(a->node.rw.kind, CAP_NONE);
	assert_cap(&a->node.ro, CHK);
	assert_int_equal(a->node.metadata_flags, STORE_HAS_CTIME | STORE_HAS_MTIME |
							 STORE_HAS_MODE | STORE_HAS_UID |
							 STORE_HAS_GID | STORE_HAS_LINKED);
	assert_int_equal(a->node.linked_ns, 2250000000);
	assert_int_equal(a->node.metadata.mtime_ns, 1699999999123456700);
	assert_int_equal(a->node.metadata.ctime_ns, -1500000000);
	assert_int_equal(a->node.metadata.mode, 33188);
	assert_int_equal(a->node.metadata.uid, 1000);
	assert_int_equal(a->node.metadata.gid, UINT32_MAX);
}

static void tells_children_however_the_text_is_cut(void **state)
{
	(void)state;
	static const size_t piece[] = { 1, 2, 3, 7, 64, 1000, sizeof directory };
	for (size_t i = 0; i < ARRAY_COUNT(piece); i++) {
		struct held held = { .refuse_at = 0 };
		struct answer answer;
		assert_int_equal(read_in(directory, piece[i], &held, &answer), FAULT_NONE);
		assert_int_equal(held.count, 3);
		assert_int_equal(answer.children, 3);
		assert_string_equal(held.name[0], "a");
		assert_first(&held.child[0]);
		assert_int_equal(held.child[1].name_size, 5);
		assert_memory_equal(held.name[1], "\xc3\xa9/\0b", 6);
		assert_int_equal(held.child[1].node.kind, STORE_DIRECTORY);
		assert_true(held.child[1].node.is_mutable);
		assert_cap(&held.child[1].node.rw, DIRW);
		assert_cap(&held.child[1].node.ro, DIRR);
		assert_int_equal(held.child[1].node.metadata_flags, 0);
		assert_int_equal(held.child[2].name_size, 0);
		assert_int_equal(held.child[2].node.kind, STORE_UNKNOWN);
		assert_int_equal(answer.node.kind, STORE_DIRECTORY);
		assert_true(answer.node.is_mutable);
		assert_cap(&answer.node.rw, DIRW);
		assert_cap(&answer.node.ro, DIRR);
	}
}

static void tells_files_from_directories(void **state)
{
	(void)state;
	struct held held = { .refuse_at = 0 };
	struct answer answer;
	assert_int_equal(
		read_all("[\"filenode\", {\"mutable\": false, \"size\": 5, \"ro_uri\": \"" LIT
			 "\", \"metadata\": {\"mtime\": 3}}]",
			 &held, &answer),
		FAULT_NONE);
	assert_int_equal(answer.node.kind, STORE_FILE);
	assert_int_equal(answer.node.size, 5);
	assert_int_equal(answer.node.metadata.mtime_ns, 3000000000);
	assert_int_equal(read_all("[\"unknown\", {}]", &held, &answer), FAULT_NONE);
	assert_int_equal(answer.node.kind, STORE_UNKNOWN);
	assert_int_equal(read_all("[\"dirnode\", {\"children\": {}, \"ro_uri\": \"" DIRC "\"}]",
				  &held, &answer),
			 FAULT_NONE);
	assert_int_equal(answer.node.kind, STORE_DIRECTORY);
	assert_int_equal(answer.children, 0);
}

#define CHILD(name, type, properties)                                                              \
	"[\"dirnode\",{\"children\":{\"" name "\":[\"" type "\",{" properties "}]}}]"

static void never_believes_a_kind_that_its_cap_denies(void **state)
{
	(void)state;
	static const char *const text[] = {
		CHILD("a", "filenode", "\"ro_uri\":\"" DIRC "\""),
		CHILD("a", "dirnode", "\"ro_uri\":\"" CHK "\""),
		CHILD("a", "dirnode", "\"rw_uri\":\"" DIRW "\",\"ro_uri\":\"" CHK "\""),
		CHILD("a", "filenode", "\"ro_uri\":\"URI:CHK:short:1:1:1\""),
		CHILD("a", "filenode", "\"ro_uri\":\"lafs://future\""),
		CHILD("a", "filenode", ""),
	};
	for (size_t i = 0; i < ARRAY_COUNT(text); i++) {
		struct held held = { .refuse_at = 0 };
		struct answer answer;
		assert_int_equal(read_all(text[i], &held, &answer), FAULT_NONE);
		assert_int_equal(held.count, 1);
		assert_int_equal(held.child[0].node.kind, STORE_UNKNOWN);
	}
}

static void leaves_out_times_and_numbers_that_are_none(void **state)
{
	(void)state;
	struct held held = { .refuse_at = 0 };
	struct answer answer;
	assert_int_equal(read_all(CHILD("a", "filenode",
					"\"size\":-5,\"metadata\":{\"mtime\":1e300,\"ctime\":"
					"99999999999999999999,\"st_mode\":4294967296,\"st_uid\":-1,"
					"\"st_gid\":\"x\"}"),
				  &held, &answer),
			 FAULT_NONE);
	assert_int_equal(held.child[0].node.metadata_flags, STORE_UNTIMED);
	assert_false(held.child[0].node.has_size);
	static const char *const odd[] = { "NaN", "Infinity", "-Infinity", "\"2001-01-01\"" };
	for (size_t i = 0; i < ARRAY_COUNT(odd); i++) {
		char *text;
		assert_true(asprintf(&text,
				     CHILD("a", "filenode",
					   "\"metadata\":{\"mtime\": %s,"
					   "\"st_mode\":33188}"),
				     odd[i]) > 0);
		held = (struct held){ .refuse_at = 0 };
		assert_int_equal(read_all(text, &held, &answer), FAULT_NONE);
		assert_int_equal(held.child[0].node.metadata_flags, STORE_UNTIMED | STORE_HAS_MODE);
		free(text);
	}
}

static void refuses_what_is_no_listing(void **state)
{
	(void)state;
	static const char *const text[] = {
		"",
		" ",
		"[",
		"[]",
		"{}",
		"5",
		"\"dirnode\"",
		"[\"dirnode\"]",
		"[\"dirnode\", 5]",
		"[\"dirnode\", []]",
		"[\"dirnode\", {}, 5]",
		"[\"dirnode\", {}] x",
		"[\"dirnode\", {}] []",
		"[\"dirnode\", {}",
		"[\"room\", {}]",
		"[{}, {}]",
		"[5, {}]",
		"[null, {}]",
		"[\"dirnode\", {\"children\": []}]",
		"[\"dirnode\", {\"children\": 5}]",
		"[\"dirnode\", {\"children\": {\"a\": 5}}]",
		"[\"dirnode\", {\"children\": {\"a\": {}}}]",
		"[\"dirnode\", {\"children\": {\"a\": []}}]",
		"[\"dirnode\", {\"children\": {\"a\": [\"filenode\"]}}]",
		"[\"dirnode\", {\"children\": {\"a\": [[\"filenode\"], {}]}}]",
		"[\"dirnode\", {\"children\": {\"a\": [\"filenode\", {}, {}]}}]",
		"[\"dirnode\", {\"children\": {\"\xff\": [\"filenode\", {}]}}]",
		"[\"dirnode\", {\"children\": {\"a\": [\"unknown\", {}], \"a\": [\"unknown\", "
		"{}]}}]",
		"[\"dirnode\", {\"children\": {\"a\": [\"unknown\", {}], \"\\u0061\": "
		"[\"unknown\", "
		"{}]}}]",
		"[\"dirnode\", {\"children\": {}, \"children\": {}}]",
		"[\"filenode\", {\"ro_uri\": \"" LIT "\", \"ro_uri\": \"" LIT "\"}]",
		CHILD("a", "filenode", "\"metadata\":{\"mtime\":1,\"mtime\":2}"),
		"{\"error\": \"x\"}",
		"<html>",
	};
	for (size_t i = 0; i < ARRAY_COUNT(text); i++)
		assert_int_equal(fault_of(text[i]), FAULT_CORRUPT);
	for (size_t cut = 0; cut < sizeof directory - 3; cut++) {
		char part[sizeof directory] = "";
		memcpy(part, directory, cut);
		assert_int_equal(fault_of(part), FAULT_CORRUPT);
	}
}

static void bounds_depth_and_size(void **state)
{
	(void)state;
	char deep[600] = "[\"filenode\",{\"x\":";
	size_t at = strlen(deep);
	memset(deep + at, '[', LISTING_DEPTH_MAX - 2);
	memset(deep + at + LISTING_DEPTH_MAX - 2, ']', LISTING_DEPTH_MAX - 2);
	memcpy(deep + at + 2 * (LISTING_DEPTH_MAX - 2), "}]", 3);
	assert_int_equal(fault_of(deep), FAULT_NONE);
	memset(deep + at, '[', LISTING_DEPTH_MAX - 1);
	memset(deep + at + LISTING_DEPTH_MAX - 1, ']', LISTING_DEPTH_MAX - 1);
	memcpy(deep + at + 2 * (LISTING_DEPTH_MAX - 1), "}]", 3);
	assert_int_equal(fault_of(deep), FAULT_CORRUPT);
	struct listing_parser *listing = listing_parser_new(16, NULL, NULL);
	struct err err;
	assert_int_equal(listing_parser_feed(listing, "[\"unknown\", {}]", 15, &err), FAULT_NONE);
	assert_int_equal(listing_parser_feed(listing, "  ", 2, &err), FAULT_TOO_LARGE);
	struct answer answer;
	assert_int_equal(listing_parser_end(listing, &answer.node, &answer.children, &err),
			 FAULT_TOO_LARGE);
	listing_parser_free(listing);
	listing_parser_free(NULL);
}

static void takes_many_children(void **state)
{
	(void)state;
	enum { MANY = 1000 };
	struct bytes text;
	bytes_init(&text, MAX);
	assert_int_equal(bytes_append_text(&text, "[\"dirnode\", {\"children\": {"), FAULT_NONE);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(
			bytes_printf(&text,
				     "%s\"%d\": [\"filenode\", {\"metadata\": {\"x\": [{}]}"
				     ", \"ro_uri\": \"" LIT "\"}]",
				     i ? ", " : "", i),
			FAULT_NONE);
	assert_int_equal(bytes_append_text(&text, "}}]"), FAULT_NONE);
	struct held held = { .refuse_at = 0 };
	struct answer answer;
	assert_int_equal(read_all(bytes_text(&text), &held, &answer), FAULT_NONE);
	assert_int_equal(answer.children, MANY);
	assert_int_equal(held.count, MANY);
	bytes_fini(&text);
}

/* Two names of which each is half of a surrogate pair are two, and no text. */
static void tells_halves_of_pairs_apart(void **state)
{
	(void)state;
	static const char text[] =
		"[\"dirnode\",{\"children\":{\"\\ud800\":[\"filenode\",{}],"
		"\"\\ud801\":[\"filenode\",{}],\"\\udc00x\":[\"filenode\",{}],"
		"\"\\ud83d\\ude00\":[\"filenode\",{}],\"?\":[\"filenode\",{}]}}]";
	static const char *const name[] = { "\xed\xa0\x80", "\xed\xa0\x81", "\xed\xb0\x80x",
					    "\xf0\x9f\x98\x80", "?" };
	for (size_t piece = 1; piece <= sizeof text; piece += 6) {
		struct held held = { .refuse_at = 0 };
		struct answer answer;
		assert_int_equal(read_in(text, piece, &held, &answer), FAULT_NONE);
		assert_int_equal(held.count, ARRAY_COUNT(name));
		for (size_t i = 0; i < ARRAY_COUNT(name); i++)
			assert_string_equal(held.name[i], name[i]);
	}
}

static void reads_hashes_that_are_some(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		bool hashed;
	} known[] = {
		{ "\"0aff0000000000000000000000000001\"", true },
		{ "\"0aff000000000000000000000000001\"", false },
		{ "\"0AFF0000000000000000000000000001\"", false },
		{ "5", false },
		{ "{\"xxh3-128\": \"0aff0000000000000000000000000001\"}", false },
	};
	for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
		char *text;
		struct held held = { .refuse_at = 0 };
		struct answer answer;
		assert_true(asprintf(&text,
				     CHILD("a", "filenode",
					   "\"metadata\":{\"barge\":{\"xxh3-128\": %s}}"),
				     known[i].value) > 0);
		assert_int_equal(read_all(text, &held, &answer), FAULT_NONE);
		const struct edge_metadata *metadata = &held.child[0].node.metadata;
		assert_int_equal(metadata->hashed, known[i].hashed);
		if (metadata->hashed) {
			assert_int_equal(metadata->content_hash[1], 0xff);
			assert_int_equal(metadata->content_hash[15], 1);
		}
		free(text);
	}
}

static void append_run(struct bytes *text, char c, size_t size)
{
	assert_int_equal(bytes_reserve(text, size), FAULT_NONE);
	memset(text->data + text->size, c, size);
	text->size += size;
}

/* Appends a child with metadata of `size` bytes, in one string or in many keys. */
static void append_child(struct bytes *text, const char *name, size_t size, bool many)
{
	assert_int_equal(
		bytes_printf(text, "\"%s\":[\"filenode\",{\"metadata\":{\"mtime\":5,", name),
		FAULT_NONE);
	for (size_t i = 0; many && i < size; i += 11)
		assert_int_equal(bytes_printf(text, "\"%06zu\":1,", i), FAULT_NONE);
	assert_int_equal(bytes_append_text(text, "\"note\":\""), FAULT_NONE);
	if (!many)
		append_run(text, 'z', size);
	assert_int_equal(bytes_append_text(text, "\",\"ctime\":6},\"ro_uri\":\"" LIT "\"}]"),
			 FAULT_NONE);
}

static void reads_no_metadata_that_is_too_long(void **state)
{
	(void)state;
	for (int many = 0; many < 2; many++) {
		struct bytes text;
		struct held held = { .refuse_at = 0 };
		struct err err;
		struct store_node root;
		uint64_t children;
		bytes_init(&text, MAX);
		assert_int_equal(bytes_append_text(&text, "[\"dirnode\",{\"children\":{"),
				 FAULT_NONE);
		append_child(&text, "a", LISTING_METADATA_MAX, many);
		assert_int_equal(bytes_append_text(&text, ","), FAULT_NONE);
		append_child(&text, "b", LISTING_METADATA_MAX - 100, many);
		assert_int_equal(bytes_append_text(&text, ","), FAULT_NONE);
		append_child(&text, "c", 5 * LISTING_METADATA_MAX, many);
		assert_int_equal(bytes_append_text(&text, "}}]"), FAULT_NONE);
		struct listing_parser *listing = listing_parser_new(MAX, hold, &held);
		for (size_t at = 0; at < text.size; at += 777)
			assert_int_equal(listing_parser_feed(listing, text.data + at,
							     min_u64(777, text.size - at), &err),
					 FAULT_NONE);
		assert_int_equal(listing_parser_end(listing, &root, &children, &err), FAULT_NONE);
		listing_parser_free(listing);
		bytes_fini(&text);
		assert_int_equal(held.count, 3);
		for (size_t i = 0; i < 3; i++) {
			assert_int_equal(held.child[i].node.kind, STORE_FILE);
			assert_int_equal(held.child[i].node.metadata_flags,
					 i == 1 ? STORE_HAS_MTIME | STORE_HAS_CTIME : STORE_UNREAD);
		}
	}
}

/* Two names of 100,000 bytes that differ at their end are two, of less. */
static void bounds_names_and_keeps_them_apart(void **state)
{
	(void)state;
	struct bytes text;
	struct held held = { .refuse_at = 0 };
	struct answer answer;
	bytes_init(&text, MAX);
	assert_int_equal(bytes_append_text(&text, "[\"dirnode\",{\"children\":{"), FAULT_NONE);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(bytes_append_text(&text, i ? ",\"" : "\""), FAULT_NONE);
		append_run(&text, 'x', 100000);
		assert_int_equal(bytes_printf(&text, "%d\":[\"filenode\",{}]", i), FAULT_NONE);
	}
	assert_int_equal(bytes_append_text(&text, "}}]"), FAULT_NONE);
	assert_int_equal(read_in(bytes_text(&text), 16, &held, &answer), FAULT_NONE);
	assert_int_equal(held.count, 2);
	assert_in_range(held.child[0].name_size, 60000, 66000);
	bytes_fini(&text);
}

static void stops_when_a_child_is_refused(void **state)
{
	(void)state;
	struct held held = { .refuse_at = 2 };
	struct answer answer;
	assert_int_equal(read_all(directory, &held, &answer), FAULT_CANCELLED);
	assert_int_equal(held.count, 2);
}

static void remembers_many_names(void **state)
{
	(void)state;
	struct names_seen seen = { .count = 0 };
	char name[32];
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 50000; i++) {
			int size = snprintf(name, sizeof name, "name %d", i);
			assert_int_equal(names_seen_add(&seen, name, (size_t)size),
					 round ? FAULT_EXISTS : FAULT_NONE);
		}
	assert_int_equal(seen.count, 50000);
	names_seen_fini(&seen);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(tells_children_however_the_text_is_cut),
		cmocka_unit_test(tells_files_from_directories),
		cmocka_unit_test(never_believes_a_kind_that_its_cap_denies),
		cmocka_unit_test(leaves_out_times_and_numbers_that_are_none),
		cmocka_unit_test(refuses_what_is_no_listing),
		cmocka_unit_test(bounds_depth_and_size),
		cmocka_unit_test(takes_many_children),
		cmocka_unit_test(tells_halves_of_pairs_apart),
		cmocka_unit_test(reads_hashes_that_are_some),
		cmocka_unit_test(reads_no_metadata_that_is_too_long),
		cmocka_unit_test(bounds_names_and_keeps_them_apart),
		cmocka_unit_test(stops_when_a_child_is_refused),
		cmocka_unit_test(remembers_many_names),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
