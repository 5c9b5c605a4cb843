/* Directories listed from storage servers in memory. */
#include "direct/direct_call.h"

#include "tahoe/dirnode.h"
#include "tests/unit/fake_servers.h"

enum { FORM_MAX = 10000, HELD = 8 };

#define FILE_CAP                                                                                   \
	"URI:CHK:c2y4chzhpui5fvy5fq5o7v2nv4:"                                                      \
	"tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega:1:1:56"
#define LITERAL_DIR "URI:DIR2-LIT:gmzdumj2mewdcnr2kvjesosmjfkdu3tcon3xsm3eoawdaormgi5hw7jmfq"
#define E_ACUTE     "\xc3\xa9"  /* composed, as names are stored */
#define E_AND_ACUTE "e\xcc\x81" /* the same name, decomposed */

struct list_case {
	struct fake_servers fake;
	struct chk_shares *shares;
	struct cap cap;
	struct held {
		char name[HELD][16];
		size_t count, refuse_at;
	} held;
	struct err told;
	unsigned times;
};

static void hear(void *context, const struct err *why)
{
	struct list_case *list = context;
	list->told = *why;
	list->times++;
}

static void add(struct dirnode *dir, const char *name, const char *text, const char *metadata)
{
	struct cap cap;
	struct err err;
	assert_int_equal(cap_parse(text, strlen(text), &cap, &err), FAULT_NONE);
	const struct dirnode_child child = { name, strlen(name), &cap, metadata, strlen(metadata) };
	assert_int_equal(dirnode_add(dir, &child, &err), FAULT_NONE);
}

static void fill(struct dirnode *dir)
{
	add(dir, "dir", LITERAL_DIR, "{\"mtime\": 7.5}");
	add(dir, "file", FILE_CAP, "{\"mtime\": 1.5}");
	add(dir, E_ACUTE, FILE_CAP, "{}");
}

/* A directory that is stored as these bytes, whose shares lie on three servers. */
static void open_form(struct list_case *list, const void *form, size_t form_size)
{
	const struct chk_params params = { .k = 2, .n = 3, .max_segment_size = CHK_SEGMENT_SIZE };
	const struct direct_options options = { .needed = 2, .told = hear, .told_context = list };
	struct err err;
	memset(list, 0, sizeof *list);
	assert_int_equal(chk_shares_of(&params, form, form_size, &list->shares, &err), FAULT_NONE);
	assert_true(cap_to_directory(&list->shares->cap, &list->cap));
	fake_servers_open(&list->fake, &list->shares->cap, &options);
	const size_t size = (size_t)list->shares->share_size;
	for (unsigned i = 0; i < 3; i++)
		fake_servers_give(&list->fake, i, i, list->shares->data + i * size, size);
}

/* A directory of three. */
static void open_list(struct list_case *list)
{
	struct dirnode dir;
	dirnode_init(&dir, FORM_MAX);
	fill(&dir);
	open_form(list, dir.body.data, dir.body.size);
	dirnode_fini(&dir);
}

static void close_list(struct list_case *list)
{
	fake_servers_close(&list->fake);
	chk_shares_free(list->shares);
}

static bool hold(void *context, const struct store_child *child)
{
	struct held *held = context;
	snprintf(held->name[held->count], sizeof held->name[0], "%s", child->name);
	return ++held->count != held->refuse_at;
}

/* Lists what lies below a path of so many components. */
static const struct store_reply *list_path(struct list_case *list, size_t count,
					   const char *const *name)
{
	struct store_name path[4];
	struct err err;
	for (size_t i = 0; i < count; i++)
		path[i] = (struct store_name){ name[i], strlen(name[i]) };
	const struct store_list wanted = {
		.cap = &list->cap,
		.path = path,
		.path_count = count,
		.child = hold,
		.context = &list->held,
	};
	list->held.count = 0;
	assert_non_null(
		store_list(list->fake.store, &wanted, fake_servers_then(&list->fake), &err));
	fake_servers_run(&list->fake);
	assert_true(list->fake.ended);
	return &list->fake.end;
}

static const struct store_reply *list_one(struct list_case *list, const char *name)
{
	return list_path(list, name ? 1 : 0, &name);
}

static void children_are_told_in_order(void **state)
{
	struct list_case list;
	(void)state;
	open_list(&list);
	const struct store_reply *reply = list_one(&list, NULL);
	assert_int_equal(reply->fault, FAULT_NONE);
	assert_true(reply->proven && reply->answered);
	assert_int_equal(reply->children, 3);
	assert_int_equal(list.held.count, 3);
	assert_string_equal(list.held.name[0], "dir");
	assert_string_equal(list.held.name[1], "file");
	assert_string_equal(list.held.name[2], E_ACUTE);
	assert_int_equal(reply->node.kind, STORE_DIRECTORY);
	assert_int_equal(list.fake.gateway + list.times, 0);
	close_list(&list);
}

