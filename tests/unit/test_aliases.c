#include "node/aliases.h"

#include "tests/unit/facts.h"
#include "tests/unit/node_folder.h"

#define FIELDS    "jqaetaqsvifhgvk7ibkfrjd2rm:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega"
#define HOME_CAP  "URI:DIR2:" FIELDS
#define OTHER_CAP "URI:DIR2-RO:" FIELDS

static const char *find(const struct aliases *aliases, const char *name)
{
	const char *cap = aliases_find(aliases, name, strlen(name));
	return cap ? cap : "none";
}

static void reads_the_file_as_tahoe_does(void **state)
{
	struct aliases aliases;
	struct err err;
	assert_int_equal(aliases_load(&aliases, *state, &err), FAULT_NONE);
	assert_int_equal(aliases.count, 0);
	node_folder_put(*state, "private/root_dir.cap", "URI:old\n", 0600);
	node_folder_put(*state, "private/aliases",
			"# comment: URI:x\n\n  home:  " HOME_CAP
			"  \nwork : URI:w\nnonsense\nhome2:a:b\r\n"
			"work : URI:later\nend:URI:e",
			0644);
	assert_int_equal(aliases_load(&aliases, *state, &err), FAULT_NONE);
	assert_string_equal(find(&aliases, "home"), HOME_CAP);
	assert_string_equal(find(&aliases, "work "), "URI:later");
	assert_string_equal(find(&aliases, "work"), "none");
	assert_string_equal(find(&aliases, "home2"), "a:b");
	assert_string_equal(find(&aliases, "end"), "URI:e");
	assert_string_equal(find(&aliases, "tahoe"), "URI:old");
	assert_int_equal(aliases_set(&aliases, "tahoe", "URI:new", &err), FAULT_NONE);
	assert_string_equal(find(&aliases, "tahoe"), "URI:new");
	aliases_fini(&aliases);
	aliases_fini(NULL);
}

static void refuses_what_everybody_may_write(void **state)
{
	struct aliases aliases;
	struct err err;
	node_folder_put(*state, "private/aliases", "a:b\n", 0666);
	assert_int_equal(aliases_load(&aliases, *state, &err), FAULT_INSECURE);
	assert_int_equal(aliases.count, 0);
}

struct expected {
	const char *text;
	enum argument_kind kind;
	const char *cap, *alias, *path;
};

static void check(const struct aliases *aliases, const char *fallback, const struct expected *want)
{
	struct argument argument;
	struct err err;
	char cap[CAP_TEXT_SIZE];
	assert_int_equal(argument_split(aliases, want->text, fallback, &argument, &err),
			 FAULT_NONE);
	assert_int_equal(argument.kind, want->kind);
	cap_print(&argument.root, cap);
	assert_string_equal(cap, want->cap);
	assert_int_equal(argument.alias_size, strlen(want->alias));
	assert_int_equal(argument.path_size, strlen(want->path));
	assert_memory_equal(argument.path, want->path, argument.path_size);
	assert_ptr_equal(argument_path(want->text), argument.path);
	if (argument.alias_size > 0)
		assert_memory_equal(argument.alias, want->alias, argument.alias_size);
	argument_wipe(&argument);
	assert_int_equal(argument.root.kind, CAP_NONE);
}

static void load_two(struct aliases *aliases)
{
	struct err err;
	*aliases = (struct aliases){ .count = 0 };
	assert_int_equal(aliases_set(aliases, "home", HOME_CAP, &err), FAULT_NONE);
	assert_int_equal(aliases_set(aliases, "bad", "URI:LIT:nbswy3dp", &err), FAULT_NONE);
	assert_int_equal(aliases_set(aliases, "worse", "URI:DIR2:x", &err), FAULT_NONE);
}

