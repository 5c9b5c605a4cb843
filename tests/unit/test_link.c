#include "place/link.h"

#include "tests/unit/facts.h"
#include "tests/unit/fake_store.h"

#define CHK                                                                                        \
	"URI:CHK:c2y4chzhpui5fvy5fq5o7v2nv4:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega:" \
	"1:1:56"
#define DIRW                                                                                       \
	"URI:DIR2:c2y4chzhpui5fvy5fq5o7v2nv4:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega"
#define SSK                                                                                        \
	"URI:SSK:c2y4chzhpui5fvy5fq5o7v2nv4:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega"

/* What there is of a path: what is said of its directory, and how often a link fails. */
struct tree {
	struct fake fake;
	struct store_wait wait;
	struct tries tries;
	struct cap root, file;
	struct store_name component[2];
	struct grid_path path;
	bool read_only, is_file, missing, refused;
	unsigned failures; /* this many links fail first */
	unsigned lies;     /* this many are not done */
	bool linked;
	char body[500];
};

static void list(struct tree *target_tree, struct fake_call *call, struct store_reply *reply)
{
	if (!call->child) { /* looks at the link */
		if (!target_tree->linked)
			fake_fail(reply, FAULT_NOT_FOUND, "scripted");
		reply->node = (struct store_node){ .kind = STORE_FILE, .ro = target_tree->file };
		return;
	}
	if (target_tree->missing)
		fake_fail(reply, FAULT_NOT_FOUND, "scripted");
	reply->node.kind = target_tree->is_file ? STORE_FILE : STORE_DIRECTORY;
	if (!target_tree->read_only)
		reply->node.rw = target_tree->root;
	struct cap mutable_file;
	assert_int_equal(cap_parse(SSK, strlen(SSK), &mutable_file, NULL), FAULT_NONE);
	fake_child(call, "file", STORE_FILE, &target_tree->file);
	fake_child(call, "directory", STORE_DIRECTORY, &target_tree->root);
	fake_child(call, "slot", STORE_FILE, &mutable_file);
	fake_child(call, "future", STORE_UNKNOWN, &target_tree->file);
	fake_child(call, "\xc3\xbc", STORE_DIRECTORY, &target_tree->root);
}

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct tree *target_tree = context;
	reply->err.retry_after_ms = 1;
	if (call->operation == FAKE_LIST) {
		list(target_tree, call, reply);
		return true;
	}
	assert_int_equal(call->operation, FAKE_SET_CHILDREN);
	assert_int_equal(call->replace, STORE_REPLACE_ONLY_FILES);
	assert_true(cap_equal(&call->cap, &target_tree->root));
	snprintf(target_tree->body, sizeof target_tree->body, "%s", (const char *)call->data);
	if (target_tree->refused)
		fake_fail(reply, FAULT_EXISTS, "scripted");
	else if (call->number <= target_tree->failures)
		fake_fail(reply, FAULT_RETRY, "scripted");
	else
		target_tree->linked = call->number > target_tree->failures + target_tree->lies;
	return true;
}

static void open_site(struct tree *target_tree, const char *name)
{
	static char typed[] = "typed:";
	*target_tree = (struct tree){ .fake = { .script = script, .context = target_tree } };
	assert_int_equal(cap_parse(DIRW, strlen(DIRW), &target_tree->root, NULL), FAULT_NONE);
	assert_int_equal(cap_parse(CHK, strlen(CHK), &target_tree->file, NULL), FAULT_NONE);
	target_tree->wait.store = fake_open(&target_tree->fake);
	target_tree->tries.wait = &target_tree->wait;
	target_tree->component[0] = (struct store_name){ "above", 5 };
	target_tree->component[1] = (struct store_name){ name, strlen(name) };
	target_tree->path = (struct grid_path){
		.typed = typed,
		.root = target_tree->root,
		.component = target_tree->component,
		.count = 2,
	};
}

static enum fault prepare(struct tree *target_tree)
{
	struct link link;
	struct err err;
	enum fault fault = link_prepare(&target_tree->path, &target_tree->tries, &link, &err);
	if (!fault)
		assert_true(cap_equal(&link.directory, &target_tree->root));
	link_fini(&link);
	return fault;
}

static enum fault prepare_name(const char *name)
{
	struct tree target_tree;
	open_site(&target_tree, name);
	enum fault fault = prepare(&target_tree);
	store_close(target_tree.wait.store);
	return fault;
}

static void only_immutable_files_are_replaced(void **state)
{
	(void)state;
	assert_int_equal(prepare_name("new"), FAULT_NONE);
	assert_int_equal(prepare_name("file"), FAULT_NONE);
	assert_int_equal(prepare_name("directory"), FAULT_EXISTS);
	assert_int_equal(prepare_name("slot"), FAULT_EXISTS);
	assert_int_equal(prepare_name("future"), FAULT_EXISTS);
	assert_int_equal(prepare_name("u\xcc\x88"), FAULT_EXISTS); /* the same in Unicode */
	assert_int_equal(prepare_name("\xff"), FAULT_USAGE);
}

static void the_directory_must_be_there_and_writable(void **state)
{
	(void)state;
	struct tree target_tree;
	open_site(&target_tree, "new");
	target_tree.missing = true;
	assert_int_equal(prepare(&target_tree), FAULT_USAGE);
	target_tree.missing = false;
	target_tree.read_only = true;
	assert_int_equal(prepare(&target_tree), FAULT_USAGE);
	target_tree.is_file = true;
	assert_int_equal(prepare(&target_tree), FAULT_EXISTS);
	target_tree.path.count = 0;
	assert_int_equal(prepare(&target_tree), FAULT_EXISTS);
	target_tree.path.count = 2;
	target_tree.path.ends_in_slash = true;
	assert_int_equal(prepare(&target_tree), FAULT_USAGE);
	store_close(target_tree.wait.store);
}

static enum fault make(struct tree *target_tree)
{
	struct link link;
	struct err err;
	struct bytes metadata;
	bytes_init(&metadata, 100);
	assert_int_equal(bytes_append_text(&metadata, "{\"mtime\": 1.5}"), FAULT_NONE);
	assert_int_equal(link_prepare(&target_tree->path, &target_tree->tries, &link, &err),
			 FAULT_NONE);
	enum fault fault =
		link_make(&link, &target_tree->tries, &target_tree->file, &metadata, &err);
	link_fini(&link);
	bytes_fini(&metadata);
	store_close(target_tree->wait.store);
	return fault;
}

static void a_link_is_looked_at_and_made_again(void **state)
{
	(void)state;
	struct tree target_tree;
	open_site(&target_tree, "new");
	target_tree.failures = 2;
	target_tree.lies = 1;
	assert_int_equal(make(&target_tree), FAULT_NONE);
	assert_int_equal(atomic_load(&target_tree.fake.started[FAKE_SET_CHILDREN]), 4);
	assert_non_null(strstr(target_tree.body, "\"new\": [\"filenode\""));
	assert_non_null(strstr(target_tree.body, "\"metadata\": {\"mtime\": 1.5}"));
	open_site(&target_tree, "new");
	target_tree.lies = 100;
	assert_int_equal(make(&target_tree), FAULT_RETRY);
	open_site(&target_tree, "new");
	target_tree.refused = true;
	assert_int_equal(make(&target_tree), FAULT_EXISTS);
	assert_int_equal(atomic_load(&target_tree.fake.started[FAKE_SET_CHILDREN]), 1);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(only_immutable_files_are_replaced),
		cmocka_unit_test(the_directory_must_be_there_and_writable),
		cmocka_unit_test(a_link_is_looked_at_and_made_again),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
