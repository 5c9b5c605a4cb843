#include "compare/compare.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/tree.h"

#include <fcntl.h>
#include <unistd.h>

enum { DIRECTORIES = 4 };

/* A grid of a few directories, known by the first byte of their keys, and what was found. */
struct compare_case {
	struct fake fake;
	struct store_wait wait;
	struct cap directory[DIRECTORIES];
	void (*list)(struct compare_case *compare_case, struct fake_call *call, size_t number);
	enum fault fault; /* of listing directory 1 */
	bool stopped;
	char text[2000];
};

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct compare_case *compare_case = context;
	assert_int_equal(call->operation, FAKE_LIST);
	reply->err.retry_after_ms = 1;
	reply->node.kind = STORE_DIRECTORY;
	if (call->cap.key[0] == 1 && compare_case->fault)
		fake_fail(reply, compare_case->fault, "scripted");
	else
		compare_case->list(compare_case, call, call->cap.key[0]);
	return true;
}

static bool stop(void *context)
{
	struct compare_case *compare_case = context;
	return compare_case->stopped;
}

static void found(void *context, const struct compare_finding *finding)
{
	static const char letter[] = "=-<>ksc?!";
	struct compare_case *compare_case = context;
	size_t used = strlen(compare_case->text);
	snprintf(compare_case->text + used, sizeof compare_case->text - used, "%c %s|%.*s %c\n",
		 letter[finding->result], finding->directory, (int)finding->name_size,
		 finding->name, finding->kind[0]);
	assert_int_equal(finding->result == COMPARE_FAILED, finding->err != NULL);
}

static void open_bench(struct compare_case *compare_case,
		       void (*list)(struct compare_case *compare_case, struct fake_call *call,
				    size_t number))
{
	*compare_case =
		(struct compare_case){ .fake = { .script = script, .context = compare_case },
				       .list = list };
	for (size_t i = 0; i < DIRECTORIES; i++)
		compare_case->directory[i] =
			(struct cap){ .kind = CAP_DIR2_RO, .key = { (unsigned char)i } };
	compare_case->wait =
		(struct store_wait){ fake_open(&compare_case->fake), stop, compare_case };
}

static enum fault run(struct compare_case *compare_case)
{
	const struct ask ask = { .wait = compare_case->wait };
	const struct compare_options options = {
		.content = { .tries = { .wait = &compare_case->wait } },
		.remote = remote_new(&ask, REMOTE_SOURCE),
		.folder = tree_path(""),
		.found = found,
		.context = compare_case,
	};
	struct err err;
	int root = open(tree_path(""), O_RDONLY | O_DIRECTORY);
	enum fault fault = compare_trees(&options, root, &compare_case->directory[0], &err);
	close(root);
	remote_free(options.remote);
	store_close(compare_case->wait.store);
	return fault;
}

static void make(const char *name) { assert_int_equal(mkdir(tree_path(name), 0700), 0); }

static void add_file(struct fake_call *call, const char *name, const char *text)
{
	struct cap cap;
	chk_literal(text, strlen(text), &cap);
	fake_child(call, name, STORE_FILE, &cap);
}

static void list_some(struct compare_case *compare_case, struct fake_call *call, size_t number)
{
	switch (number) {
	case 0:
		fake_child(call, "b", STORE_DIRECTORY, &compare_case->directory[1]);
		fake_child(call, "a", STORE_DIRECTORY, &compare_case->directory[2]);
		fake_child(call, "k", STORE_DIRECTORY, &compare_case->directory[3]);
		add_file(call, "same", "text");
		add_file(call, "size", "text");
		add_file(call, "other", "text");
		add_file(call, "\xc3\xa9", "twin");
		add_file(call, "../up", "evil");
		break;
	case 2:
		fake_child(call, "deep", STORE_DIRECTORY, &compare_case->directory[3]);
		break;
	default:
		add_file(call, "inner", "inner");
	}
}

static void make_some(void)
{
	make("a");
	make("a/deep");
	make("b");
	make("only");
	tree_store("a/deep/inner", "inner");
	tree_store("k", "text");
	tree_store("same", "text");
	tree_store("size", "texts");
	tree_store("other", "tent");
	tree_store("e\xcc\x81", "twin");
	tree_store("\xc3\xa9", "twin");
	assert_int_equal(symlink("same", tree_path("link")), 0);
}

static const char some[] = "= | d\n"
			   "= |e\xcc\x81 f\n"
			   "k |k f\n"
			   "- |link s\n"
			   "< |only d\n"
			   "c |other f\n"
			   "= |same f\n"
			   "s |size f\n"
			   "< |\xc3\xa9 f\n"
			   "> |../up f\n"
			   "= a| d\n"
			   "= a/deep| d\n"
			   "= a/deep|inner f\n";

static void finds_each_difference_depth_first(void **state)
{
	(void)state;
	struct compare_case compare_case;
	char expected[sizeof some + 100];
	make_some();
	open_bench(&compare_case, list_some);
	assert_int_equal(run(&compare_case), FAULT_NONE);
	snprintf(expected, sizeof expected, "%s%s", some, "= b| d\n> b|inner f\n");
	assert_string_equal(compare_case.text, expected);
}

static void what_cannot_be_listed_is_told_and_the_rest_goes_on(void **state)
{
	(void)state;
	struct compare_case compare_case;
	char expected[sizeof some + 100];
	make_some();
	make("b/more");
	open_bench(&compare_case, list_some);
	compare_case.fault = FAULT_NOT_FOUND;
	assert_int_equal(run(&compare_case), FAULT_NONE);
	snprintf(expected, sizeof expected, "%s%s", some, "! b| d\n");
	assert_string_equal(compare_case.text, expected);
}

static void a_gateway_that_is_away_ends_it_as_stopping_does(void **state)
{
	(void)state;
	struct compare_case compare_case;
	make_some();
	open_bench(&compare_case, list_some);
	compare_case.fault = FAULT_UNAVAILABLE;
	assert_int_equal(run(&compare_case), FAULT_UNAVAILABLE);
	open_bench(&compare_case, list_some);
	compare_case.stopped = true;
	assert_int_equal(run(&compare_case), FAULT_CANCELLED);
	assert_string_equal(compare_case.text, "");
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)

int main(void)
{
	const struct CMUnitTest fact[] = {
		FACT(finds_each_difference_depth_first),
		FACT(what_cannot_be_listed_is_told_and_the_rest_goes_on),
		FACT(a_gateway_that_is_away_ends_it_as_stopping_does),
	};
	return cmocka_run_group_tests(fact, NULL, NULL);
}
