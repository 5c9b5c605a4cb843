#include "commit/assembly.h"

#include "tests/unit/facts.h"
#include "tests/unit/one_listing.h"
#include "tests/unit/scratch.h"

#define HELLO "URI:LIT:nbswy3dp"

#define META "{\"ctime\": 2.25, \"mtime\": 1.5, \"st_mode\": 33188, \"st_uid\": 0, \"st_gid\": 0}"

#define LINK(cap) "[\"filenode\", {\"ro_uri\": \"" cap "\", \"metadata\": " META "}]"
#define DIR2                                                                                       \
	"URI:DIR2:sazfiwozvsrqro6evueurubpxq:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"

#define SSK                                                                                        \
	"URI:SSK:sazfiwozvsrqro6evueurubpxq:chn6qsleosjn2spz2rbtrpdobjsugvw5lz22w3247wzfgswe5wva"

#define META_OF                                                                                    \
	{                                                                                          \
		.mode = 33188, .mtime_ns = 1500000000, .ctime_ns = 2250000000                      \
	}

/* The secret, and what tahoe-lafs 1.20.0 makes with it: see test_dirnode.c. */
static struct chk_params tahoes_params(uint16_t n)
{
	struct chk_params params = {
		.k = 1, .n = n, .max_segment_size = CHK_SEGMENT_SIZE, .secret_size = CHK_SECRET_MAX
	};
	for (size_t i = 0; i < CHK_SECRET_MAX; i++)
		params.secret[i] = (unsigned char)i;
	return params;
}

static struct assembly build(struct one_listing *one_listing, const struct chk_params *params)
{
	struct assembly assembly;
	struct err err;
	const struct assembly_source source = { .reader = one_listing->reader,
						.listing = one_listing->listing,
						.merges = !params,
						.params = params };
	assert_int_equal(assembly_build(&source, &assembly, &err), FAULT_NONE);
	return assembly;
}

static void see(struct assembly *assembly, const char *name, const char *text)
{
	struct store_child child = { .name = name, .name_size = strlen(name) };
	child.node.ro = one_listing_cap(text);
	if (cap_is_writable(&child.node.ro))
		child.node.rw = child.node.ro;
	childset_see(&assembly->set, &child);
}

static void a_body_names_what_is_done_with_its_metadata(void **state)
{
	(void)state;
	static const struct one_listing_item item[] = {
		{ .name = "a", .cap = HELLO, .meta = META_OF },
		{ .name = "b", .state = OUTCOME_FAILED },
		{ .name = "c", .state = OUTCOME_SKIPPED },
		{ .name = "d", .cap = DIR2, .is_directory = true },
	};
	struct one_listing one_listing;
	one_listing_init(&one_listing, item, ARRAY_COUNT(item));
	struct assembly assembly = build(&one_listing, NULL);
	assert_int_equal(assembly.request[ENTRY_NEW].children, 2);
	assert_int_equal(assembly.left_out, 2);
	assert_false(assembly.predicted);
	assert_string_equal(bytes_text(&assembly.request[ENTRY_NEW].json),
			    "{\"a\": " LINK(HELLO) ", \"d\": [\"dirnode\", {\"rw_uri\": \"" DIR2
						   "\"}]}");
	childset_begin(&assembly.set);
	see(&assembly, "d", DIR2);
	assert_false(childset_matches(&assembly.set, true));
	see(&assembly, "a", HELLO);
	assert_true(childset_matches(&assembly.set, true));
	assembly_fini(&assembly);
	assembly_fini(&assembly);
	one_listing_fini(&one_listing);
}

