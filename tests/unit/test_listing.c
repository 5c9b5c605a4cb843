#include "cli/listing.h"

#include "tests/unit/facts.h"

#define CHK                                                                                        \
	"URI:CHK:c2y4chzhpui5fvy5fq5o7v2nv4:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega:" \
	"1:1:56"
#define DIRW                                                                                       \
	"URI:DIR2:c2y4chzhpui5fvy5fq5o7v2nv4:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega"
#define SSK                                                                                        \
	"URI:SSK:c2y4chzhpui5fvy5fq5o7v2nv4:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega"

static struct cap cap_of(const char *text)
{
	struct cap cap;
	assert_int_equal(cap_parse(text, strlen(text), &cap, NULL), FAULT_NONE);
	return cap;
}

static struct store_node node_of(enum store_kind kind, const char *cap)
{
	struct store_node node = { .kind = kind };
	struct cap full = cap_of(cap);
	if (cap_is_writable(&full))
		node.rw = full;
	assert_true(cap_to_readonly(&full, &node.ro));
	return node;
}

static void add(struct listing *listing, const char *name, size_t size,
		const struct store_node *node)
{
	const struct store_child child = { .name = name, .name_size = size, .node = *node };
	assert_true(listing_add(listing, &child));
}

static void assert_printed(const struct listing *listing, enum listing_form form, const char *place,
			   const char *expected)
{
	struct bytes out;
	bytes_init(&out, 10000);
	assert_int_equal(listing_print(listing, form, place, &out), FAULT_NONE);
	assert_string_equal(bytes_text(&out), expected);
	bytes_fini(&out);
}

/* A file with its own time, an unknown thing, a directory linked before 1970, a mutable file. */
static void fill(struct listing *listing)
{
	struct store_node file = node_of(STORE_FILE, CHK), unknown = { .kind = STORE_UNKNOWN };
	struct store_node directory = node_of(STORE_DIRECTORY, DIRW);
	struct store_node slot = node_of(STORE_FILE, SSK);
	file.metadata_flags = STORE_HAS_MTIME | STORE_HAS_LINKED | STORE_HAS_MODE;
	file.metadata = (struct edge_metadata){ .mtime_ns = 981173106250000000, .mode = 0100644 };
	file.linked_ns = 7;
	directory.metadata_flags = STORE_HAS_LINKED;
	directory.linked_ns = -500000000;
	directory.is_mutable = true;
	add(listing, "b", 1, &slot);
	add(listing, "\xc3\xbc", 2, &unknown);
	add(listing, "a\n\0b", 4, &file);
	add(listing, "a", 1, &directory);
	listing_sort(listing);
}

static void names_are_sorted_by_bytes_and_each_has_a_line(void **state)
{
	(void)state;
	struct listing listing;
	const struct store_node file = node_of(STORE_FILE, CHK);
	listing_init(&listing, false);
	assert_printed(&listing, LISTING_NAMES, NULL, "");
	fill(&listing);
	assert_printed(&listing, LISTING_NAMES, NULL, "a/\na\\n\\x00b\nb\n\xc3\xbc\n");
	listing_clear(&listing);
	add(&listing, "/x/", 3, &file);
	add(&listing, "", 0, &file);
	add(&listing, "\x1b[2J", 4, &file);
	listing_sort(&listing);
	assert_printed(&listing, LISTING_NAMES, NULL, "\"\"\n\\x1b[2J\n\\x2fx\\x2f\n");
	listing_fini(&listing);
}

static void long_lines_are_aligned_and_in_local_time(void **state)
{
	(void)state;
	struct listing listing;
	setenv("TZ", "EST5", 1);
	tzset();
	listing_init(&listing, false);
	fill(&listing);
	assert_printed(&listing, LISTING_LONG, NULL,
		       "drwx  - 1969-12-31T18:59:59 a/\n"
		       "-r-- 56 2001-02-02T23:05:06 a\\n\\x00b\n"
		       "-rw-  ? -                   b\n"
		       "?---  ? -                   \xc3\xbc\n");
	listing_fini(&listing);
}

static void objects_leave_out_what_is_not_known(void **state)
{
	(void)state;
	struct listing listing;
	listing_init(&listing, false);
	fill(&listing);
	assert_printed(&listing, LISTING_JSON, "x:",
		       "{\"place\":\"x:\",\"name\":\"a\",\"kind\":\"directory\",\"mutable\":true,"
		       "\"mtime\":-0.500000000}\n"
		       "{\"place\":\"x:\",\"name\":\"a\\n\\u0000b\",\"kind\":\"file\",\"size\":56,"
		       "\"mutable\":false,\"mtime\":981173106.250000000,\"mode\":420}\n"
		       "{\"place\":\"x:\",\"name\":\"b\",\"kind\":\"file\",\"mutable\":true}\n"
		       "{\"place\":\"x:\",\"name\":\"\xc3\xbc\",\"kind\":\"unknown\"}\n");
	listing_fini(&listing);
}

static void caps_are_kept_only_when_wanted(void **state)
{
	(void)state;
	const struct store_node file = node_of(STORE_FILE, CHK);
	struct store_node slot = node_of(STORE_FILE, SSK);
	for (int wanted = 0; wanted < 2; wanted++) {
		struct listing listing;
		listing_init(&listing, wanted);
		add(&listing, "f", 1, &file);
		assert_int_equal(memmem(listing.text.data, listing.text.size, "URI:", 4) != NULL,
				 wanted);
		assert_printed(&listing, LISTING_JSON, NULL,
			       wanted ? "{\"name\":\"f\",\"kind\":\"file\",\"size\":56,"
					"\"mutable\":false,\"cap\":\"" CHK "\",\"ro_cap\":\"" CHK
					"\"}\n"
				      : "{\"name\":\"f\",\"kind\":\"file\",\"size\":56,"
					"\"mutable\":false}\n");
		listing_fini(&listing);
	}
	struct listing listing;
	char read_only[CAP_TEXT_SIZE];
	listing_init(&listing, true);
	add(&listing, "s", 1, &slot);
	cap_print(&slot.ro, read_only);
	struct bytes out;
	bytes_init(&out, 10000);
	assert_int_equal(listing_print(&listing, LISTING_JSON, NULL, &out), FAULT_NONE);
	assert_non_null(strstr(bytes_text(&out), "\"cap\":\"" SSK "\",\"ro_cap\":\""));
	assert_non_null(strstr(bytes_text(&out), read_only));
	bytes_fini(&out);
	listing_fini(&listing);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(names_are_sorted_by_bytes_and_each_has_a_line),
		cmocka_unit_test(long_lines_are_aligned_and_in_local_time),
		cmocka_unit_test(objects_leave_out_what_is_not_known),
		cmocka_unit_test(caps_are_kept_only_when_wanted),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
