#include "compare/compare.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"
#include "tests/unit/tree.h"

#include <fcntl.h>
#include <unistd.h>

enum { DIRECTORIES = 4 };

/* A grid of a few directories, known by the first byte of their keys, and what was found. */
struct bench {
	struct fake fake;
	struct store_wait wait;
	struct cap directory[DIRECTORIES];
	void (*list)(struct bench *bench, struct fake_call *call, size_t number);
	enum fault fault; /* of listing directory 1 */
	bool stopped;
	char text[2000];
};

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct bench *bench = context;
	assert_int_equal(call->operation, FAKE_LIST);
	reply->err.retry_after_ms = 1;
	reply->node.kind = STORE_DIRECTORY;
	if (call->cap.key[0] == 1 && bench->fault)
		fake_fail(reply, bench->fault, "scripted");
	else
		bench->list(bench, call, call->cap.key[0]);
	return true;
}

static bool stop(void *context)
{
	struct bench *bench = context;
	return bench->stopped;
}

static void found(void *context, const struct compare_finding *finding)
{
	static const char letter[] = "=-<>ksc?!";
	struct bench *bench = context;
	size_t used = strlen(bench->text);
	snprintf(bench->text + used, sizeof bench->text - used, "%c %s|%.*s %c\n",
		 letter[finding->result], finding->directory, (int)finding->name_size,
		 finding->name, finding->kind[0]);
	assert_int_equal(finding->result == COMPARE_FAILED, finding->err != NULL);
}

static void open_bench(struct bench *bench,
		       void (*list)(struct bench *bench, struct fake_call *call, size_t number))
{
	*bench = (struct bench){ .fake = { .script = script, .context = bench }, .list = list };
	for (size_t i = 0; i < DIRECTORIES; i++)
		bench->directory[i] =
			(struct cap){ .kind = CAP_DIR2_RO, .key = { (unsigned char)i } };
	bench->wait = (struct store_wait){ fake_open(&bench->fake), stop, bench };
}

static enum fault run(struct bench *bench)
{
	const struct ask ask = { .wait = bench->wait };
	const struct compare_options options = {
		.content = { .tries = { .wait = &bench->wait } },
		.remote = remote_new(&ask, REMOTE_SOURCE),
		.folder = tree_path(""),
		.found = found,
		.context = bench,
	};
	struct err err;
	int root = open(tree_path(""), O_RDONLY | O_DIRECTORY);
	enum fault fault = compare_trees(&options, root, &bench->directory[0], &err);
	close(root);
	remote_free(options.remote);
	store_close(bench->wait.store);
	return fault;
}

static void make(const char *name) { assert_int_equal(mkdir(tree_path(name), 0700), 0); }

static void add_file(struct fake_call *call, const char *name, const char *text)
{
	struct cap cap;
	chk_literal(text, strlen(text), &cap);
	fake_child(call, name, STORE_FILE, &cap);
}

static void list_some(struct bench *bench, struct fake_call *call, size_t number)
{
	switch (number) {
	case 0:
		fake_child(call, "b", STORE_DIRECTORY, &bench->directory[1]);
		fake_child(call, "a", STORE_DIRECTORY, &bench->directory[2]);
		fake_child(call, "k", STORE_DIRECTORY, &bench->directory[3]);
		add_file(call, "same", "text");
		add_file(call, "size", "text");
		add_file(call, "other", "text");
		add_file(call, "\xc3\xa9", "twin");
		add_file(call, "../up", "evil");
		break;
	case 2:
		fake_child(call, "deep", STORE_DIRECTORY, &bench->directory[3]);
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
	struct bench bench;
	char expected[sizeof some + 100];
	make_some();
	open_bench(&bench, list_some);
	assert_int_equal(run(&bench), FAULT_NONE);
	snprintf(expected, sizeof expected, "%s%s", some, "= b| d\n> b|inner f\n");
	assert_string_equal(bench.text, expected);
}

static void what_cannot_be_listed_is_told_and_the_rest_goes_on(void **state)
{
	(void)state;
	struct bench bench;
	char expected[sizeof some + 100];
	make_some();
	make("b/more");
	open_bench(&bench, list_some);
	bench.fault = FAULT_NOT_FOUND;
	assert_int_equal(run(&bench), FAULT_NONE);
	snprintf(expected, sizeof expected, "%s%s", some, "! b| d\n");
	assert_string_equal(bench.text, expected);
}

static void a_gateway_that_is_away_ends_it_as_stopping_does(void **state)
{
	(void)state;
	struct bench bench;
	make_some();
	open_bench(&bench, list_some);
	bench.fault = FAULT_UNAVAILABLE;
	assert_int_equal(run(&bench), FAULT_UNAVAILABLE);
	open_bench(&bench, list_some);
	bench.stopped = true;
	assert_int_equal(run(&bench), FAULT_CANCELLED);
	assert_string_equal(bench.text, "");
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