static void predicts_the_caps_of_tahoe(void **state)
{
	(void)state;
	static const struct one_listing_item one[] = { { .name = "a", .cap = HELLO } };
	static const struct one_listing_item two[] = {
		{ .name = "a", .cap = HELLO, .meta = META_OF },
		{ .name = "b\n\xc3\xa9", .cap = "URI:DIR2-LIT:", .is_directory = true },
	};
	static const struct {
		const struct one_listing_item *item;
		size_t count;
		const char *cap;
	} table[] = {
		{ one, 0, "URI:DIR2-LIT:" },
		{ one, 1,
		  "URI:DIR2-LIT:gmzdumj2mewdcnr2kvjesosmjfkdu3tcon3xsm3eoawdaormgi5hw7jmfq" },
		{ two, 2,
		  "URI:DIR2-CHK:kvwafbpsraimcd46mvdbcexjki:kauw5nrwkx2akpv3y7si"
		  "d4kuxf65fn6g3tja7vhnngqjv52xqubq:1:1:145" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
		struct one_listing one_listing;
		const struct chk_params params = tahoes_params(1);
		const struct cap expected = one_listing_cap(table[i].cap);
		one_listing_init(&one_listing, table[i].item, table[i].count);
		struct assembly assembly = build(&one_listing, &params);
		assert_true(assembly.predicted);
		assert_true(cap_equal(&assembly.cap, &expected));
		if (expected.kind == CAP_DIR2_CHK)
			assert_int_equal(assembly.size, 145);
		assembly_fini(&assembly);
		one_listing_fini(&one_listing);
	}
}

static void the_cap_is_known_for_any_k_and_n(void **state)
{
	(void)state;
	static const struct one_listing_item item[] = {
		{ .name = "a", .cap = HELLO, .meta = META_OF }
	};
	const struct chk_params params = tahoes_params(10);
	struct one_listing one_listing;
	one_listing_init(&one_listing, item, 1);
	struct assembly assembly = build(&one_listing, &params);
	assert_true(assembly.predicted);
	assert_int_equal(assembly.cap.kind, CAP_DIR2_CHK);
	assert_int_equal(assembly.cap.needed, params.k);
	assert_int_equal(assembly.cap.total, params.n);
	assert_int_equal(assembly.cap.size, assembly.size);
	assembly_fini(&assembly);
	one_listing_fini(&one_listing);
}

/* Its shares are for servers, the request for a gateway where those fail. */
static void a_mutable_directory_gets_shares_and_a_request(void **state)
{
	(void)state;
	static const struct one_listing_item item[] = {
		{ .name = "a", .cap = HELLO, .meta = META_OF },
		{ .name = "d", .cap = DIR2, .is_directory = true },
	};
	const struct chk_params params = tahoes_params(2);
	struct mutable_key key;
	struct one_listing one_listing;
	struct assembly assembly;
	struct slot_share share;
	struct bytes form;
	struct err err;
	assert_int_equal(mutable_key_generate(&key, &err), FAULT_NONE);
	one_listing_init(&one_listing, item, ARRAY_COUNT(item));
	const struct assembly_source source = {
		.reader = one_listing.reader,
		.listing = one_listing.listing,
		.params = &params,
		.key = &key,
	};
	assert_int_equal(assembly_build(&source, &assembly, &err), FAULT_NONE);
	assert_false(assembly.predicted);
	assert_int_equal(assembly.request[ENTRY_NEW].children, 2);
	assert_non_null(assembly.slot);
	assert_int_equal(assembly.slot->count, 2);
	assert_int_equal(slot_share_read(assembly.slot->data, assembly.slot->share_size, 10000,
					 &share, &err),
			 FAULT_NONE);
	bytes_init(&form, 10000);
	assert_int_equal(slot_decode(&key.cap, &share, &form, &err), FAULT_NONE);
	assert_non_null(strstr(bytes_text(&form), "1:a,16:URI:LIT:nbswy3dp,48:"));
	assert_non_null(memmem(form.data, form.size, ":URI:DIR2-RO:", 13)); /* its write cap: */
	assert_null(memmem(form.data, form.size, "URI:DIR2:", 9));          /* hidden */
	bytes_fini(&form);
	assembly_fini(&assembly);
	one_listing_fini(&one_listing);
}

/* A request is for a gateway only; a literal, which has no shares, goes to one. */
static void what_has_shares_needs_no_request(void **state)
{
	(void)state;
	static const struct one_listing_item item[] = {
		{ .name = "a", .cap = HELLO, .meta = META_OF },
		{ .name = "b", .cap = HELLO, .meta = META_OF },
	};
	const struct chk_params params = tahoes_params(3);
	for (size_t count = 0; count < 3; count += 2) {
		struct one_listing one_listing;
		struct assembly assembly;
		struct err err;
		one_listing_init(&one_listing, item, count);
		const struct assembly_source source = { .reader = one_listing.reader,
							.listing = one_listing.listing,
							.params = &params,
							.encodes = true };
		assert_int_equal(assembly_build(&source, &assembly, &err), FAULT_NONE);
		assert_true(assembly.predicted);
		assert_int_equal(assembly.shares != NULL, count > 0);
		assert_int_equal(assembly.set.count, count);
		assert_int_equal(assembly.request[ENTRY_NEW].children, 0);
		assert_string_equal(bytes_text(&assembly.request[ENTRY_NEW].json), "{}");
		assembly_fini(&assembly);
		assembly = build(&one_listing, &params);
		assert_null(assembly.shares);
		assert_int_equal(assembly.request[ENTRY_NEW].children, count);
		assembly_fini(&assembly);
		one_listing_fini(&one_listing);
	}
}

/* In NFC the first of these stands behind the other two. */
static void names_are_normalized_and_sorted_again(void **state)
{
	(void)state;
	static const struct one_listing_item item[] = {
		{ .name = "e\xcc\x81", .cap = HELLO },
		{ .name = "f", .cap = "URI:LIT:" },
		{ .name = "z", .cap = "URI:LIT:" },
	};
	const struct chk_params params = tahoes_params(1);
	struct one_listing one_listing;
	one_listing_init(&one_listing, item, ARRAY_COUNT(item));
	struct assembly assembly = build(&one_listing, &params);
	const char *json = bytes_text(&assembly.request[ENTRY_NEW].json);
	assert_true(assembly.predicted);
	assert_true(strstr(json, "\"z\"") > strstr(json, "\"f\""));
	childset_begin(&assembly.set);
	see(&assembly, "\xc3\xa9", HELLO);
	see(&assembly, "f", "URI:LIT:");
	see(&assembly, "z", "URI:LIT:");
	assert_true(childset_matches(&assembly.set, true));
	assembly_fini(&assembly);
	one_listing_fini(&one_listing);
}

static void a_large_directory_keeps_all_its_children(void **state)
{
	(void)state;
	enum { COUNT = 3000 };
	static struct one_listing_item item[COUNT];
	static char name[COUNT][24];
	for (int i = 0; i < COUNT; i++) {
		snprintf(name[i], sizeof name[i], "name %05d", i);
		item[i] = (struct one_listing_item){ .name = name[i], .cap = HELLO };
		if (i % 7 == 0)
			item[i] = (struct one_listing_item){ .name = name[i],
							     .state = OUTCOME_FAILED };
	}
	struct one_listing one_listing;
	one_listing_init(&one_listing, item, COUNT);
	struct assembly assembly = build(&one_listing, NULL);
	assert_int_equal(assembly.left_out, (COUNT + 6) / 7);
	assert_int_equal(assembly.request[ENTRY_NEW].children, COUNT - (COUNT + 6) / 7);
	assert_null(strstr(bytes_text(&assembly.request[ENTRY_NEW].json), "name 00007"));
	assert_non_null(strstr(bytes_text(&assembly.request[ENTRY_NEW].json), "name 02998"));
	assembly_fini(&assembly);
	one_listing_fini(&one_listing);
}

/* Children of each kind that may have been at the target. */
static const struct one_listing_item mixed[] = {
	{ .name = "a", .cap = DIR2, .is_directory = true, .existed = true },
	{ .name = "b", .cap = HELLO },
	{ .name = "c", .cap = "URI:DIR2-LIT:", .is_directory = true },
	{ .name = "d", .cap = "URI:LIT:", .existed = true },
	{ .name = "e", .cap = SSK, .existed = true },
	{ .name = "f", .cap = HELLO, .existed = true },
	{ .name = "g", .cap = HELLO, .own = true },
	{ .name = "h", .cap = "URI:DIR2-LIT:", .is_directory = true, .existed = true },
};

static const char *text_of(const struct assembly *assembly, enum entry_link how)
{
	return bytes_text(&assembly->request[how].json);
}

static void what_was_there_is_replaced_apart_or_stays(void **state)
{
	(void)state;
	struct one_listing one_listing;
	one_listing_init(&one_listing, mixed, ARRAY_COUNT(mixed));
	struct assembly assembly = build(&one_listing, NULL);
	assert_int_equal(assembly.request[ENTRY_NEW].children, 2);
	assert_string_equal(text_of(&assembly, ENTRY_NEW),
			    "{\"b\": [\"filenode\", {\"ro_uri\": \"" HELLO
			    "\"}], \"c\": [\"dirnode\", {\"ro_uri\": \"URI:DIR2-LIT:\"}]}");
	assert_int_equal(assembly.request[ENTRY_REPLACE].children, 2);
	assert_string_equal(text_of(&assembly, ENTRY_REPLACE),
			    "{\"d\": [\"filenode\", {\"ro_uri\": \"URI:LIT:\"}], "
			    "\"f\": [\"filenode\", {\"ro_uri\": \"" HELLO "\"}]}");
	assert_int_equal(assembly.request[ENTRY_RELINK].children, 1);
	assert_string_equal(text_of(&assembly, ENTRY_RELINK),
			    "{\"h\": [\"dirnode\", {\"ro_uri\": \"URI:DIR2-LIT:\"}]}");
	assert_int_equal(assembly.set.count, ARRAY_COUNT(mixed));
	childset_begin(&assembly.set);
	see(&assembly, "b", HELLO);
	assert_false(assembly_has(&assembly, ENTRY_NEW));
	see(&assembly, "c", "URI:DIR2-LIT:");
	assert_true(assembly_has(&assembly, ENTRY_NEW));
	assert_false(childset_matches(&assembly.set, false));
	see(&assembly, "a", DIR2);
	see(&assembly, "d", "URI:LIT:");
	see(&assembly, "e", SSK);
	see(&assembly, "f", HELLO);
	see(&assembly, "g", HELLO);
	see(&assembly, "h", "URI:DIR2-LIT:");
	assert_true(childset_matches(&assembly.set, false));
	assembly_fini(&assembly);
	one_listing_fini(&one_listing);
}

static void a_directory_made_anew_holds_all_of_them(void **state)
{
	(void)state;
	struct one_listing one_listing;
	struct assembly assembly;
	struct err err;
	one_listing_init(&one_listing, mixed, ARRAY_COUNT(mixed));
	const struct assembly_source source = { .reader = one_listing.reader,
						.listing = one_listing.listing };
	assert_int_equal(assembly_build(&source, &assembly, &err), FAULT_NONE);
	assert_int_equal(assembly.request[ENTRY_NEW].children, ARRAY_COUNT(mixed));
	assembly_fini(&assembly);
	one_listing_fini(&one_listing);
}

/* What a backup hears and answers. */
struct reusing {
	unsigned files, asked;
	bool answer;
	unsigned char hash[DIGEST_SIZE];
};

static void hear_file(void *context, const struct manifest_entry *entry,
		      const struct outcome *outcome)
{
	struct reusing *reusing = context;
	assert_int_equal(outcome->state, OUTCOME_DONE);
	assert_int_not_equal(entry->kind, MANIFEST_DIRECTORY);
	reusing->files++;
}

static bool answer_is_there(void *context, const unsigned char hash[DIGEST_SIZE])
{
	struct reusing *reusing = context;
	memcpy(reusing->hash, hash, DIGEST_SIZE);
	reusing->asked++;
	return reusing->answer;
}

static struct assembly build_reusing(const struct one_listing *one_listing, struct reusing *reusing,
				     const struct chk_params *params)
{
	struct assembly assembly;
	struct err err;
	const struct assembly_reuse reuse = { hear_file, answer_is_there, reusing };
	const struct assembly_source source = { .reader = one_listing->reader,
						.listing = one_listing->listing,
						.params = params,
						.reuse = &reuse };
	assert_int_equal(assembly_build(&source, &assembly, &err), FAULT_NONE);
	return assembly;
}

static void a_backup_asks_for_the_like_of_a_directory_first(void **state)
{
	(void)state;
	static const struct one_listing_item item[] = {
		{ .name = "a", .cap = HELLO, .meta = META_OF },
		{ .name = "b", .cap = "URI:DIR2-LIT:", .is_directory = true },
	};
	const struct chk_params params = tahoes_params(1);
	struct one_listing one_listing;
	struct reusing first = { .answer = false }, second = { .answer = true };
	one_listing_init(&one_listing, item, ARRAY_COUNT(item));
	struct assembly assembly = build_reusing(&one_listing, &first, &params);
	assert_int_equal(first.files, 1);
	assert_int_equal(first.asked, 1);
	assert_false(assembly.reused);
	assert_true(assembly.predicted);
	assert_int_equal(assembly.request[ENTRY_NEW].children, 2);
	assert_memory_equal(assembly.hash, first.hash, DIGEST_SIZE);
	assembly_fini(&assembly);
	assembly = build_reusing(&one_listing, &second, &params);
	assert_true(assembly.reused);
	assert_int_equal(assembly.request[ENTRY_NEW].children, 0);
	assert_memory_equal(first.hash, second.hash, DIGEST_SIZE);
	assembly_fini(&assembly);
	one_listing_fini(&one_listing);
}

static void a_directory_that_was_not_read_is_an_empty_one(void **state)
{
	(void)state;
	static const struct one_listing_item item[] = {
		{ .name = "a",
		  .state = OUTCOME_FAILED,
		  .reason = REASON_PERMISSION,
		  .is_directory = true },
		{ .name = "b", .state = OUTCOME_FAILED, .reason = REASON_PERMISSION },
		{ .name = "c",
		  .state = OUTCOME_FAILED,
		  .reason = REASON_GATEWAY,
		  .is_directory = true },
	};
	struct one_listing one_listing;
	struct reusing reusing = { .answer = false };
	one_listing_init(&one_listing, item, ARRAY_COUNT(item));
	struct assembly assembly = build_reusing(&one_listing, &reusing, NULL);
	assert_int_equal(assembly.left_out, 3);
	assert_int_equal(assembly.request[ENTRY_NEW].children, 1);
	const char *json = bytes_text(&assembly.request[ENTRY_NEW].json);
	assert_ptr_equal(strstr(json, "{\"a\": [\"dirnode\""), json);
	assert_non_null(strstr(json, "\"ro_uri\": \"URI:DIR2-LIT:\""));
	assert_non_null(strstr(json, "\"barge\": {\"unreadable\": \"permission denied\"}"));
	assembly_fini(&assembly);
	one_listing_fini(&one_listing);
}

/* The slots hash rightly, and what they hold cannot be. */
static void a_slot_without_a_cap_of_its_kind_is_corrupt(void **state)
{
	(void)state;
	static const struct one_listing_item item[] = {
		{ .name = "a", .state = OUTCOME_DONE },
		{ .name = "a", .state = OUTCOME_DONE, .is_directory = true },
		{ .name = "a", .cap = DIR2 },
		{ .name = "a", .cap = "URI:DIR2-LIT:" },
		{ .name = "a", .cap = HELLO, .is_directory = true },
		{ .name = "a", .cap = SSK, .is_directory = true },
	};
	static const struct outcome forged[] = {
		{ .cap_kind = CAP_CHK, .cap_size = 60 }, /* 0 of 0 shares */
		{ .cap_kind = CAP_CHK, .cap_size = 48 },
		{ .cap_kind = CAP_SSK, .cap_size = 60 },
		{ .cap_kind = CAP_UNKNOWN, .cap_size = 48 },
		{ .cap_kind = UINT8_MAX, .cap_size = 48 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(item) + ARRAY_COUNT(forged); i++) {
		struct one_listing one_listing;
		struct assembly assembly;
		struct err err;
		const bool whole = i < ARRAY_COUNT(item);
		one_listing_init(&one_listing, &item[whole ? i : 0], 1);
		if (!whole) {
			struct outcome slot = forged[i - ARRAY_COUNT(item)];
			slot.id = 1;
			slot.state = OUTCOME_DONE;
			one_listing_put(&one_listing, &slot);
		}
		const struct assembly_source source = { .reader = one_listing.reader,
							.listing = one_listing.listing };
		assert_int_equal(assembly_build(&source, &assembly, &err), FAULT_CORRUPT);
		one_listing_fini(&one_listing);
	}
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(a_body_names_what_is_done_with_its_metadata),
		cmocka_unit_test(predicts_the_caps_of_tahoe),
		cmocka_unit_test(the_cap_is_known_for_any_k_and_n),
		cmocka_unit_test(a_mutable_directory_gets_shares_and_a_request),
		cmocka_unit_test(what_has_shares_needs_no_request),
		cmocka_unit_test(names_are_normalized_and_sorted_again),
		cmocka_unit_test(a_large_directory_keeps_all_its_children),
		cmocka_unit_test(what_was_there_is_replaced_apart_or_stays),
		cmocka_unit_test(a_directory_made_anew_holds_all_of_them),
		cmocka_unit_test(a_backup_asks_for_the_like_of_a_directory_first),
		cmocka_unit_test(a_directory_that_was_not_read_is_an_empty_one),
		cmocka_unit_test(a_slot_without_a_cap_of_its_kind_is_corrupt),
	};
	return cmocka_run_group_tests(facts, scratch_setup, scratch_teardown);
}
