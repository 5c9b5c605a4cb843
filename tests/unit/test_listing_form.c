#include "store/listing_form.h"

#include "tahoe/child_rw.h"
#include "tests/unit/facts.h"

/* Made by tahoe-lafs 1.20.0 (allmydata.dirnode.pack_children), with the write key 0, 1... 15. */
static const char writable[] =
	"211:1:a,94:URI:CHK:c2y4chzhpui5fvy5fq5o7v2nv4:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rer"
	"msdwpe5sidhega:1:1:56,48:\xd0_s\x8a\x04;\x84\x04\xb7I\\\xcb]U\x01\x86iq\xaf[\xc2\xac"
	"\xc1!\xf3\xa8\xc3\xc9\xe4\xc6~\xaa,\xf6(\xb3 \xd7;\xc0\"\x84\xaa\x97l\x00\x18\xc7,53"
	":{\"mtime\": 1.5, \"ctime\": 2, \"x\": {\"}\": [\"]\", \"\\\\\\\"\"]}},,81:1:z,16:UR"
	"I:LIT:nbswy3dp,48:\xd0_s\x8a\x04;\x84\x04\xb7I\\\xcb]U\x01\x86iq\xaf[\xc2\xac\xc1!"
	"\xf3\xa8\xc3\xc9\xe4\xc6~\xaa,\xf6(\xb3 \xd7;\xc0\"\x84\xaa\x97l\x00\x18\xc7,2:{},,2"
	"76:2:\xc3\xa9,91:URI:DIR2-RO:srwcmezawp4wjcxr4f3c7iljyu:tsdswpdri5blnmowjt2ticc2wfa7"
	"tsqv7n5rermsdwpe5sidhega,136:\xc3N\x1f\xdd\x11\x13\xc5T\xea\xee\xbc\x81\xa6\xd0\x15"
	"\xc8\xda\x0f"
	"9f[\x9c\x06\xf5\xe8\x11\x19.r\xd3\\vs\xde\xbe\x14"
	"e\xf5Y\xa9\xcf\xf9"
	"\x1c\x8f\xb7\xfdXYK\xcc\x8dy\x9b\x16Y!\x02\xca\xfc"
	"a\x1a\x97SN!\xe8\xfa\xbb,,\x81K"
	"\x8c"
	"8\xc0[-\xd9\x0cl\x14\xf3\xdb"
	"B\xef)UT\xad\xec`\x1a\xb9K\x99r#\xefn\xb8"
	"9\xe0"
	"\x94YL\xedSD\x12\xf9\xb5G\xe4\xe8\xfc\x0f{}\xb0\x18\xdb"
	"2\x04H\xb3"
	"6\x8c/\x03"
	"c_"
	"\xa1z\xcd\xda"
	"d,31:{\"tahoe\": {\"linkmotime\": 2.25}},,";
static const char immutable[] =
	"162:1:a,94:URI:CHK:c2y4chzhpui5fvy5fq5o7v2nv4:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rer"
	"msdwpe5sidhega:1:1:56,0:,53:{\"mtime\": 1.5, \"ctime\": 2, \"x\": {\"}\": [\"]\", \""
	"\\\\\\\"\"]}},,32:1:z,16:URI:LIT:nbswy3dp,0:,2:{},,";

#define HASH "tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega"
#define CHK  "URI:CHK:c2y4chzhpui5fvy5fq5o7v2nv4:" HASH ":1:1:56"
#define DIRW "URI:DIR2:c2y4chzhpui5fvy5fq5o7v2nv4:" HASH
#define DIRR "URI:DIR2-RO:srwcmezawp4wjcxr4f3c7iljyu:" HASH

enum { HELD = 8, MAX = 1 << 20 };

struct held {
	size_t count, refuse_at;
	struct store_child child[HELD];
	char name[HELD][8];
};

static bool hold(void *context, const struct store_child *child)
{
	struct held *held = context;
	assert_in_range(child->name_size, 0, sizeof held->name[0] - 1);
	held->child[held->count] = *child;
	memcpy(held->name[held->count], child->name, child->name_size + 1);
	return ++held->count != held->refuse_at;
}

struct told {
	struct store_node node;
	uint64_t children;
	struct held held;
};

static enum fault read_as(const struct cap *cap, const char *text, size_t size, struct told *told)
{
	const struct listing_form form = { .cap = cap, .data = { text, size }, .listing_max = MAX };
	const struct store_list list = { .cap = cap, .child = hold, .context = &told->held };
	struct err err;
	return listing_form_read(&form, &list, &told->node, &told->children, &err);
}

static struct cap directory_cap(enum cap_kind kind)
{
	struct cap cap = { .kind = kind };
	for (unsigned char i = 0; i < CAP_KEY_SIZE; i++)
		cap.key[i] = i;
	return cap;
}

/* Reads a form that is immutable. */
static enum fault fault_of(const char *text)
{
	const struct cap cap = directory_cap(CAP_DIR2_CHK);
	struct told told = { 0 };
	return read_as(&cap, text, strlen(text), &told);
}

