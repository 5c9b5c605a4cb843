#include "tahoe/base32.h"
#include "tahoe/caps.h"

#include "tests/unit/facts.h"

#define KEY  "jqaetaqsvifhgvk7ibkfrjd2rm"
#define HASH "tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega"

static enum fault parse(const char *text, struct cap *cap)
{
	struct err err = { .fault = FAULT_NONE };
	enum fault fault = cap_parse(text, strlen(text), cap, &err);
	assert_true(fault == FAULT_NONE || !strstr(err.text, KEY));
	return fault;
}

static const char *const texts[] = {
	[CAP_CHK] = "URI:CHK:" KEY ":" HASH ":3:10:56",
	[CAP_CHK_VERIFIER] = "URI:CHK-Verifier:" KEY ":" HASH ":1:256:18446744073709551615",
	[CAP_LIT] = "URI:LIT:nbswy3dp",
	[CAP_SSK] = "URI:SSK:" KEY ":" HASH,
	[CAP_SSK_RO] = "URI:SSK-RO:" KEY ":" HASH,
	[CAP_SSK_VERIFIER] = "URI:SSK-Verifier:" KEY ":" HASH,
	[CAP_MDMF] = "URI:MDMF:" KEY ":" HASH,
	[CAP_MDMF_RO] = "URI:MDMF-RO:" KEY ":" HASH,
	[CAP_MDMF_VERIFIER] = "URI:MDMF-Verifier:" KEY ":" HASH,
	[CAP_DIR2] = "URI:DIR2:" KEY ":" HASH,
	[CAP_DIR2_RO] = "URI:DIR2-RO:" KEY ":" HASH,
	[CAP_DIR2_VERIFIER] = "URI:DIR2-Verifier:" KEY ":" HASH,
	[CAP_DIR2_CHK] = "URI:DIR2-CHK:" KEY ":" HASH ":1:1:300000",
	[CAP_DIR2_CHK_VERIFIER] = "URI:DIR2-CHK-Verifier:" KEY ":" HASH ":1:1:300000",
	[CAP_DIR2_LIT] = "URI:DIR2-LIT:",
	[CAP_DIR2_MDMF] = "URI:DIR2-MDMF:" KEY ":" HASH,
	[CAP_DIR2_MDMF_RO] = "URI:DIR2-MDMF-RO:" KEY ":" HASH,
	[CAP_DIR2_MDMF_VERIFIER] = "URI:DIR2-MDMF-Verifier:" KEY ":" HASH,
	[CAP_UNKNOWN] = "x-tahoe-future:abc",
};

static void reads_and_prints_every_kind(void **state)
{
	(void)state;
	for (size_t kind = CAP_CHK; kind <= CAP_UNKNOWN; kind++) {
		struct cap cap;
		char text[CAP_TEXT_SIZE];
		memset(text, 'x', sizeof text);
		assert_int_equal(parse(texts[kind], &cap), FAULT_NONE);
		assert_int_equal(cap.kind, kind);
		assert_int_equal(cap_print(&cap, text), strlen(texts[kind]));
		assert_string_equal(text, texts[kind]);
		assert_true(cap_equal(&cap, &cap));
		assert_int_equal(cap_is_directory(&cap), strstr(text, "DIR2") != NULL);
		assert_int_equal(cap_is_verifier(&cap), strstr(text, "Verifier") != NULL);
		assert_int_equal(cap_is_chk(&cap), strstr(text, "CHK") != NULL);
		assert_int_equal(cap_is_literal(&cap), strstr(text, "LIT") != NULL);
	}
}

/* Files and slots on disk have them: formats.md. */
static void the_numbers_of_kinds_stay(void **state)
{
	(void)state;
	assert_int_equal(CAP_CHK, 1);
	assert_int_equal(CAP_LIT, 3);
	assert_int_equal(CAP_SSK_VERIFIER, 6);
	assert_int_equal(CAP_MDMF_VERIFIER, 9);
	assert_int_equal(CAP_DIR2, 10);
	assert_int_equal(CAP_DIR2_CHK, 13);
	assert_int_equal(CAP_DIR2_LIT, 15);
	assert_int_equal(CAP_DIR2_MDMF_VERIFIER, 18);
	assert_int_equal(CAP_UNKNOWN, 19);
}

