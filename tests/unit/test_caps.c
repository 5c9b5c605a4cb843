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
		assert_int_equal(parse(texts[kind], &cap), FAULT_NONE);
		assert_int_equal(cap.kind, kind);
		assert_int_equal(cap_print(&cap, text), strlen(texts[kind]));
		assert_string_equal(text, texts[kind]);
		assert_true(cap_equal(&cap, &cap));
		assert_int_equal(cap_is_directory(&cap), strstr(text, "DIR2") != NULL);
		assert_int_equal(cap_is_verifier(&cap), strstr(text, "Verifier") != NULL);
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
	packed[51] = 2;
	assert_false(cap_unpack(packed, 60, CAP_CHK, &cap)); /* n = 515 */
	assert_false(cap_unpack(packed, 59, CAP_CHK, &cap));
	assert_false(cap_unpack(packed, 49, CAP_DIR2, &cap));
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
	char text[600] = "URI:LIT:";
	memset(text + 8, 'a', 300);
	assert_int_equal(parse(text, &cap), FAULT_TOO_LARGE);
	memset(text, 'a', 300);
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

/* Seen on a grid of tahoe-lafs 1.20.0. */
static void diminishes_as_tahoe_does(void **state)
{
	(void)state;
	struct cap cap, out;
	char text[CAP_TEXT_SIZE];
	assert_int_equal(parse("URI:DIR2:" KEY ":" HASH, &cap), FAULT_NONE);
	assert_true(cap_to_readonly(&cap, &out));
	cap_print(&out, text);
	assert_string_equal(text, "URI:DIR2-RO:d547vlxcjym7eyg2d5yxfixcsu:" HASH);
	assert_true(cap_to_verifier(&out, &out));
	cap_print(&out, text);
	assert_string_equal(text, "URI:DIR2-Verifier:cynd2gv3jzflpi7krcf3cqx2iy:" HASH);
	assert_true(cap_to_verifier(&cap, &cap));
	assert_true(cap_equal(&cap, &out));
	assert_false(cap_to_readonly(&cap, &out));
	assert_int_equal(parse("URI:CHK:znvmak77kmxkcn3m74liinbavm:" HASH ":1:1:56", &cap),
			 FAULT_NONE);
	assert_true(cap_to_verifier(&cap, &out));
	cap_print(&out, text);
	assert_string_equal(text, "URI:CHK-Verifier:diluwv2omgazkdc2ojrmjsmayu:" HASH ":1:1:56");
	assert_int_equal(parse("URI:LIT:nbswy3dp", &cap), FAULT_NONE);
	assert_false(cap_to_verifier(&cap, &out));
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
}

static void every_field_counts_in_equality(void **state)
{
	(void)state;
	struct cap a, b;
	assert_int_equal(parse(texts[CAP_CHK], &a), FAULT_NONE);
	b = a;
	b.size++;
	assert_false(cap_equal(&a, &b));
	b = a;
	b.hash[31] ^= 1;
	assert_false(cap_equal(&a, &b));
	b = a;
	b.needed = 2;
	assert_false(cap_equal(&a, &b));
	b = a;
	b.kind = CAP_DIR2_CHK;
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
		cmocka_unit_test(what_does_not_fit_is_not_packed),
		cmocka_unit_test(a_damaged_binary_form_is_refused),
		cmocka_unit_test(refuses_malformed_caps),
		cmocka_unit_test(a_prefix_must_tell_the_truth),
		cmocka_unit_test(drops_the_hints_of_mdmf),
		cmocka_unit_test(diminishes_as_tahoe_does),
		cmocka_unit_test(a_directory_lies_in_a_file),
		cmocka_unit_test(every_field_counts_in_equality),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
