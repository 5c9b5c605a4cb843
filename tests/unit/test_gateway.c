#include "store/gateway.h"

#include "tests/unit/facts.h"
#include "tests/unit/gateway_case.h"

#define FIELDS "c2y4chzhpui5fvy5fq5o7v2nv4:tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega"
#define CHK    "URI:CHK:" FIELDS ":1:1:56"
#define DIRC   "URI:DIR2-CHK:" FIELDS ":1:1:56"
#define DIRW   "URI:DIR2:" FIELDS
#define DIRR   "URI:DIR2-RO:" FIELDS
#define SSK    "URI:SSK:" FIELDS

static void assert_request(struct scene *scene, const char *line)
{
	const char *headers = scripted_headers(scene->server, scripted_requests(scene->server) - 1);
	size_t length = strlen(line);
	if (strncmp(headers, line, length) != 0 || headers[length] != ' ')
		fail_msg("wanted %s, got %.*s", line, (int)strcspn(headers, "\r"), headers);
}

static struct cap cap_of(const char *text)
{
	struct cap cap;
	assert_int_equal(cap_parse(text, strlen(text), &cap, NULL), FAULT_NONE);
	return cap;
}

static void assert_cap(const struct cap *cap, const char *text)
{
	char printed[CAP_TEXT_SIZE];
	cap_print(cap, printed);
	assert_string_equal(printed, text);
}

/* Waits for the reply to a call that was given on_done. */
static enum fault finish(struct scene *scene, struct told *told, struct store_call *call,
			 struct err *err)
{
	if (!call)
		return err->fault;
	while (!told->done)
		store_poll(scene->store, 1000);
	*err = told->reply.err;
	return told->reply.fault;
}

static enum fault put(struct scene *scene, size_t size, struct cap *cap, struct err *err)
{
	static const char data[100];
	const struct store_body body = { .data = data, .size = size };
	struct told told = { .done = false };
	const struct store_then then = { on_done, &told };
	enum fault fault = finish(scene, &told, store_put(scene->store, &body, then, err), err);
	*cap = told.reply.cap;
	return fault;
}

static void takes_exactly_one_cap_for_a_file(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	struct cap cap;
	struct err err;
	answers(scene, 200, "", CHK);
	assert_int_equal(put(scene, 56, &cap, &err), FAULT_NONE);
	assert_cap(&cap, CHK);
	assert_request(scene, "PUT /uri");
	assert_int_equal(put(scene, 57, &cap, &err), FAULT_CORRUPT); /* of another size */
	static const char *const garbage[] = {
		"", CHK "\n", CHK " ", " " CHK, CHK CHK, "URI:CHK:x:y:1:1:56", CHK "\n" CHK,
	};
	for (size_t i = 0; i < ARRAY_COUNT(garbage); i++) {
		answers(scene, 200, "", garbage[i]);
		assert_int_equal(put(scene, 56, &cap, &err), FAULT_RETRY);
	}
	answers(scene, 200, "", DIRC);
	assert_int_equal(put(scene, 56, &cap, &err), FAULT_CORRUPT); /* of a directory */
	answers(scene, 204, "", "");
	assert_int_equal(put(scene, 56, &cap, &err), FAULT_RETRY);
	close_scene(scene);
}

static struct store_reply overwrite_reply(struct scene *scene, const char *text)
{
	struct told told = { .done = false };
	struct store_body body = { .data = "abc", .size = 3 };
	const struct cap cap = cap_of(text);
	struct err err;
	if (!store_overwrite(scene->store, &cap, &body,
			     (struct store_then){ .done = on_done, .context = &told }, &err))
		return (struct store_reply){ .fault = err.fault };
	while (!told.done)
		store_poll(scene->store, 1000);
	return told.reply;
}