static void the_binary_form_goes_there_and_back(void **state)
{
	(void)state;
	for (size_t i = CAP_CHK; i < CAP_UNKNOWN; i++) {
		struct cap cap, back;
		unsigned char packed[CAP_PACKED_SIZE];
		uint8_t size, kind;
		assert_int_equal(parse(texts[i], &cap), FAULT_NONE);
		assert_true(cap_pack(&cap, packed, &size, &kind));
		assert_int_equal(kind, i);
		assert_int_equal(size, cap_is_chk(&cap)       ? 60
				       : cap_is_literal(&cap) ? cap.size
							      : 48);
		assert_true(cap_unpack(packed, size, kind, &back));
		assert_true(cap_equal(&cap, &back));
	}
}

/* docs/formats.md: the key, the hash, and of CHK kinds k, n and size, lowest byte first. */
static void the_binary_form_is_that_of_the_formats(void **state)
{
	(void)state;
	struct cap cap;
	unsigned char packed[CAP_PACKED_SIZE], expected[CAP_PACKED_SIZE] = { 0 };
	uint8_t size, kind;
	assert_int_equal(parse("URI:CHK:" KEY ":" HASH ":3:256:1311768467463790320", &cap),
			 FAULT_NONE);
	memcpy(expected, cap.key, CAP_KEY_SIZE);
	memcpy(expected + 16, cap.hash, CAP_HASH_SIZE);
	memcpy(expected + 48, "\x03\x00\x00\x01\xf0\xde\xbc\x9a\x78\x56\x34\x12", 12);
	memset(packed, 0xff, sizeof packed);
	assert_true(cap_pack(&cap, packed, &size, &kind));
	assert_memory_equal(packed, expected, sizeof packed);
	assert_int_equal(parse(texts[CAP_DIR2], &cap), FAULT_NONE);
	memset(expected + 48, 0, 12);
	memset(packed, 0xff, sizeof packed);
	assert_true(cap_pack(&cap, packed, &size, &kind));
	assert_memory_equal(packed, expected, sizeof packed);
	assert_int_equal(parse(texts[CAP_LIT], &cap), FAULT_NONE);
	memset(expected, 0, sizeof expected);
	memcpy(expected, "hello", 5);
	memset(packed, 0xff, sizeof packed);
	assert_true(cap_pack(&cap, packed, &size, &kind));
	assert_memory_equal(packed, expected, sizeof packed);
}

static void what_does_not_fit_is_not_packed(void **state)
{
	(void)state;
	struct cap cap;
	unsigned char packed[CAP_PACKED_SIZE];
	uint8_t size, kind;
	assert_int_equal(parse("x-tahoe-future:abc", &cap), FAULT_NONE);
	assert_false(cap_pack(&cap, packed, &size, &kind));
	memset(&cap, 0, sizeof cap);
	assert_false(cap_pack(&cap, packed, &size, &kind));
	cap.kind = CAP_DIR2_LIT;
	cap.size = 60;
	assert_true(cap_pack(&cap, packed, &size, &kind));
	cap.size = 61;
	assert_false(cap_pack(&cap, packed, &size, &kind));
}