static void splits_arguments_of_cp(void **state)
{
	(void)state;
	static const struct expected cases[] = {
		{ "file", ARGUMENT_LOCAL, "", "", "file" },
		{ "  dir/file  ", ARGUMENT_LOCAL, "", "", "  dir/file  " },
		{ "./a:b", ARGUMENT_LOCAL, "", "", "./a:b" },
		{ "/x:y", ARGUMENT_LOCAL, "", "", "/x:y" },
		{ "", ARGUMENT_LOCAL, "", "", "" },
		{ "home:", ARGUMENT_ALIAS, HOME_CAP, "home", "" },
		{ "home:a/b:c", ARGUMENT_ALIAS, HOME_CAP, "home", "a/b:c" },
		{ "home:/a ", ARGUMENT_ALIAS, HOME_CAP, "home", "/a " },
		{ "home: a", ARGUMENT_ALIAS, HOME_CAP, "home", " a" },
		{ OTHER_CAP, ARGUMENT_CAP, OTHER_CAP, "", "" },
		{ OTHER_CAP "/a/b", ARGUMENT_CAP, OTHER_CAP, "", "a/b" },
		{ OTHER_CAP "/a ", ARGUMENT_CAP, OTHER_CAP, "", "a " },
		{ OTHER_CAP ":./a/b", ARGUMENT_CAP, OTHER_CAP, "", "a/b" },
		{ "ro." OTHER_CAP "/a", ARGUMENT_CAP, OTHER_CAP, "", "a" },
		{ "URI:LIT:nbswy3dp", ARGUMENT_CAP, "URI:LIT:nbswy3dp", "", "" },
	};
	struct aliases aliases;
	load_two(&aliases);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		check(&aliases, NULL, &cases[i]);
	aliases_fini(&aliases);
}

static void other_commands_have_a_default(void **state)
{
	(void)state;
	struct aliases aliases;
	struct argument argument;
	struct err err;
	load_two(&aliases);
	check(&aliases, "home",
	      &(struct expected){ "a/b", ARGUMENT_ALIAS, HOME_CAP, "home", "a/b" });
	check(&aliases, "home",
	      &(struct expected){ "a/b:c", ARGUMENT_ALIAS, HOME_CAP, "home", "a/b:c" });
	assert_int_equal(argument_split(&aliases, "a", ALIAS_DEFAULT, &argument, &err),
			 FAULT_USAGE);
	assert_string_equal(err.text,
			    "No alias specified, and the default 'tahoe' alias doesn't exist. "
			    "To create it, use 'tahoe create-alias tahoe'.");
	aliases_fini(&aliases);
}

static void refuses_in_the_words_of_tahoe(void **state)
{
	(void)state;
	struct aliases aliases;
	struct argument argument;
	struct err err;
	load_two(&aliases);
	assert_int_equal(argument_split(&aliases, "no\x01pe:x", NULL, &argument, &err),
			 FAULT_USAGE);
	assert_string_equal(err.text, "Unknown alias 'no\\x01pe', please create it with 'tahoe "
				      "add-alias' or 'tahoe create-alias'.");
	assert_int_equal(argument_split(&aliases, "URI:DIR2:" FIELDS "x", NULL, &argument, &err),
			 FAULT_USAGE);
	assert_null(strstr(err.text, "jqaetaq"));
	assert_int_equal(argument_split(&aliases, "bad:x", NULL, &argument, &err), FAULT_USAGE);
	assert_null(strstr(err.text, "nbswy3dp"));
	assert_int_equal(argument_split(&aliases, "worse:x", NULL, &argument, &err), FAULT_USAGE);
	aliases_fini(&aliases);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test_setup_teardown(reads_the_file_as_tahoe_does, node_folder_setup,
						node_folder_teardown),
		cmocka_unit_test_setup_teardown(refuses_what_everybody_may_write, node_folder_setup,
						node_folder_teardown),
		cmocka_unit_test(splits_arguments_of_cp),
		cmocka_unit_test(other_commands_have_a_default),
		cmocka_unit_test(refuses_in_the_words_of_tahoe),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