static void what_is_listed_says_that_the_grid_is_well(void **state)
{
	struct list_case list;
	struct health_canary canary;
	(void)state;
	open_list(&list);
	fake_servers_trouble(&list.fake, HEALTH_LISTING);
	list_one(&list, NULL);
	assert_false(fake_servers_in_trouble(&list.fake, HEALTH_LISTING));
	assert_true(health_canary(list.fake.health, true, &canary));
	assert_true(cap_equal(&canary.cap, &list.cap));
	close_list(&list);
}

static void a_path_leads_to_a_file(void **state)
{
	struct list_case list;
	char text[CAP_TEXT_SIZE];
	(void)state;
	open_list(&list);
	const struct store_reply *reply = list_one(&list, "file");
	assert_int_equal(reply->fault, FAULT_NONE);
	assert_true(reply->proven);
	assert_int_equal(reply->node.kind, STORE_FILE);
	assert_int_equal(list.held.count, 0);
	assert_true(reply->node.metadata_flags & STORE_HAS_MTIME);
	assert_int_equal(list.fake.gateway, 0);
	cap_print(store_node_cap(&reply->node), text);
	assert_string_equal(text, FILE_CAP);
	assert_int_equal(list_one(&list, E_AND_ACUTE)->node.kind, STORE_FILE);
	assert_int_equal(list.fake.gateway, 0);
	close_list(&list);
}

static void a_path_leads_to_a_directory(void **state)
{
	struct list_case list;
	(void)state;
	open_list(&list);
	const struct store_reply *reply = list_one(&list, "dir");
	assert_int_equal(reply->fault, FAULT_NONE);
	assert_int_equal(reply->node.kind, STORE_DIRECTORY);
	assert_int_equal(list.held.count, 1);
	assert_int_equal(reply->children, 1);
	assert_string_equal(list.held.name[0], "a");
	assert_true(reply->node.metadata_flags & STORE_HAS_MTIME);
	reply = list_path(&list, 2, (const char *const[]){ "dir", "a" });
	assert_int_equal(reply->fault, FAULT_NONE);
	assert_int_equal(reply->node.kind, STORE_FILE);
	assert_int_equal(list.held.count, 0);
	reply = list_path(&list, 2, (const char *const[]){ "dir", "b" });
	assert_int_equal(reply->fault, FAULT_NOT_FOUND);
	assert_int_equal(list.fake.gateway, 0);
	close_list(&list);
}

static void only_the_node_may_be_wanted(void **state)
{
	struct list_case list;
	struct err err;
	(void)state;
	open_list(&list);
	const struct store_name path = { "dir", 3 };
	const struct store_list wanted = { .cap = &list.cap, .path = &path, .path_count = 1 };
	store_list(list.fake.store, &wanted, fake_servers_then(&list.fake), &err);
	fake_servers_run(&list.fake);
	assert_true(list.fake.ended);
	assert_int_equal(list.fake.end.node.kind, STORE_DIRECTORY);
	assert_int_equal(list.fake.gateway, 0);
	close_list(&list);
}

/* The gateway says what other spellings mean, and what a file in the middle of a path does. */
static void what_is_not_there_is_known_of_plain_names(void **state)
{
	struct list_case list;
	(void)state;
	open_list(&list);
	const struct store_reply *reply = list_one(&list, "fil");
	assert_int_equal(reply->fault, FAULT_NOT_FOUND);
	assert_true(reply->proven && reply->err.remote);
	assert_int_equal(list.fake.gateway, 0);
	assert_int_equal(list_one(&list, "\xc3\xa8")->fault, FAULT_UNAVAILABLE);
	assert_int_equal(list.fake.gateway, 1);
	assert_int_equal(list_path(&list, 2, (const char *const[]){ "file", "a" })->fault,
			 FAULT_UNAVAILABLE);
	assert_int_equal(list.fake.gateway, 2);
	close_list(&list);
}

static void the_gateway_lists_what_is_not_to_be_had(void **state)
{
	struct list_case list;
	(void)state;
	open_list(&list);
	list.fake.at[0].fault = list.fake.at[1].fault = FAULT_UNAVAILABLE;
	assert_int_equal(list_one(&list, NULL)->fault, FAULT_UNAVAILABLE);
	assert_false(list.fake.end.proven);
	assert_int_equal(list.fake.gateway, 1);
	assert_int_equal(list.times, 1);
	assert_int_equal(list.held.count, 0);
	assert_string_equal(list.told.text, "no storage server has it");
	close_list(&list);
}