static void a_damaged_binary_form_is_refused(void **state)
{
	(void)state;
	struct cap cap;
	unsigned char packed[CAP_PACKED_SIZE] = { 0 };
	assert_false(cap_unpack(packed, 60, CAP_CHK, &cap)); /* k = 0 */
	packed[48] = 2;
	packed[50] = 1;
	assert_false(cap_unpack(packed, 60, CAP_CHK, &cap)); /* k above n */
	packed[50] = 3;
	assert_true(cap_unpack(packed, 60, CAP_CHK, &cap));
	packed[50] = 0;
	packed[51] = 1;
	assert_true(cap_unpack(packed, 60, CAP_CHK, &cap));
	packed[50] = 1;
	assert_false(cap_unpack(packed, 60, CAP_CHK, &cap)); /* n = 257 */
	assert_false(cap_unpack(packed, 59, CAP_CHK, &cap));
	assert_false(cap_unpack(packed, 49, CAP_DIR2, &cap));
	assert_true(cap_unpack(packed, 60, CAP_LIT, &cap));
	assert_false(cap_unpack(packed, 61, CAP_LIT, &cap));
	assert_false(cap_unpack(packed, 0, CAP_NONE, &cap));
	assert_false(cap_unpack(packed, 48, CAP_UNKNOWN, &cap));
	assert_false(cap_unpack(packed, 48, 255, &cap));
}

static void refuses_malformed_caps(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"URI:CHK:",
		"URI:CHK:" KEY ":" HASH ":0:1:5",
		"URI:CHK:" KEY ":" HASH ":2:1:5",
		"URI:CHK:" KEY ":" HASH ":1:257:5",
		"URI:CHK:" KEY ":" HASH ":1:1:",
		"URI:CHK:" KEY ":" HASH ":1:1:5 ",
		"URI:CHK:" KEY ":" HASH ":01:1:5",
		"URI:CHK:" KEY ":" HASH ":1:1:18446744073709551616",
		"URI:CHK:" KEY ":" HASH ":1:1:18446744073709551620",
		"URI:CHK:" KEY ":" HASH ":1:1:00",
		"URI:CHK:" KEY ":" HASH ":1:1:5:",
		"URI:CHK:" KEY ":" HASH ":257:257:5",
		"URI:CHK:" KEY ":" HASH ":1:1/5",
		"URI:CHK:" KEY ":" HASH ":1/1:5",
		"URI:CHK:" KEY ":" HASH "/1:1:5",
		"URI:CHK:" KEY "/" HASH ":1:1:5",
		"URI:CHK:" KEY ":" HASH ":1:1:/",
		"URI:CHK:" KEY ":" HASH ":1:1::",
		"URI:CHK:" KEY ":" HASH,
		"URI:DIR2:" KEY,
		"URI:DIR2:" KEY ":" HASH ":",
		"URI:DIR2:" KEY ":" HASH "/a",
		"URI:SSK:" HASH ":" KEY,
		"URI:DIR2:JQAETAQSVIFHGVK7IBKFRJD2RM:" HASH,
		"URI:LIT:a",
		"URI:LIT:nbswy3dp ",
		"URI:DIR2-LIT:!",
		"with a blank",
		"tab\there",
	};
	struct cap cap = { .kind = CAP_LIT };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(parse(bad[i], &cap), FAULT_USAGE);
		assert_int_equal(cap.kind, CAP_LIT);
	}
	assert_int_equal(parse("del\x7f", &cap), FAULT_USAGE);
}

static void keeps_no_more_than_a_cap_has_room_for(void **state)
{
	(void)state;
	struct cap cap;
	char text[CAP_TEXT_SIZE + 1] = "URI:LIT:", printed[CAP_TEXT_SIZE];
	memset(text + 8, 'a', 205); /* of 128 bytes */
	assert_int_equal(parse(text, &cap), FAULT_NONE);
	assert_int_equal(cap.size, CAP_LITERAL_MAX);
	cap_print(&cap, printed);
	assert_string_equal(printed, text);
	memset(text + 8, 'a', 207); /* of 129 */
	assert_int_equal(parse(text, &cap), FAULT_TOO_LARGE);
	memset(text, '~', sizeof text);
	text[0] = '!';
	text[CAP_TEXT_SIZE - 1] = '\0';
	assert_int_equal(parse(text, &cap), FAULT_NONE);
	assert_int_equal(cap_print(&cap, printed), CAP_TEXT_SIZE - 1);
	assert_string_equal(printed, text);
	text[CAP_TEXT_SIZE - 1] = '~';
	text[CAP_TEXT_SIZE] = '\0';
	assert_int_equal(parse(text, &cap), FAULT_TOO_LARGE);
}