static void assert_cap(const struct cap *cap, const char *text)
{
	char printed[CAP_TEXT_SIZE];
	cap_print(cap, printed);
	assert_string_equal(printed, text);
}

static void assert_file(const struct store_node *node)
{
	assert_int_equal(node->kind, STORE_FILE);
	assert_false(node->is_mutable);
	assert_true(node->has_size);
	assert_int_equal(node->size, 56);
	assert_int_equal(node->rw.kind, CAP_NONE);
	assert_cap(&node->ro, CHK);
	assert_int_equal(node->metadata_flags, STORE_HAS_MTIME | STORE_HAS_CTIME);
	assert_int_equal(node->metadata.mtime_ns, 1500000000);
	assert_int_equal(node->metadata.ctime_ns, 2000000000);
}

static void what_tahoe_packs_is_told(void **state)
{
	(void)state;
	struct told told = { 0 };
	const struct cap cap = directory_cap(CAP_DIR2_CHK);
	assert_int_equal(read_as(&cap, immutable, sizeof immutable - 1, &told), FAULT_NONE);
	assert_int_equal(told.children, 2);
	assert_int_equal(told.held.count, 2);
	assert_int_equal(told.node.kind, STORE_DIRECTORY);
	assert_false(told.node.is_mutable);
	assert_true(cap_equal(&told.node.ro, &cap));
	assert_int_equal(told.node.rw.kind, CAP_NONE);
	assert_string_equal(told.held.name[0], "a");
	assert_file(&told.held.child[0].node);
	assert_string_equal(told.held.name[1], "z");
	assert_cap(&told.held.child[1].node.ro, "URI:LIT:nbswy3dp");
	assert_int_equal(told.held.child[1].node.size, 5);
}

static void a_write_cap_shows_those_of_children(void **state)
{
	(void)state;
	struct told told = { 0 };
	struct cap cap = directory_cap(CAP_DIR2), readonly;
	assert_true(cap_to_readonly(&cap, &readonly));
	assert_int_equal(read_as(&cap, writable, sizeof writable - 1, &told), FAULT_NONE);
	assert_int_equal(told.held.count, 3);
	assert_true(told.node.is_mutable);
	assert_true(cap_equal(&told.node.rw, &cap));
	assert_true(cap_equal(&told.node.ro, &readonly));
	assert_file(&told.held.child[0].node);
	const struct store_node *node = &told.held.child[2].node;
	assert_string_equal(told.held.name[2], "\xc3\xa9");
	assert_int_equal(node->kind, STORE_DIRECTORY);
	assert_true(node->is_mutable);
	assert_false(node->has_size);
	assert_cap(&node->rw, DIRW);
	assert_cap(&node->ro, DIRR);
	assert_int_equal(node->linked_ns, 2250000000);
	told.held.count = 0;
	assert_int_equal(read_as(&readonly, writable, sizeof writable - 1, &told), FAULT_NONE);
	assert_int_equal(told.node.rw.kind, CAP_NONE);
	assert_int_equal(node->rw.kind, CAP_NONE);
	assert_cap(&node->ro, DIRR);
	cap.key[0]++; /* what is hidden is no cap then */
	assert_int_equal(read_as(&cap, writable, sizeof writable - 1, &told), FAULT_CORRUPT);
}

static void what_is_hidden_is_what_tahoe_hides(void **state)
{
	(void)state;
	const struct cap cap = directory_cap(CAP_DIR2);
	struct chk_cipher cipher;
	struct bytes out;
	struct err err;
	assert_int_equal(chk_cipher_init(&cipher, &err), FAULT_NONE);
	bytes_init(&out, MAX);
	assert_int_equal(
		child_rw_hide(&cipher, cap.key, &(struct bytes_view){ DIRW, strlen(DIRW) }, &out),
		FAULT_NONE);
	assert_int_equal(out.size, 4 + 136 + 1);
	assert_non_null(memmem(writable, sizeof writable, out.data, out.size));
	bytes_fini(&out);
	chk_cipher_fini(&cipher);
}

struct parts {
	const char *name, *ro, *hidden, *metadata;
};

static void add_part(struct bytes *out, const char *text)
{
	assert_int_equal(netstring_append(out, text, strlen(text)), FAULT_NONE);
}

/* Appends a child. */
static void add(struct bytes *out, const struct parts *parts)
{
	struct bytes child;
	bytes_init(&child, MAX);
	add_part(&child, parts->name);
	add_part(&child, parts->ro ? parts->ro : "URI:LIT:nbswy3dp");
	add_part(&child, parts->hidden ? parts->hidden : "");
	add_part(&child, parts->metadata ? parts->metadata : "{}");
	assert_int_equal(netstring_append(out, child.data, child.size), FAULT_NONE);
	bytes_fini(&child);
}

static enum fault fault_of_children(const struct parts *parts, size_t count)
{
	struct bytes all;
	bytes_init(&all, MAX);
	for (size_t i = 0; i < count; i++)
		add(&all, &parts[i]);
	const enum fault fault = fault_of(bytes_text(&all));
	bytes_fini(&all);
	return fault;
}