static void overwrites_a_mutable_file_whose_cap_stays(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	answers(scene, 200, "", SSK);
	struct store_reply reply = overwrite_reply(scene, SSK);
	assert_int_equal(reply.fault, FAULT_NONE);
	assert_cap(&reply.cap, SSK);
	assert_request(scene, "PUT /uri/" SSK);
	assert_string_equal(scripted_body(scene->server, 0, NULL), "abc");
	answers(scene, 200, "", CHK);
	assert_int_equal(overwrite_reply(scene, SSK).fault, FAULT_CORRUPT);
	answers(scene, 400, "", "replace or update requested with read-only cap");
	assert_int_equal(overwrite_reply(scene, SSK).fault, FAULT_USAGE);
	size_t before = scripted_requests(scene->server);
	assert_int_equal(overwrite_reply(scene, CHK).fault, FAULT_USAGE);
	assert_int_equal(overwrite_reply(scene, DIRW).fault, FAULT_USAGE);
	assert_int_equal(scripted_requests(scene->server), before);
	close_scene(scene);
}

static void tells_troubles_apart(void **state)
{
	(void)state;
	static const struct {
		int status;
		const char *body;
		enum fault fault;
		enum store_trouble trouble;
		const char *word;
	} known[] = {
		{ 500,
		  "Traceback (most recent call last):\n  File x\nallmydata.interfaces."
		  "UploadUnhappinessError: server selection failed: only 1 server(s).\n",
		  FAULT_RETRY, STORE_TROUBLE_UNHAPPY, "UploadUnhappinessError" },
		{ 500, "x\nallmydata.interfaces.NoServersError: client gave us zero servers",
		  FAULT_RETRY, STORE_TROUBLE_NO_SERVERS, "NoServersError" },
		{ 500, "x\nallmydata.mutable.common.NotEnoughServersError: ('Ran out', None)\n",
		  FAULT_RETRY, STORE_TROUBLE_NO_SERVERS, "NotEnoughServersError" },
		{ 500, "x\nallmydata.mutable.common.UncoordinatedWriteError: \n", FAULT_RETRY,
		  STORE_TROUBLE_UNCOORDINATED, "UncoordinatedWriteError" },
		{ 500, "x\nallmydata.interfaces.NotWriteableError: \n", FAULT_AUTH,
		  STORE_TROUBLE_READ_ONLY, "NotWriteableError" },
		{ 500, "Traceback:\nFailure: allmydata.mutable.common.NotWriteableError: \n",
		  FAULT_AUTH, STORE_TROUBLE_READ_ONLY, "NotWriteableError" },
		{ 500, "x\nbuiltins.AssertionError: \n  more\n\n", FAULT_RETRY, STORE_TROUBLE_OTHER,
		  "AssertionError" },
		{ 500, "Traceback (most recent call last)\n", FAULT_RETRY, STORE_TROUBLE_OTHER,
		  "status 500" },
		{ 410, "NoSharesError: no shares could be found.", FAULT_RETRY,
		  STORE_TROUBLE_NO_SHARES, "shares" },
		{ 404, "No such child: x", FAULT_NOT_FOUND, STORE_TROUBLE_NONE,
		  "No such child: x" },
		{ 409, "There was already a child by that name", FAULT_EXISTS, STORE_TROUBLE_NONE,
		  "already" },
	};
	struct scene *scene = open_scene();
	for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
		answers(scene, known[i].status, "", known[i].body);
		struct store_reply reply = put_reply(scene);
		assert_int_equal(reply.fault, known[i].fault);
		assert_int_equal(reply.err.fault, known[i].fault);
		assert_int_equal(reply.trouble, known[i].trouble);
		assert_int_equal(reply.err.http_status, known[i].status);
		assert_true(reply.answered);
		assert_non_null(strstr(reply.err.text, known[i].word));
	}
	close_scene(scene);
}

static void tells_a_reply_without_a_status(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	scripted_answer(scene->server,
			(struct script_step){ .reply = "<html>oh</html>", .then = THEN_CLOSE });
	struct store_reply reply = put_reply(scene);
	assert_int_equal(reply.fault, FAULT_RETRY);
	assert_int_equal(reply.trouble, STORE_TROUBLE_NO_STATUS);
	assert_false(reply.answered);
	answers(scene, 429, "Retry-After: 3\r\n", "");
	assert_int_equal(put_reply(scene).err.retry_after_ms, 3000);
	close_scene(scene);
}