static void a_prefix_must_tell_the_truth(void **state)
{
	(void)state;
	struct cap cap;
	char text[CAP_TEXT_SIZE];
	assert_int_equal(parse("ro.URI:DIR2:" KEY ":" HASH, &cap), FAULT_USAGE);
	assert_int_equal(parse("imm.URI:DIR2-RO:" KEY ":" HASH, &cap), FAULT_USAGE);
	assert_int_equal(parse("ro.URI:DIR2-RO:" KEY ":" HASH, &cap), FAULT_NONE);
	assert_int_equal(cap.kind, CAP_DIR2_RO);
	assert_int_equal(parse("ro.URI:MDMF:" KEY ":" HASH, &cap), FAULT_USAGE);
	assert_int_equal(parse("imm.URI:SSK:" KEY ":" HASH, &cap), FAULT_USAGE);
	assert_int_equal(parse("imm.URI:SSK-Verifier:" KEY ":" HASH, &cap), FAULT_NONE);
	assert_int_equal(cap.kind, CAP_SSK_VERIFIER);
	assert_int_equal(parse("imm.URI:CHK-Verifier:" KEY ":" HASH ":1:1:5", &cap), FAULT_NONE);
	assert_int_equal(parse("imm.URI:LIT:nbswy3dp", &cap), FAULT_NONE);
	assert_int_equal(cap.kind, CAP_LIT);
	assert_int_equal(parse("imm.x-future:1", &cap), FAULT_NONE);
	cap_print(&cap, text);
	assert_string_equal(text, "imm.x-future:1");
}

static void drops_the_hints_of_mdmf(void **state)
{
	(void)state;
	struct cap cap;
	char text[CAP_TEXT_SIZE];
	assert_int_equal(parse("URI:DIR2-MDMF:" KEY ":" HASH ":3:131073", &cap), FAULT_NONE);
	cap_print(&cap, text);
	assert_string_equal(text, "URI:DIR2-MDMF:" KEY ":" HASH);
}

/* Of the caps above, with this key: get_readonly() and get_verify_cap() of allmydata/uri.py,
 * tahoe-lafs 1.20.0, but for the last of immutable and of MDMF directories, which fail there: a
 * verifier is its own.  The kinds are NONE where there is no such cap. */
static const struct {
	enum cap_kind readonly, verifier;
	const char *readonly_key, *verifier_key;
} diminished[] = {
	[CAP_CHK] = { CAP_CHK, CAP_CHK_VERIFIER, KEY, "q6vxlccuejxvobr2xtbprsgx6m" },
	[CAP_CHK_VERIFIER] = { 0, CAP_CHK_VERIFIER, 0, KEY },
	[CAP_LIT] = { CAP_LIT, 0, 0, 0 },
	[CAP_SSK] = { CAP_SSK_RO, CAP_SSK_VERIFIER, "d547vlxcjym7eyg2d5yxfixcsu",
		      "cynd2gv3jzflpi7krcf3cqx2iy" },
	[CAP_SSK_RO] = { CAP_SSK_RO, CAP_SSK_VERIFIER, KEY, "k74ptrj4if4tcz3rmk7gobx7bi" },
	[CAP_SSK_VERIFIER] = { 0, CAP_SSK_VERIFIER, 0, KEY },
	[CAP_MDMF] = { CAP_MDMF_RO, CAP_MDMF_VERIFIER, "d547vlxcjym7eyg2d5yxfixcsu",
		       "cynd2gv3jzflpi7krcf3cqx2iy" },
	[CAP_MDMF_RO] = { CAP_MDMF_RO, CAP_MDMF_VERIFIER, KEY, "k74ptrj4if4tcz3rmk7gobx7bi" },
	[CAP_MDMF_VERIFIER] = { 0, CAP_MDMF_VERIFIER, 0, KEY },
	[CAP_DIR2] = { CAP_DIR2_RO, CAP_DIR2_VERIFIER, "d547vlxcjym7eyg2d5yxfixcsu",
		       "cynd2gv3jzflpi7krcf3cqx2iy" },
	[CAP_DIR2_RO] = { CAP_DIR2_RO, CAP_DIR2_VERIFIER, KEY, "k74ptrj4if4tcz3rmk7gobx7bi" },
	[CAP_DIR2_VERIFIER] = { 0, CAP_DIR2_VERIFIER, 0, KEY },
	[CAP_DIR2_CHK] = { CAP_DIR2_CHK, CAP_DIR2_CHK_VERIFIER, KEY, "q6vxlccuejxvobr2xtbprsgx6m" },
	[CAP_DIR2_CHK_VERIFIER] = { 0, CAP_DIR2_CHK_VERIFIER, 0, KEY },
	[CAP_DIR2_LIT] = { CAP_DIR2_LIT, 0, 0, 0 },
	[CAP_DIR2_MDMF] = { CAP_DIR2_MDMF_RO, CAP_DIR2_MDMF_VERIFIER, "d547vlxcjym7eyg2d5yxfixcsu",
			    "cynd2gv3jzflpi7krcf3cqx2iy" },
	[CAP_DIR2_MDMF_RO] = { CAP_DIR2_MDMF_RO, CAP_DIR2_MDMF_VERIFIER, KEY,
			       "k74ptrj4if4tcz3rmk7gobx7bi" },
	[CAP_DIR2_MDMF_VERIFIER] = { 0, CAP_DIR2_MDMF_VERIFIER, 0, KEY },
	[CAP_UNKNOWN] = { 0, 0, 0, 0 },
};

