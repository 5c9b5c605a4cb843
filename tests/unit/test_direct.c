#include "direct/direct_call.h"

#include "net/http_call.h"
#include "queue/core/thread.h"
#include "tests/unit/facts.h"

enum { SLACK_MS = 60000 }; /* more than this test can take */

static struct http_peer *make_peer(void)
{
	struct http_peer *peer = NULL;
	const struct http_peer_options options = {
		.url = "https://127.0.0.1:1/",
		.pin = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		.accept = "application/cbor",
	};
	struct err err;
	assert_int_equal(http_peer_new(&options, &peer, &err), FAULT_NONE);
	return peer;
}

/* Whether the server is left alone for `times` times the shortest while from now. */
static bool is_away_for(const struct direct_server *server, uint64_t times)
{
	uint64_t left_ms = server->away_until_ms - clock_ms();
	return left_ms <= times * DIRECT_AWAY_MS && left_ms + SLACK_MS > times * DIRECT_AWAY_MS;
}

static void a_server_that_fails_is_left_alone_longer_each_time(void **state)
{
	(void)state;
	struct direct_server server = { .peer = make_peer() };
	struct direct direct = { .server = &server };
	assert_true(direct_server_answers(&direct, 0));
	for (unsigned times = 1; times <= 1024; times *= 2) {
		direct_judge_server(&direct, 0, FAULT_RETRY, false);
		direct_judge_server(&direct, 0, FAULT_UNAVAILABLE, false); /* asked before that */
		assert_false(direct_server_answers(&direct, 0));
		assert_true(is_away_for(&server, times < 256 ? times : 256));
		server.away_until_ms = clock_ms(); /* that while is over */
		assert_true(direct_server_answers(&direct, 0));
	}
	direct_judge_server(&direct, 0, FAULT_NOT_FOUND, false); /* an answer */
	direct_judge_server(&direct, 0, FAULT_NOMEM, false);     /* not its fault */
	assert_true(direct_server_answers(&direct, 0));
	direct_judge_server(&direct, 0, FAULT_INSECURE, false);
	direct_judge_server(&direct, 0, FAULT_NONE, false); /* asked before that, too */
	assert_false(direct_server_answers(&direct, 0));
	assert_true(is_away_for(&server, 1));
	http_peer_free(server.peer);
}

static void a_server_that_is_slow_is_left_alone_for_a_shorter_while(void **state)
{
	(void)state;
	struct direct_server server = { .peer = make_peer() };
	struct direct direct = { .server = &server };
	direct_judge_server(&direct, 0, FAULT_RETRY, true);
	assert_false(direct_server_answers(&direct, 0));
	assert_in_range(server.away_until_ms - clock_ms(), 1, DIRECT_SLOW_MS);
	http_peer_free(server.peer);
}

static void what_others_do_says_what_is_slow(void **state)
{
	(void)state;
	struct direct direct = { .floor = { .bps = DIRECT_RATE_LEAST } };
	direct_learn(&direct, 100, 20); /* a small part: 20 ms */
	assert_int_equal(direct.floor.bps, DIRECT_RATE_LEAST);
	assert_int_equal(direct.floor.wait_ms, DIRECT_WAIT_LEAST_MS);
	for (int i = 0; i < 20; i++)
		direct_learn(&direct, 100, 1000);
	assert_in_range(direct.floor.wait_ms, 7000, 8000);
	direct_learn(&direct, 8 << 20, 1000); /* 8 MiB/s, of which a 16th is 512 KiB/s */
	assert_int_equal(direct.floor.bps, 512 << 10);
	direct_learn(&direct, 64 << 10, 1 << 20); /* a slow one counts a quarter */
	assert_in_range(direct.floor.bps, 380 << 10, 390 << 10);
	for (int i = 0; i < 100; i++)
		direct_learn(&direct, 64 << 10, 1 << 20);
	assert_int_equal(direct.floor.bps, DIRECT_RATE_LEAST);
	for (int i = 0; i < 100; i++)
		direct_learn(&direct, 4 << 20, 0);
	assert_int_equal(direct.floor.bps, SPEED_ENOUGH);
}

static void a_server_without_a_connection_is_never_asked(void **state)
{
	(void)state;
	struct direct_server server = { .peer = NULL };
	const struct direct direct = { .server = &server };
	assert_false(direct_server_answers(&direct, 0));
}

/* Opens a store with so many servers, each of which may have `connections`. */
static void assert_connections(size_t count, unsigned connections)
{
	static char url[] = "https://127.0.0.1:1/";
	struct server server[20];
	const struct servers servers = { .server = server, .count = count };
	const struct gateway_options gateway = { .url = "http://127.0.0.1:1/" };
	const struct direct_options options = { .gateway = &gateway, .servers = &servers };
	struct store *store = NULL;
	struct err err;
	for (size_t i = 0; i < count; i++)
		server[i] = (struct server){ .url = url, .pin = "sha256//x" };
	assert_int_equal(direct_open(&options, &store, &err), FAULT_NONE);
	const struct direct *direct = (struct direct *)store;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(direct->server[i].peer->connections, connections);
	store_close(store);
}

static void servers_share_the_connections(void **state)
{
	(void)state;
	assert_connections(0, 0);
	assert_connections(1, 64);
	assert_connections(10, 6);
	assert_connections(20, 4);
}

/* A server whose URL makes no sense is as if it were not there. */
static void a_server_that_cannot_be_reached_is_left_out(void **state)
{
	static char plain[] = "http://127.0.0.1:1/", url[] = "https://127.0.0.1:1/";
	struct server server[] = { { .url = plain, .pin = "sha256//x" },
				   { .url = url, .pin = "sha256//x" } };
	const struct servers servers = { .server = server, .count = 2 };
	const struct gateway_options gateway = { .url = "http://127.0.0.1:1/" };
	const struct direct_options options = { .gateway = &gateway, .servers = &servers };
	struct store *store = NULL;
	struct err err;
	(void)state;
	assert_int_equal(direct_open(&options, &store, &err), FAULT_NONE);
	assert_false(direct_server_answers((struct direct *)store, 0));
	assert_true(direct_server_answers((struct direct *)store, 1));
	assert_int_equal(((struct direct *)store)->needed, 3); /* not known */
	store_close(store);
}

static void a_peer_is_reached_by_https_alone(void **state)
{
	(void)state;
	struct http_peer *peer = NULL;
	struct http_peer_options options = { .pin = "sha256//x", .accept = "application/cbor" };
	struct err err;
	options.url = "http://127.0.0.1:1/";
	assert_int_equal(http_peer_new(&options, &peer, &err), FAULT_USAGE);
	options.url = "https://a b/";
	assert_int_equal(http_peer_new(&options, &peer, &err), FAULT_USAGE);
	assert_null(peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_that_fails_is_left_alone_longer_each_time),
		cmocka_unit_test(a_server_that_is_slow_is_left_alone_for_a_shorter_while),
		cmocka_unit_test(what_others_do_says_what_is_slow),
		cmocka_unit_test(a_server_without_a_connection_is_never_asked),
		cmocka_unit_test(servers_share_the_connections),
		cmocka_unit_test(a_server_that_cannot_be_reached_is_left_out),
		cmocka_unit_test(a_peer_is_reached_by_https_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