static void never_shows_a_cap_or_a_control_byte(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	answers(scene, 400, "", "bad \x1b[31m cap " DIRW " in /uri/URI%3ADIR2%3A" FIELDS);
	struct store_reply reply = put_reply(scene);
	assert_int_equal(reply.fault, FAULT_USAGE);
	assert_non_null(strstr(reply.err.text, "bad "));
	assert_null(strstr(reply.err.text, "c2y4chzh"));
	assert_null(strchr(reply.err.text, 0x1b));
	answers(scene, 500, "", "x\nsome.Error" DIRW ": y");
	reply = put_reply(scene);
	assert_null(strstr(reply.err.text, "c2y4chzh"));
	close_scene(scene);
}

static bool add(void *context, const void *data, size_t size)
{
	return bytes_append(context, data, size) == FAULT_NONE;
}

static enum fault get(struct scene *scene, const char *cap, struct bytes *out, struct err *err)
{
	struct cap parsed = cap_of(cap);
	bytes_fini(out);
	bytes_init(out, 1000);
	const struct store_get whole = {
		.cap = &parsed, .length = UINT64_MAX, .sink = add, .context = out
	};
	struct told told = { .done = false };
	const struct store_then then = { on_done, &told };
	return finish(scene, &told, store_get(scene->store, &whole, then, err), err);
}

static void gets_a_file_of_the_right_length(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	static const char text[] = "12345678901234567890123456789012345678901234567890123456";
	struct bytes out = { .size = 0 };
	struct err err;
	answers(scene, 200, "", text);
	assert_int_equal(get(scene, CHK, &out, &err), FAULT_NONE);
	assert_string_equal(bytes_text(&out), text);
	assert_request(scene, "GET /uri/" CHK);
	answers(scene, 200, "", text + 1);
	assert_int_equal(get(scene, CHK, &out, &err), FAULT_CORRUPT);
	answers(scene, 200, "", "123456789012345678901234567890123456789012345678901234567");
	assert_int_equal(get(scene, CHK, &out, &err), FAULT_CORRUPT);
	answers(scene, 200, "", "anything");
	assert_int_equal(get(scene, SSK, &out, &err), FAULT_NONE);
	assert_int_equal(get(scene, DIRC, &out, &err), FAULT_USAGE);
	answers(scene, 410, "", "NoSharesError: no");
	assert_int_equal(get(scene, CHK, &out, &err), FAULT_RETRY);
	bytes_fini(&out);
	close_scene(scene);
}

static void gets_a_part(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	struct cap cap = cap_of(CHK);
	struct bytes out;
	bytes_init(&out, 100);
	struct told told = { .done = false };
	struct store_get part = {
		.cap = &cap, .offset = 8, .length = 4, .sink = add, .context = &out
	};
	answers(scene, 206, "Content-Range: bytes 8-11/56\r\n", "9012");
	assert_non_null(store_get(scene->store, &part,
				  (struct store_then){ .done = on_done, .context = &told }, NULL));
	while (!told.done)
		store_poll(scene->store, 1000);
	assert_true(told.done);
	assert_int_equal(told.reply.fault, FAULT_NONE);
	assert_int_equal(told.reply.received, 4);
	assert_string_equal(bytes_text(&out), "9012");
	assert_non_null(strstr(scripted_headers(scene->server, 0), "\r\nRange: bytes=8-11\r\n"));
	told.done = false;
	answers(scene, 206, "Content-Range: bytes 8-12/56\r\n", "90123");
	assert_non_null(store_get(scene->store, &part,
				  (struct store_then){ .done = on_done, .context = &told }, NULL));
	while (!told.done)
		store_poll(scene->store, 1000);
	assert_int_equal(told.reply.fault, FAULT_CORRUPT);
	assert_int_equal(out.size, 4); /* a sink never hears more than was asked for */
	bytes_fini(&out);
	close_scene(scene);
}

