#include "place/places.h"

#include "tests/unit/facts.h"
#include "tests/unit/sandbox.h"

#include <sys/stat.h>
#include <unistd.h>

static const char dircap[] = "URI:DIR2:aaaaaaaaaaaaaaaaaaaaaaaaaa:"
			     "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbq";
static const char readcap[] = "URI:DIR2-RO:aaaaaaaaaaaaaaaaaaaaaaaaaa:"
			      "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbq";
static const char verifycap[] = "URI:DIR2-Verifier:aaaaaaaaaaaaaaaaaaaaaaaaaa:"
				"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbq";

static int set_up(void **state)
{
	if (sandbox_setup(state))
		return -1;
	char text[512];
	sandbox_directory("node", 0700);
	sandbox_directory("node/private", 0700);
	snprintf(text, sizeof text, "home: %s\nshared: %s\nverifier: %s\n", dircap, readcap,
		 verifycap);
	sandbox_file("node/private/aliases", text, 0644);
	sandbox_directory("tree", 0755);
	sandbox_file("tree/file", "x", 0644);
	sandbox_file("cap", dircap, 0600);
	if (symlink("tree", sandbox_path("link")) || mkfifo(sandbox_path("fifo"), 0600))
		return -1;
	return chdir(sandbox_path(""));
}

static enum fault resolve(struct places *places, struct err *err, char *source, char *target)
{
	char node[] = "node", cap_file[] = "cap";
	char *word[] = { source, target };
	const struct connection_options connection = {
		.node_directory = node,
		.cap_file = cap_file,
	};
	const struct text_list words = { word, 2 };
	return places_resolve(&connection, &words, NULL, places, err);
}

static void local_sources_are_followed_and_keep_their_own_names(void **state)
{
	(void)state;
	static const struct {
		const char *typed, *path, *name;
	} rows[] = {
		{ "tree", "tree", "tree" },
		{ "./tree//", "tree", "tree" },
		{ "tree/.", "tree", "tree" },
		{ "link", "tree", "link" },
		{ "tree/file", "tree/file", "file" },
		{ "tree/../tree/file", "tree/file", "file" },
		{ "tree/file/", "tree/file", "file" },
		{ "link/../tree/file", "tree/file", "file" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct places places;
		struct err err;
		char typed[64], target[] = "home:a/b";
		snprintf(typed, sizeof typed, "%s", rows[i].typed);
		assert_int_equal(resolve(&places, &err, typed, target), FAULT_NONE);
		assert_int_equal(places.count, 1);
		assert_true(places.source[0].local);
		char *real = realpath(sandbox_path(rows[i].path), NULL);
		assert_string_equal(places.source[0].path, real);
		free(real);
		assert_string_equal(places.source[0].name, rows[i].name);
		assert_false(places.target.local);
		assert_string_equal(places.target.path, "a/b");
		assert_string_equal(places.target.name, "b");
		assert_true(cap_is_writable(&places.target.root));
		places_fini(&places);
	}
}

static void the_cap_of_a_file_is_an_alias(void **state)
{
	(void)state;
	struct places places;
	struct err err;
	char source[] = "tree", target[] = "cap:";
	assert_int_equal(resolve(&places, &err, source, target), FAULT_NONE);
	assert_int_equal(places.target.root.kind, CAP_DIR2);
	assert_string_equal(places.target.path, "");
	assert_string_equal(places.target.name, "");
	places_fini(&places);
	assert_int_equal(chmod("cap", 0644), 0);
	assert_int_equal(resolve(&places, &err, source, target), FAULT_INSECURE);
	assert_int_equal(chmod("cap", 0600), 0);
	sandbox_file("cap", "URI:CHK:x", 0600);
	assert_int_equal(resolve(&places, &err, source, target), FAULT_USAGE);
}

static void what_cannot_be_is_said(void **state)
{
	(void)state;
	static const struct {
		const char *source, *target, *said;
	} rows[] = {
		{ "tree", "nowhere:x", "Unknown alias 'nowhere'" },
		{ "nowhere:x", "nothere:x", "Unknown alias 'nothere'" },
		{ "tree", "verifier:x", "the cap of 'verifier:x' does not let anybody read" },
		{ "tree", "URI:DIR2:canary", "" },
		{ "", "home:", "an empty word is no path" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct places places;
		struct err err;
		char source[64], target[64];
		snprintf(source, sizeof source, "%s", rows[i].source);
		snprintf(target, sizeof target, "%s", rows[i].target);
		assert_int_equal(resolve(&places, &err, source, target), FAULT_USAGE);
		assert_non_null(strstr(err.text, rows[i].said));
		assert_null(strstr(err.text, "canary"));
		assert_null(places.source);
	}
}

/* What is at a place is not places' business: a missing source keeps its path by the text. */
static void a_source_that_is_missing_is_a_place_too(void **state)
{
	(void)state;
	struct places places;
	struct err err;
	char source[] = "tree/../none//x", target[] = "shared:x", expected[600];
	assert_int_equal(resolve(&places, &err, source, target), FAULT_NONE);
	char *here = getcwd(NULL, 0);
	snprintf(expected, sizeof expected, "%s/none/x", here);
	assert_string_equal(places.source[0].path, expected);
	assert_string_equal(places.source[0].name, "x");
	free(here);
	places_fini(&places);
}

static void identities_tell_places_apart_without_secrets(void **state)
{
	(void)state;
	struct places places;
	struct err err;
	struct bytes text;
	char source[] = "shared:deep/x", target[] = "out/./y/";
	bytes_init(&text, 4096);
	assert_int_equal(resolve(&places, &err, source, target), FAULT_NONE);
	assert_int_equal(place_identity(&places.source[0], &text, &err), FAULT_NONE);
	assert_memory_equal(bytes_text(&text), "grid:", 5);
	assert_int_equal(text.size, 5 + 64 + 1 + strlen("deep/x"));
	assert_string_equal(bytes_text(&text) + 70, "deep/x");
	assert_null(strstr(bytes_text(&text), "aaaaaaaaaaaaa"));
	bytes_clear(&text);
	assert_int_equal(place_identity(&places.target, &text, &err), FAULT_NONE);
	char *here = getcwd(NULL, 0), expected[600];
	snprintf(expected, sizeof expected, "file:%s/out/y", here);
	assert_string_equal(bytes_text(&text), expected);
	assert_true(places.target.ends_in_slash);
	free(here);
	bytes_clear(&text);
	assert_int_equal(places_sources(&places, &text, &err), FAULT_NONE);
	assert_int_equal(text.data[text.size - 1], 0);
	bytes_fini(&text);
	places_fini(&places);
}

static void a_typed_cap_is_kept_redacted(void **state)
{
	(void)state;
	struct places places;
	struct err err;
	char source[] = "tree", target[256];
	snprintf(target, sizeof target, "%s/x", dircap);
	assert_int_equal(resolve(&places, &err, source, target), FAULT_NONE);
	assert_int_equal(places.target.root.kind, CAP_DIR2);
	assert_string_equal(places.target.path, "x");
	assert_null(strstr(places.target.typed, "aaaa"));
	assert_non_null(strstr(places.target.typed, "/x"));
	places_fini(&places);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define FACT(name) cmocka_unit_test_setup_teardown(name, set_up, sandbox_teardown)
		FACT(local_sources_are_followed_and_keep_their_own_names),
		FACT(the_cap_of_a_file_is_an_alias),
		FACT(what_cannot_be_is_said),
		FACT(a_source_that_is_missing_is_a_place_too),
		FACT(identities_tell_places_apart_without_secrets),
		FACT(a_typed_cap_is_kept_redacted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
