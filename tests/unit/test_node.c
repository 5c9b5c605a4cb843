#include "node/node.h"

#include "tests/unit/facts.h"
#include "tests/unit/node_folder.h"

static void an_empty_directory_has_defaults(void **state)
{
	struct node node;
	struct err err;
	assert_int_equal(node_load(&node, *state, &err), FAULT_NONE);
	assert_string_equal(node.directory, *state);
	assert_null(node.url);
	assert_false(node.has_secret);
	assert_int_equal(node.params.k, 3);
	assert_int_equal(node.params.n, 10);
	assert_int_equal(node.happy, 7);
	assert_int_equal(node.params.max_segment_size, CHK_SEGMENT_SIZE);
	node_fini(&node);
	node_fini(NULL);
}

static void reads_what_is_there(void **state)
{
	struct node node;
	struct err err;
	node_folder_put(*state, "node.url", "http://127.0.0.1:3456\n", 0644);
	node_folder_put(
		*state, "tahoe.cfg",
		"[node]\nshares.needed = 9\n[client]\n# shares.needed = 8\nShares.Needed=1\n"
		"shares.total: 4 \n shares.total = 5\nshares.happy = 2\n[storage]\nshares.needed = "
		"7\n",
		0644);
	node_folder_put(*state, "private/convergence",
			"aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypq\n", 0600);
	assert_int_equal(node_load(&node, *state, &err), FAULT_NONE);
	assert_string_equal(node.url, "http://127.0.0.1:3456/");
	assert_int_equal(node.params.k, 1);
	assert_int_equal(node.params.n, 4);
	assert_int_equal(node.happy, 2);
	assert_true(node.has_secret);
	assert_int_equal(node.params.secret_size, 32);
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(node.params.secret[i], i);
	node_fini(&node);
	assert_null(node.url);
	node_folder_put(*state, "node.url", " http://127.0.0.1:3456/ ", 0644);
	assert_int_equal(node_load(&node, *state, &err), FAULT_NONE);
	assert_string_equal(node.url, "http://127.0.0.1:3456/");
	node_fini(&node);
}

static void says_which_file_makes_no_sense(void **state)
{
	struct node node;
	struct err err;
	node_folder_put(*state, "private/convergence", "not base32!\n", 0600);
	assert_int_equal(node_load(&node, *state, &err), FAULT_USAGE);
	assert_non_null(strstr(err.text, "private/convergence"));
	assert_null(strstr(err.text, "not base32!"));
	static const char *const bad[] = {
		"[client]\nshares.needed = x\n",  "[client]\nshares.needed =\n",
		"[client]\nshares.total = 257\n", "[client]\nshares.needed = 11\n",
		"[client]\nshares.happy = 0\n",
	};
	node_folder_put(*state, "private/convergence", "", 0600);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		node_folder_put(*state, "tahoe.cfg", bad[i], 0644);
		assert_int_equal(node_load(&node, *state, &err), FAULT_USAGE);
		assert_non_null(strstr(err.text, "tahoe.cfg"));
		assert_null(node.directory);
	}
}

static void a_named_directory_must_be_there(void **state)
{
	(void)state;
	struct node node;
	struct err err;
	assert_int_equal(node_load(&node, "/nowhere/at/all", &err), FAULT_NOT_FOUND);
}

static void the_default_is_in_the_home_directory(void **state)
{
	struct node node;
	struct err err;
	char expected[200];
	const char *before = getenv("HOME");
	char *home = before ? strdup(before) : NULL;
	setenv("HOME", *state, 1);
	assert_int_equal(node_load(&node, NULL, &err), FAULT_NONE);
	snprintf(expected, sizeof expected, "%s/.tahoe", (char *)*state);
	assert_string_equal(node.directory, expected);
	node_fini(&node);
	if (home)
		setenv("HOME", home, 1);
	free(home);
}

static void refuses_what_everybody_may_write(void **state)
{
	struct node node;
	struct err err;
	node_folder_put(*state, "private/convergence", "aaaq", 0666);
	assert_int_equal(node_load(&node, *state, &err), FAULT_INSECURE);
}

static void tells_whether_the_node_hides(void **state)
{
	struct node node;
	struct err err;
	static const struct {
		const char *text;
		bool is_open;
	} config[] = {
		{ "", true },
		{ "[connections]\ntcp = tcp\n[node]\nreveal-IP-address = True\n", true },
		{ "[client]\nforce_foolscap = false\n", true },
		{ "[connections]\ntcp = tor\n", false },
		{ "[connections]\ntcp =\n", false },
		{ "[connections]\n  tcp: tor\n", false },
		{ "[DEFAULT]\nreveal-IP-address = false\n[node]\n", false },
		{ "[connections]\n# tcp = tor\ntcpx = tor\ntcp = tcp\n", true },
		{ "[node]\nreveal-IP-address = false\n", false },
		{ "[client]\nforce_foolscap = yes\n", false },
	};
	for (size_t i = 0; i < ARRAY_COUNT(config); i++) {
		node_folder_put(*state, "tahoe.cfg", config[i].text, 0644);
		assert_int_equal(node_load(&node, *state, &err), FAULT_NONE);
		assert_int_equal(node.is_open, config[i].is_open);
		node_fini(&node);
	}
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test_setup_teardown(an_empty_directory_has_defaults, node_folder_setup,
						node_folder_teardown),
		cmocka_unit_test_setup_teardown(reads_what_is_there, node_folder_setup,
						node_folder_teardown),
		cmocka_unit_test_setup_teardown(says_which_file_makes_no_sense, node_folder_setup,
						node_folder_teardown),
		cmocka_unit_test_setup_teardown(tells_whether_the_node_hides, node_folder_setup,
						node_folder_teardown),
		cmocka_unit_test_setup_teardown(a_named_directory_must_be_there, node_folder_setup,
						node_folder_teardown),
		cmocka_unit_test_setup_teardown(the_default_is_in_the_home_directory,
						node_folder_setup, node_folder_teardown),
		cmocka_unit_test_setup_teardown(refuses_what_everybody_may_write, node_folder_setup,
						node_folder_teardown),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