static void makes_directories(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	struct bytes json;
	bytes_init(&json, 100);
	assert_int_equal(bytes_append_text(&json, "{}"), FAULT_NONE);
	struct cap cap;
	struct err err;
	struct store_directory fixed = { .is_mutable = false };
	struct store_directory keyed = {
		.is_mutable = true, .private_key = "MIIE-_x=", .private_key_size = 8
	};
	struct store_directory plain = { .is_mutable = true };
	answers(scene, 200, "", DIRC);
	assert_int_equal(store_wait_make_directory(&scene->wait, &fixed, &json, &cap, &err),
			 FAULT_NONE);
	assert_cap(&cap, DIRC);
	assert_request(scene, "POST /uri?t=mkdir-immutable");
	assert_string_equal(scripted_body(scene->server, 0, NULL), "{}");
	assert_non_null(strstr(scripted_headers(scene->server, 0), ": application/json\r\n"));
	assert_int_equal(store_wait_make_directory(&scene->wait, &keyed, &json, &cap, &err),
			 FAULT_CORRUPT);
	assert_request(scene, "POST /uri?t=mkdir-with-children&private-key=MIIE-_x%3D");
	answers(scene, 200, "", DIRW);
	assert_int_equal(store_wait_make_directory(&scene->wait, &keyed, &json, &cap, &err),
			 FAULT_NONE);
	assert_int_equal(scripted_connections(scene->server), 1);
	assert_int_equal(store_wait_make_directory(&scene->wait, &plain, &json, &cap, &err),
			 FAULT_NONE);
	assert_request(scene, "POST /uri?t=mkdir-with-children");
	assert_int_equal(scripted_connections(scene->server), 2); /* it must not run twice */
	bytes_fini(&json);
	close_scene(scene);
}

static void edits_directories(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	struct bytes json;
	bytes_init(&json, 100);
	assert_int_equal(bytes_append_text(&json, "{}"), FAULT_NONE);
	struct cap directory = cap_of(DIRW);
	struct err err;
	struct store_edit edit = { .directory = &directory, .replace = STORE_REPLACE_ONLY_FILES };
	answers(scene, 200, "", "Okay so I did it.");
	assert_int_equal(store_wait_set_children(&scene->wait, &edit, &json, &err), FAULT_NONE);
	assert_request(scene, "POST /uri/" DIRW "?t=set_children&replace=only-files");
	edit.replace = STORE_REPLACE_ALWAYS;
	assert_int_equal(store_wait_set_children(&scene->wait, &edit, &json, &err), FAULT_NONE);
	assert_request(scene, "POST /uri/" DIRW "?t=set_children&replace=true");
	bytes_fini(&json);
	close_scene(scene);
}

static void unlinks_children(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	struct cap directory = cap_of(DIRW);
	const struct store_name name = { "2026", 4 }, odd = { "a/b :?", 6 };
	struct err err;
	answers(scene, 200, "", CHK);
	assert_int_equal(store_wait_unlink(&scene->wait, &directory, &name, &err), FAULT_NONE);
	assert_int_equal(store_wait_unlink(&scene->wait, &directory, &odd, &err), FAULT_NONE);
	assert_request(scene, "DELETE /uri/" DIRW "/a%2Fb%20%3A%3F");
	answers(scene, 404, "", "No such child: 2026");
	assert_int_equal(store_wait_unlink(&scene->wait, &directory, &name, &err), FAULT_NOT_FOUND);
	answers(scene, 500, "", "allmydata.interfaces.NotWriteableError: ()\n");
	assert_int_equal(store_wait_unlink(&scene->wait, &directory, &name, &err), FAULT_AUTH);
	close_scene(scene);
}

static bool count(void *context, const struct store_child *child)
{
	(void)child;
	++*(unsigned *)context;
	return true;
}

