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
struct site {
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

static void list(struct site *site, struct fake_call *call, struct store_reply *reply)
{
	if (!call->child) { /* looks at the link */
		if (!site->linked)
			fake_fail(reply, FAULT_NOT_FOUND, "scripted");
		reply->node = (struct store_node){ .kind = STORE_FILE, .ro = site->file };
		return;
	}
	if (site->missing)
		fake_fail(reply, FAULT_NOT_FOUND, "scripted");
	reply->node.kind = site->is_file ? STORE_FILE : STORE_DIRECTORY;
	if (!site->read_only)
		reply->node.rw = site->root;
	struct cap mutable_file;
	assert_int_equal(cap_parse(SSK, strlen(SSK), &mutable_file, NULL), FAULT_NONE);
	fake_child(call, "file", STORE_FILE, &site->file);
	fake_child(call, "directory", STORE_DIRECTORY, &site->root);
	fake_child(call, "slot", STORE_FILE, &mutable_file);
	fake_child(call, "future", STORE_UNKNOWN, &site->file);
	fake_child(call, "\xc3\xbc", STORE_DIRECTORY, &site->root);
}

static bool script(void *context, struct fake_call *call, struct store_reply *reply)
{
	struct site *site = context;
	reply->err.retry_after_ms = 1;
	if (call->operation == FAKE_LIST) {
		list(site, call, reply);
		return true;
	}
	assert_int_equal(call->operation, FAKE_SET_CHILDREN);
	assert_int_equal(call->replace, STORE_REPLACE_ONLY_FILES);
	assert_true(cap_equal(&call->cap, &site->root));
	snprintf(site->body, sizeof site->body, "%s", (const char *)call->data);
	if (site->refused)
		fake_fail(reply, FAULT_EXISTS, "scripted");
	else if (call->number <= site->failures)
		fake_fail(reply, FAULT_RETRY, "scripted");
	else
		site->linked = call->number > site->failures + site->lies;
	return true;
}

static void open_site(struct site *site, const char *name)
{
	static char typed[] = "typed:";
	*site = (struct site){ .fake = { .script = script, .context = site } };
	assert_int_equal(cap_parse(DIRW, strlen(DIRW), &site->root, NULL), FAULT_NONE);
	assert_int_equal(cap_parse(CHK, strlen(CHK), &site->file, NULL), FAULT_NONE);
	site->wait.store = fake_open(&site->fake);
	site->tries.wait = &site->wait;
	site->component[0] = (struct store_name){ "above", 5 };
	site->component[1] = (struct store_name){ name, strlen(name) };
	site->path = (struct grid_path){
		.typed = typed,
		.root = site->root,
		.component = site->component,
		.count = 2,
	};
}

static enum fault prepare(struct site *site)
{
	struct link link;
	struct err err;
	enum fault fault = link_prepare(&site->path, &site->tries, &link, &err);
	if (!fault)
		assert_true(cap_equal(&link.directory, &site->root));
	link_fini(&link);
	return fault;
}

static enum fault prepare_name(const char *name)
{
	struct site site;
	open_site(&site, name);
	enum fault fault = prepare(&site);
	store_close(site.wait.store);
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
	struct site site;
	open_site(&site, "new");
	site.missing = true;
	assert_int_equal(prepare(&site), FAULT_USAGE);
	site.missing = false;
	site.read_only = true;
	assert_int_equal(prepare(&site), FAULT_USAGE);
	site.is_file = true;
	assert_int_equal(prepare(&site), FAULT_EXISTS);
	site.path.count = 0;
	assert_int_equal(prepare(&site), FAULT_EXISTS);
	site.path.count = 2;
	site.path.ends_in_slash = true;
	assert_int_equal(prepare(&site), FAULT_USAGE);
	store_close(site.wait.store);
}

static enum fault make(struct site *site)
{
	struct link link;
	struct err err;
	struct bytes metadata;
	bytes_init(&metadata, 100);
	assert_int_equal(bytes_append_text(&metadata, "{\"mtime\": 1.5}"), FAULT_NONE);
	assert_int_equal(link_prepare(&site->path, &site->tries, &link, &err), FAULT_NONE);
	enum fault fault = link_make(&link, &site->tries, &site->file, &metadata, &err);
	link_fini(&link);
	bytes_fini(&metadata);
	store_close(site->wait.store);
	return fault;
}

static void a_link_is_looked_at_and_made_again(void **state)
{
	(void)state;
	struct site site;
	open_site(&site, "new");
	site.failures = 2;
	site.lies = 1;
	assert_int_equal(make(&site), FAULT_NONE);
	assert_int_equal(atomic_load(&site.fake.started[FAKE_SET_CHILDREN]), 4);
	assert_non_null(strstr(site.body, "\"new\": [\"filenode\""));
	assert_non_null(strstr(site.body, "\"metadata\": {\"mtime\": 1.5}"));
	open_site(&site, "new");
	site.lies = 100;
	assert_int_equal(make(&site), FAULT_RETRY);
	open_site(&site, "new");
	site.refused = true;
	assert_int_equal(make(&site), FAULT_EXISTS);
	assert_int_equal(atomic_load(&site.fake.started[FAKE_SET_CHILDREN]), 1);
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