/* It says what their bytes mean, if anything. */
static void what_is_no_directory_is_left_to_the_gateway(void **state)
{
	static const char odd[] = "these bytes are proven, but they are no directory at all";
	static const char *const name[] = { NULL, "file" };
	struct list_case list;
	(void)state;
	for (unsigned i = 0; i < ARRAY_COUNT(name); i++) {
		open_form(&list, odd, sizeof odd);
		assert_int_equal(list_one(&list, name[i])->fault, FAULT_UNAVAILABLE);
		assert_int_equal(list.fake.gateway, 1);
		assert_int_equal(list.times, 1);
		close_list(&list);
	}
}

static void a_directory_just_written_is_the_gateways(void **state)
{
	struct list_case list;
	struct err err;
	(void)state;
	open_list(&list);
	const struct store_list wanted = { .cap = &list.cap, .written = true };
	store_list(list.fake.store, &wanted, fake_servers_then(&list.fake), &err);
	fake_servers_run(&list.fake);
	fake_servers_asked(&list.fake, "gateway GET\n");
	close_list(&list);
}

static void a_child_that_is_refused_ends_the_call(void **state)
{
	struct list_case list;
	(void)state;
	open_list(&list);
	list.held.refuse_at = 2;
	assert_int_equal(list_one(&list, NULL)->fault, FAULT_CANCELLED);
	assert_int_equal(list.held.count, 2);
	assert_int_equal(list.fake.gateway, 0);
	close_list(&list);
}

static void one_of_several_calls_is_cancelled(void **state)
{
	struct list_case list;
	struct store_call *call[3];
	struct err err;
	(void)state;
	open_list(&list);
	const struct store_list wanted = { .cap = &list.cap, .child = hold, .context = &list.held };
	for (size_t i = 0; i < 3; i++)
		call[i] = store_list(list.fake.store, &wanted, fake_servers_then(&list.fake), &err);
	store_cancel(list.fake.store, call[1]);
	fake_servers_run_all(&list.fake);
	assert_int_equal(list.fake.ends, 2);
	assert_int_equal(list.held.count, 6);
	close_list(&list);
}

static void a_cancelled_call_says_nothing(void **state)
{
	struct list_case list;
	struct err err;
	(void)state;
	open_list(&list);
	const struct store_list wanted = { .cap = &list.cap, .child = hold, .context = &list.held };
	struct store_call *call =
		store_list(list.fake.store, &wanted, fake_servers_then(&list.fake), &err);
	store_cancel(list.fake.store, call);
	fake_servers_run(&list.fake);
	assert_false(list.fake.ended);
	fake_servers_asked(&list.fake, "");
	close_list(&list);
}

static void closing_ends_all_calls(void **state)
{
	struct list_case list;
	struct err err;
	(void)state;
	open_list(&list);
	const struct store_list wanted = { .cap = &list.cap, .child = hold, .context = &list.held };
	list.fake.at[0].held = true;
	for (unsigned i = 0; i < 2; i++)
		store_list(list.fake.store, &wanted, fake_servers_then(&list.fake), &err);
	fake_servers_run(&list.fake);
	close_list(&list);
	assert_int_equal(list.fake.ends, 0);
}

static void a_directory_in_its_cap_needs_no_server(void **state)
{
	struct list_case list;
	struct err err;
	(void)state;
	open_list(&list);
	assert_int_equal(cap_parse(LITERAL_DIR, strlen(LITERAL_DIR), &list.cap, &err), FAULT_NONE);
	assert_int_equal(list_one(&list, NULL)->fault, FAULT_NONE);
	assert_true(list.fake.end.proven);
	assert_string_equal(list.held.name[0], "a");
	fake_servers_asked(&list.fake, "");
	close_list(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(children_are_told_in_order),
		cmocka_unit_test(what_is_listed_says_that_the_grid_is_well),
		cmocka_unit_test(a_path_leads_to_a_file),
		cmocka_unit_test(a_path_leads_to_a_directory),
		cmocka_unit_test(only_the_node_may_be_wanted),
		cmocka_unit_test(what_is_not_there_is_known_of_plain_names),
		cmocka_unit_test(the_gateway_lists_what_is_not_to_be_had),
		cmocka_unit_test(what_is_no_directory_is_left_to_the_gateway),
		cmocka_unit_test(a_directory_just_written_is_the_gateways),
		cmocka_unit_test(a_child_that_is_refused_ends_the_call),
		cmocka_unit_test(one_of_several_calls_is_cancelled),
		cmocka_unit_test(a_cancelled_call_says_nothing),
		cmocka_unit_test(closing_ends_all_calls),
		cmocka_unit_test(a_directory_in_its_cap_needs_no_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