static void lists_below_a_path(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	struct cap directory = cap_of(DIRR);
	struct store_name path[] = { { "..", 2 }, { "x y", 3 } };
	unsigned found = 0;
	struct store_list list = {
		.cap = &directory, .path = path, .path_count = 2, .child = count, .context = &found
	};
	struct store_node node;
	struct err err;
	answers(scene, 200, "",
		"[\"dirnode\", {\"children\": {\"a\": [\"filenode\", {\"ro_uri\": \"" CHK
		"\"}]}, \"mutable\": true, \"ro_uri\": \"" DIRR "\"}]\n");
	assert_int_equal(store_wait_list(&scene->wait, &list, &node, &err), FAULT_NONE);
	assert_request(scene, "GET /uri/" DIRR "/../x%20y?t=json");
	assert_int_equal(found, 1);
	assert_int_equal(node.kind, STORE_DIRECTORY);
	assert_cap(&node.ro, DIRR);
	answers(scene, 200, "", "[\"dirnode\", {");
	assert_int_equal(store_wait_list(&scene->wait, &list, &node, &err), FAULT_CORRUPT);
	answers(scene, 200, "", "<html>");
	assert_int_equal(store_wait_list(&scene->wait, &list, &node, &err), FAULT_CORRUPT);
	answers(scene, 404, "", "No such child: x y");
	assert_int_equal(store_wait_list(&scene->wait, &list, &node, &err), FAULT_NOT_FOUND);
	answers(scene, 410, "", "{\"error\": \"x\"}");
	assert_int_equal(store_wait_list(&scene->wait, &list, &node, &err), FAULT_RETRY);
	close_scene(scene);
}

static enum fault check(struct scene *scene, const struct store_check *wanted,
			struct store_health *health, struct err *err)
{
	struct told told = { .done = false };
	const struct store_then then = { on_done, &told };
	enum fault fault = finish(scene, &told, store_check(scene->store, wanted, then, err), err);
	*health = told.reply.health;
	return fault;
}

static void checks_health(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	const struct cap cap = cap_of(CHK);
	const struct store_check counted = { .cap = &cap }, verified = { &cap, true, false, false };
	const struct store_check repaired = { &cap, true, true, true };
	struct store_health health;
	struct err err;
	answers(scene, 200, "",
		"{\"results\":{\"recoverable\":true,\"count-shares-good\":4,\"healthy\":false,"
		"\"count-good-share-hosts\":3,\"count-happiness\":6,\"count-shares-needed\":2,"
		"\"count-shares-expected\":5,\"count-corrupt-shares\":1}}");
	assert_int_equal(check(scene, &verified, &health, &err), FAULT_NONE);
	assert_request(scene, "POST /uri/" CHK "?t=check&output=JSON&verify=true");
	const uint32_t counts[] = { 4, 3, 2, 5, 1, 6 };
	assert_true(!health.healthy && health.recoverable && !health.literal);
	assert_memory_equal(&health.good_shares, counts, sizeof counts);
	answers(scene, 200, "", "{\"storage-index\": \"\", \"results\": {\"healthy\": true}}");
	assert_int_equal(check(scene, &counted, &health, &err), FAULT_NONE);
	assert_request(scene, "POST /uri/" CHK "?t=check&output=JSON");
	assert_true(health.literal && health.healthy && health.recoverable);
	answers(scene, 200, "",
		"{\"repair-successful\":true,\"post-repair-results\":{\"results\":"
		"{\"healthy\":true,\"recoverable\":true,\"count-shares-good\":5}}}");
	assert_false(check(scene, &repaired, &health, &err) || health.good_shares != 5 ||
		     !health.healthy || !health.repaired);
	assert_request(scene, "POST /uri/" CHK "?t=check&output=JSON&verify=true&add-lease=true"
			      "&repair=true");
	answers(scene, 200, "", "{}");
	assert_int_equal(check(scene, &counted, &health, &err), FAULT_CORRUPT);
	close_scene(scene);
}