/* What `cap` is as `kind`, with another key unless that is NULL. */
static void as_kind(const struct cap *cap, enum cap_kind kind, const char *key, struct cap *out)
{
	size_t size;
	*out = *cap;
	out->kind = kind;
	assert_true(!key || base32_decode(key, strlen(key), out->key, &size));
}

static void assert_readonly(const struct cap *cap, enum cap_kind kind, const char *key)
{
	struct cap out = { .kind = CAP_NONE }, expected;
	char text[CAP_TEXT_SIZE] = "some text", printed[CAP_TEXT_SIZE] = "";
	assert_int_equal(cap_to_readonly(cap, &out), kind != CAP_NONE);
	if (kind) {
		as_kind(cap, kind, key, &expected);
		assert_true(cap_equal(&out, &expected));
		cap_print(&expected, printed);
	}
	assert_int_equal(cap_print_readonly(cap, text), strlen(printed));
	assert_string_equal(text, printed);
}

static void assert_verifier(const struct cap *cap, enum cap_kind kind, const char *key)
{
	struct cap out = { .kind = CAP_NONE }, expected;
	unsigned char index[CAP_KEY_SIZE];
	assert_int_equal(cap_to_verifier(cap, &out), kind != CAP_NONE);
	assert_int_equal(cap_storage_index(cap, index), kind != CAP_NONE);
	if (!kind)
		return;
	as_kind(cap, kind, key, &expected);
	assert_true(cap_equal(&out, &expected));
	assert_memory_equal(index, expected.key, sizeof index);
}

static void diminishes_as_tahoe_does(void **state)
{
	(void)state;
	for (size_t kind = CAP_CHK; kind <= CAP_UNKNOWN; kind++) {
		struct cap cap;
		assert_int_equal(parse(texts[kind], &cap), FAULT_NONE);
		assert_readonly(&cap, diminished[kind].readonly, diminished[kind].readonly_key);
		assert_verifier(&cap, diminished[kind].verifier, diminished[kind].verifier_key);
	}
	const struct cap none = { .kind = CAP_NONE };
	assert_readonly(&none, CAP_NONE, NULL);
	assert_verifier(&none, CAP_NONE, NULL);
}

static void a_cap_may_become_another_in_its_place(void **state)
{
	(void)state;
	struct cap cap, out;
	assert_int_equal(parse(texts[CAP_DIR2], &cap), FAULT_NONE);
	assert_true(cap_to_readonly(&cap, &out));
	assert_true(cap_to_verifier(&out, &out));
	assert_true(cap_to_verifier(&cap, &cap));
	assert_true(cap_equal(&cap, &out));
	assert_true(cap_to_file(&cap, &cap));
	assert_int_equal(cap.kind, CAP_SSK_VERIFIER);
	assert_true(cap_to_directory(&cap, &cap));
	assert_true(cap_equal(&cap, &out));
}

