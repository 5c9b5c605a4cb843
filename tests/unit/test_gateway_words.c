#include "store/gateway.h"

#include "tests/unit/facts.h"
#include "tests/unit/gateway_case.h"

#define DIRW                                                                                       \
	"URI:DIR2:c2y4chzhpui5fvy5fq5o7v2nv4:"                                                     \
	"tsdswpdri5blnmowjt2ticc2wfa7tsqv7n5rermsdwpe5sidhega"

/* What stands between us and the gateway, and answers in its place. */
static void knows_the_gateways_own_words(void **state)
{
	(void)state;
	static const char html[] = "Content-Type: text/html\r\n";
	static const char page[] = "<html><head><title>Oh</title></head></html>";
	static const struct {
		int status;
		const char *headers, *body;
		bool own;
	} known[] = {
		{ 502, html, page, false },
		{ 503, "", "", false },
		{ 503, "Server: TwistedWeb/26.10.0\r\n", "", false },
		{ 504, "", "upstream request timeout", false },
		{ 408, "", "", false },
		{ 429, "", "slow down", false },
		{ 401, html, page, false },
		{ 407, "", "", false },
		{ 302, "Location: /login\r\n", "", false },
		{ 403, html, page, false },
		{ 403, "", "Access Prohibited: dont", true },
		{ 404, html, page, false },
		{ 404, "", "404 page not found\n", false },
		{ 404, html, "<html><p>No such child: x</p></html>", true },
		{ 404, "Server: TwistedWeb/22\r\n", page, true },
		{ 400, html, page, false },
		{ 400, "", "bad t=x", true },
		{ 409, html, page, false },
		{ 409, "", "There was already a child by that name", true },
		{ 410, html, page, false },
		{ 410, "", "NoSharesError: no shares could be found.", true },
		{ 500, html, page, false },
		{ 500, "", "Internal Server Error", false },
		{ 500, "", "builtins.ValueError: x", true },
		{ 413, html, page, true },
		{ 200, html, page, false },
		{ 200, "", "  <!DOCTYPE html>", false },
	};
	struct scene *scene = open_scene();
	for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
		answers(scene, known[i].status, known[i].headers, known[i].body);
		struct store_reply reply = put_reply(scene);
		bool own = reply.trouble != STORE_TROUBLE_STRANGER;
		if (own != known[i].own)
			fail_msg("%d %s: %s", known[i].status, known[i].body, reply.err.text);
		assert_int_equal(reply.fault == FAULT_UNAVAILABLE, !own);
		assert_int_equal(reply.answered, own);
	}
	answers(scene, 503, "Retry-After: 20\r\n", "");
	struct store_reply reply = put_reply(scene);
	assert_non_null(strstr(reply.err.text, "it asks to wait 20 s"));
	assert_int_equal(reply.err.retry_after_ms, 20000);
	close_scene(scene);
}

static void passes_on_what_the_grid_says(void **state)
{
	(void)state;
	struct scene *scene = open_scene();
	answers(scene, 500, "",
		"Traceback (most recent call last):\n  File x\nallmydata.interfaces."
		"UploadUnhappinessError: server selection failed for <Tahoe2ServerSelector for "
		"upload b'a63as'>: shares could be placed or found on only 1 server(s). We were "
		"asked to place shares on at least 2 server(s). (placed 1 shares out of 2 total, "
		"5 queries placed some shares, 1 placed none (of which 1 placed none due to the "
		"server being full and 0 placed none due to an error)), merged={} (last failure "
		"(from <x>) was: [Failure\ntwisted.internet.error.ConnectionRefusedError: no\n");
	struct store_reply reply = put_reply(scene);
	assert_int_equal(reply.trouble, STORE_TROUBLE_UNHAPPY);
	assert_string_equal(
		reply.err.text,
		"status 500: UploadUnhappinessError: shares could be placed or found on "
		"only 1 server(s) (1 servers are full)");
	answers(scene, 500, "",
		"x\nallmydata.interfaces.NoServersError: client gave us " DIRW "\n");
	reply = put_reply(scene);
	assert_non_null(strstr(reply.err.text, "NoServersError: client gave us "));
	assert_null(strstr(reply.err.text, "c2y4chzh"));
	close_scene(scene);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(knows_the_gateways_own_words),
		cmocka_unit_test(passes_on_what_the_grid_says),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