static void tells_a_gateway_from_other_servers(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	struct store_servers servers = { 0 };
	struct err err;
	answers(scene, 200, "",
		"{\"introducers\": {\"statuses\": []}, \"servers\": ["
		"{\"connection_status\": \"connected\"}, {\"connection_status\": \"Connected to "
		"x\"},"
		"{\"connection_status\": \"Trying to connect\"}, {\"connection_status\": null}]}");
	assert_int_equal(store_wait_probe(&scene->wait, &servers, &err), FAULT_NONE);
	assert_request(scene, "GET /?t=json");
	assert_int_equal(servers.connected, 2);
	assert_int_equal(servers.known, 4);
	static const char *const other[] = {
		"<html>hello</html>", "{}", "[]", "{\"servers\": []}", "{\"introducers\": {}}", ""
	};
	for (size_t i = 0; i < ARRAY_COUNT(other); i++) {
		answers(scene, 200, "", other[i]);
		assert_int_equal(store_wait_probe(&scene->wait, &servers, &err),
				 other[i][0] == '<' ? FAULT_UNAVAILABLE : FAULT_USAGE);
		assert_non_null(strstr(err.text, "not a Tahoe-LAFS gateway"));
	}
	static const int status[] = { 302, 404, 502 };
	for (size_t i = 0; i < ARRAY_COUNT(status); i++) {
		answers(scene, status[i], "", "no");
		assert_int_equal(store_wait_probe(&scene->wait, &servers, &err), FAULT_UNAVAILABLE);
		assert_int_equal(err.excuse, EXCUSE_WAITING);
	}
	scripted_answer(scene->server,
			(struct script_step){ .reply = "SSH-2.0-x\r\n", .then = THEN_CLOSE });
	assert_int_equal(store_wait_probe(&scene->wait, &servers, &err), FAULT_USAGE);
	close_scene(scene);
}

static uint64_t names_of(struct scene *scene, const char *servers)
{
	char reply[1000];
	struct store_servers found;
	struct err err;
	snprintf(reply, sizeof reply, "{\"introducers\": {\"statuses\": []}, \"servers\": [%s]}",
		 servers);
	answers(scene, 200, "", reply);
	assert_int_equal(store_wait_probe(&scene->wait, &found, &err), FAULT_NONE);
	return found.names;
}

#define SERVER(name, status) "{\"nodeid\": \"" name "\", \"connection_status\": \"" status "\"}"

static void tells_gateways_of_one_grid_from_others(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	const uint64_t both = names_of(scene, SERVER("v0-a", "connected") "," SERVER("v0-b", ""));
	assert_int_equal(both, names_of(scene, SERVER("v0-b", "connected") "," SERVER("v0-a", "")));
	assert_int_not_equal(both, names_of(scene, SERVER("v0-a", "connected")));
	assert_int_not_equal(both, names_of(scene, SERVER("v0-a", "") "," SERVER("v0-c", "")));
	assert_int_not_equal(both, names_of(scene, ""));
	close_scene(scene);
}

static bool stop(void *context) { return --*(int *)context < 0; }

static void cancels_and_closes_with_calls_in_flight(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	scripted_answer(scene->server, (struct script_step){ .then = THEN_STALL });
	int turns = 1;
	scene->wait.stop = stop;
	scene->wait.context = &turns;
	struct err err;
	struct cap cap = cap_of(DIRW);
	struct store_servers servers;
	assert_int_equal(store_wait_probe(&scene->wait, &servers, &err), FAULT_CANCELLED);
	struct told told = { .done = false };
	struct store_then then = { .done = on_done, .context = &told };
	struct store_list list = { .cap = &cap };
	struct store_call *call = store_list(scene->store, &list, then, &err);
	assert_non_null(call);
	const struct store_check wanted = { .cap = &cap };
	assert_non_null(store_check(scene->store, &wanted, then, &err));
	assert_non_null(store_probe(scene->store, then, &err));
	store_poll(scene->store, 0);
	store_cancel(scene->store, call);
	close_scene(scene);
	store_close(NULL);
	assert_false(told.done);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(takes_exactly_one_cap_for_a_file),
		cmocka_unit_test(overwrites_a_mutable_file_whose_cap_stays),
		cmocka_unit_test(tells_troubles_apart),
		cmocka_unit_test(tells_a_reply_without_a_status),
		cmocka_unit_test(never_shows_a_cap_or_a_control_byte),
		cmocka_unit_test(gets_a_file_of_the_right_length),
		cmocka_unit_test(gets_a_part),
		cmocka_unit_test(makes_directories),
		cmocka_unit_test(edits_directories),
		cmocka_unit_test(unlinks_children),
		cmocka_unit_test(lists_below_a_path),
		cmocka_unit_test(checks_health),
		cmocka_unit_test(tells_a_gateway_from_other_servers),
		cmocka_unit_test(tells_gateways_of_one_grid_from_others),
		cmocka_unit_test(cancels_and_closes_with_calls_in_flight),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