static void a_directory_lies_in_a_file(void **state)
{
	(void)state;
	for (size_t kind = CAP_CHK; kind < CAP_UNKNOWN; kind++) {
		struct cap cap, file, dir;
		assert_int_equal(parse(texts[kind], &cap), FAULT_NONE);
		assert_true(cap_to_file(&cap, &file));
		assert_true(cap_to_directory(&cap, &dir));
		assert_true(cap_is_file(&file));
		assert_true(cap_is_directory(&dir));
		assert_true(cap_equal(&cap, cap_is_directory(&cap) ? &dir : &file));
		assert_int_equal(cap_is_writable(&file), cap_is_writable(&dir));
	}
	const struct cap none[] = { { .kind = CAP_NONE }, { .kind = CAP_UNKNOWN } };
	for (size_t i = 0; i < ARRAY_COUNT(none); i++) {
		struct cap out;
		assert_false(cap_to_file(&none[i], &out));
		assert_false(cap_to_directory(&none[i], &out));
		assert_false(cap_is_file(&none[i]));
		assert_false(cap_is_mutable(&none[i]));
		assert_string_equal(cap_prefix(none[i].kind), "");
	}
	assert_string_equal(cap_prefix(CAP_UNKNOWN + 1), "");
}

/* Changes a byte at a time: of each of these caps every one counts that it has. */
static void every_field_counts_in_equality(void **state)
{
	(void)state;
	static const enum cap_kind kinds[] = { CAP_CHK, CAP_SSK, CAP_LIT, CAP_UNKNOWN };
	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
		struct cap a, b;
		assert_int_equal(parse(texts[kinds[i]], &a), FAULT_NONE);
		const size_t fields = CAP_KEY_SIZE + CAP_HASH_SIZE;
		const bool keyed = cap_is_chk(&a) || cap_is_mutable(&a);
		const size_t size = keyed ? fields : (size_t)a.size;
		for (size_t at = 0; at < size; at++) {
			b = a;
			b.content[at] ^= 1;
			assert_false(cap_equal(&a, &b));
		}
		b = a;
		b.content[size] ^= 1;
		assert_true(cap_equal(&a, &b));
		b = a;
		b.size--;
		assert_int_equal(cap_equal(&a, &b), cap_is_mutable(&a));
		b = a;
		b.kind = CAP_DIR2_CHK;
		assert_false(cap_equal(&a, &b));
	}
	struct cap a, b;
	assert_int_equal(parse(texts[CAP_CHK], &a), FAULT_NONE);
	b = a;
	b.needed = 2;
	assert_false(cap_equal(&a, &b));
	b = a;
	b.total = 2;
	assert_false(cap_equal(&a, &b));
	cap_wipe(&a);
	cap_wipe(&b);
	assert_int_equal(a.kind, CAP_NONE);
	assert_true(cap_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(reads_and_prints_every_kind),
		cmocka_unit_test(the_numbers_of_kinds_stay),
		cmocka_unit_test(the_binary_form_goes_there_and_back),
		cmocka_unit_test(the_binary_form_is_that_of_the_formats),
		cmocka_unit_test(what_does_not_fit_is_not_packed),
		cmocka_unit_test(a_damaged_binary_form_is_refused),
		cmocka_unit_test(refuses_malformed_caps),
		cmocka_unit_test(keeps_no_more_than_a_cap_has_room_for),
		cmocka_unit_test(a_prefix_must_tell_the_truth),
		cmocka_unit_test(drops_the_hints_of_mdmf),
		cmocka_unit_test(diminishes_as_tahoe_does),
		cmocka_unit_test(a_cap_may_become_another_in_its_place),
		cmocka_unit_test(a_directory_lies_in_a_file),
		cmocka_unit_test(every_field_counts_in_equality),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