/* An empty directory, and names that nobody may use, which are the planner's business. */
static void names_are_told_as_they_are(void **state)
{
	(void)state;
	static const struct parts odd[] = {
		{ .name = "" }, { .name = ".." }, { .name = "a/b" }, { .name = "e\xcc\x81" }
	};
	static const char nul[] = "34:3:a\0b,16:URI:LIT:nbswy3dp,0:,2:{},,";
	struct told told = { 0 };
	const struct cap cap = directory_cap(CAP_DIR2_CHK);
	struct bytes all;
	assert_int_equal(read_as(&cap, "", 0, &told), FAULT_NONE);
	assert_int_equal(told.children, 0);
	bytes_init(&all, MAX);
	for (size_t i = 0; i < ARRAY_COUNT(odd); i++)
		add(&all, &odd[i]);
	assert_int_equal(bytes_append(&all, nul, sizeof nul - 1), FAULT_NONE);
	assert_int_equal(read_as(&cap, bytes_text(&all), all.size, &told), FAULT_NONE);
	bytes_fini(&all);
	assert_int_equal(told.held.count, 5);
	assert_int_equal(told.held.child[0].name_size, 0);
	assert_string_equal(told.held.name[1], "..");
	assert_string_equal(told.held.name[2], "a/b");
	assert_string_equal(told.held.name[3], "\xc3\xa9"); /* NFC */
	assert_memory_equal(told.held.name[4], "a\0b", 4);
}

static void whatever_is_odd_is_left_to_the_gateway(void **state)
{
	(void)state;
	static const struct parts odd[] = {
		{ "a", "", NULL, NULL },
		{ "a", "URI:XXX:nbswy3dp", NULL, NULL },
		{ "a", DIRW, NULL, NULL }, /* not hidden */
		{ "a", DIRR, NULL, NULL }, /* can change */
		{ "a", NULL, "x", NULL },  /* nothing is hidden in an immutable one */
		{ "\xff", NULL, NULL, NULL },
		{ "a", NULL, NULL, "" },
		{ "a", NULL, NULL, "[]" },
		{ "a", NULL, NULL, "{" },
		{ "a", NULL, NULL, "{]" },
		{ "a", NULL, NULL, "{} " },
		{ "a", NULL, NULL, "{}{}" },
		{ "a", NULL, NULL, "{\"a}" },
		{ "a", NULL, NULL, "{\"a\":1,}" },
		/* that would end the child and begin another one */
		{ "a", NULL, NULL, "{}}], \"b\": [\"filenode\", {\"ro_uri\": {}" },
		{ "a", NULL, NULL, "{}}], \"b\": [\"filenode\", {\"metadata\": {}}" },
	};
	static const struct parts good = { .name = "a" };
	static const struct parts twice[] = { { .name = "a" }, { .name = "a" } };
	static const struct parts same[] = { { .name = "e\xcc\x81" }, { .name = "\xc3\xa9" } };
	assert_int_equal(fault_of_children(&good, 1), FAULT_NONE);
	for (size_t i = 0; i < ARRAY_COUNT(odd); i++)
		assert_int_equal(fault_of_children(&odd[i], 1), FAULT_CORRUPT);
	assert_int_equal(fault_of_children(twice, 2), FAULT_CORRUPT);
	assert_int_equal(fault_of_children(same, 2), FAULT_CORRUPT);
}

static void what_is_cut_is_left_to_the_gateway(void **state)
{
	(void)state;
	static const char *const cut[] = {
		"x",
		":",
		"1:a",
		"1:a,",
		"4:1:a,,",
		"27:1:a,16:URI:LIT:nbswy3dp,0:,,",
		"32:1:a,16:URI:LIT:nbswy3dp,0:,2:{},",
		"32:1:a,16:URI:LIT:nbswy3dp,0:,2:{},,x",
		"33:1:a,16:URI:LIT:nbswy3dp,0:,2:{},,",
		"31:1:a,16:URI:LIT:nbswy3dp,0:,2:{},,",
		"99999999999999999999:1:a,",
		"18446744073709551617:a,", /* 2^64 + 1 */
	};
	assert_int_equal(fault_of("32:1:a,16:URI:LIT:nbswy3dp,0:,2:{},,"), FAULT_NONE);
	for (size_t i = 0; i < ARRAY_COUNT(cut); i++)
		assert_int_equal(fault_of(cut[i]), FAULT_CORRUPT);
}

static void a_refused_child_ends_it(void **state)
{
	(void)state;
	const struct cap cap = directory_cap(CAP_DIR2_CHK);
	struct told told = { .held = { .refuse_at = 1 } };
	assert_int_equal(read_as(&cap, immutable, sizeof immutable - 1, &told), FAULT_CANCELLED);
	assert_int_equal(told.held.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_tahoe_packs_is_told),
		cmocka_unit_test(a_write_cap_shows_those_of_children),
		cmocka_unit_test(what_is_hidden_is_what_tahoe_hides),
		cmocka_unit_test(names_are_told_as_they_are),
		cmocka_unit_test(whatever_is_odd_is_left_to_the_gateway),
		cmocka_unit_test(what_is_cut_is_left_to_the_gateway),
		cmocka_unit_test(a_refused_child_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
