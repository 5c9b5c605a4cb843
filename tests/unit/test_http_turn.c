/* Requests to peers take turns: few connections are made, and nobody waits for one that is lost. */
#include "net/http_call.h"

#include "tests/unit/facts.h"
#include "tests/unit/scripted.h"

enum { MANY = 24, FEW = 3, WAIT_MS = 300 };

#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const struct script_step answers[] = { { .reply = ANSWER } };
static const struct script_step never[] = { { .then = THEN_STALL } };
static const struct script_step refuses[] = {
	{ .reply = "HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno" },
};

struct world {
	struct scripted *server;
	struct http *http;
	struct http_peer peer;
};

/* A peer, in plain HTTP, and a client of a gateway that nobody asks. */
static void world_open(struct world *world, const struct script_step *step, uint32_t connections)
{
	const struct http_options options = {
		.base_url = "http://127.0.0.1:1/",
		.wait_ms = WAIT_MS,
		.connections = connections,
	};
	struct err err;
	*world = (struct world){ .server = scripted_new(step, 1) };
	assert_int_equal(http_open(&options, &world->http, &err), FAULT_NONE);
	assert_int_equal(url_parse(scripted_url(world->server), NULL, &world->peer.url, &err),
			 FAULT_NONE);
}

static void world_close(struct world *world)
{
	http_close(world->http);
	assert_int_equal(world->peer.busy, 0);
	scripted_free(world->server);
}

struct asked {
	struct world *world;
	struct http_call *call; /* NULL: it has ended */
	unsigned *order;        /* how many have ended before */
	unsigned rank;
	enum fault fault;
	uint64_t took_ms;
};

static void on_end(void *context, const struct http_reply *reply)
{
	struct asked *asked = context;
	asked->call = NULL;
	asked->fault = reply->fault;
	asked->took_ms = reply->took_ms;
	asked->rank = (*asked->order)++;
}

static void start(struct world *world, struct asked *asked, unsigned count, unsigned *order)
{
	struct err err;
	for (unsigned i = 0; i < count; i++) {
		asked[i] = (struct asked){ .world = world, .order = order };
		const struct http_request request = {
			.peer = &world->peer,
			.path = "share",
			.reply_max = 100,
			.done = on_end,
			.context = &asked[i],
		};
		asked[i].call = http_start(world->http, &request, &err);
		assert_non_null(asked[i].call);
	}
	assert_int_equal(http_in_flight(world->http), count);
}

static void run(struct world *world)
{
	while (http_in_flight(world->http) > 0)
		http_poll(world->http, 1000);
}

static void few_connections_are_kept_for_many_requests(void **state)
{
	(void)state;
	for (int whole = 0; whole < 2; whole++) {
		struct world world;
		struct asked asked[MANY];
		unsigned ended = 0;
		world_open(&world, answers, whole ? FEW : 0);
		world.peer.connections = whole ? 0 : FEW;
		start(&world, asked, MANY, &ended);
		assert_int_equal(world.peer.busy, FEW);
		run(&world);
		assert_int_equal(ended, MANY);
		for (unsigned i = 0; i < MANY; i++)
			assert_int_equal(asked[i].fault, FAULT_NONE);
		assert_int_equal(scripted_requests(world.server), MANY);
		assert_in_range(scripted_connections(world.server), 1, FEW);
		world_close(&world);
	}
}

static void who_came_first_is_asked_first(void **state)
{
	(void)state;
	struct world world;
	struct asked asked[MANY];
	unsigned ended = 0;
	world_open(&world, answers, 0);
	world.peer.connections = 1;
	start(&world, asked, MANY, &ended);
	run(&world);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(asked[i].rank, i);
	world_close(&world);
}

static void the_gateway_has_as_many_as_are_asked_for(void **state)
{
	(void)state;
	struct world world;
	struct asked asked[MANY];
	unsigned ended = 0;
	world_open(&world, never, 0);
	world.peer.connections = FEW;
	start(&world, asked, FEW + 1, &ended);
	assert_true(asked[FEW].call->waits);
	struct asked own = { .world = &world, .order = &ended };
	const struct http_request request = {
		.path = "uri",
		.done = on_end,
		.context = &own,
	};
	struct err err;
	own.call = http_start(world.http, &request, &err);
	assert_false(own.call->waits);
	world_close(&world);
}

/* What is silent is found out once, not by one after the other. */
static void a_peer_that_is_lost_is_not_waited_for(void **state)
{
	(void)state;
	struct world world;
	struct asked asked[MANY];
	unsigned ended = 0;
	world_open(&world, never, 0);
	world.peer.connections = 1;
	start(&world, asked, MANY, &ended);
	run(&world);
	assert_int_equal(scripted_requests(world.server), 1);
	assert_true(asked[0].took_ms >= WAIT_MS);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(asked[i].fault, FAULT_RETRY);
	assert_int_equal(asked[MANY - 1].took_ms, 0);
	world_close(&world);
}

static void a_peer_that_refuses_one_is_asked_for_the_others(void **state)
{
	(void)state;
	struct world world;
	struct asked asked[MANY];
	unsigned ended = 0;
	world_open(&world, refuses, 0);
	world.peer.connections = FEW;
	start(&world, asked, MANY, &ended);
	run(&world);
	assert_int_equal(scripted_requests(world.server), MANY);
	world_close(&world);
}

/* Whoever hears of the loss may cancel others, and ask again. */
static void on_loss(void *context, const struct http_reply *reply)
{
	struct asked *asked = context;
	on_end(context, reply);
	if (asked[1].call)
		http_cancel(asked[1].call);
	asked[1].call = NULL;
}

static void what_waits_is_cancelled(void **state)
{
	(void)state;
	struct world world;
	struct asked asked[MANY];
	unsigned ended = 0;
	world_open(&world, answers, 0);
	world.peer.connections = 1;
	start(&world, asked, 4, &ended);
	assert_true(http_running_ms(asked[3].call) == 0);
	http_cancel(asked[2].call); /* it waits */
	http_cancel(asked[0].call); /* it is on the wire; the next one is from now on */
	assert_false(asked[1].call->waits);
	assert_true(asked[3].call->waits);
	run(&world);
	assert_int_equal(ended, 2);
	assert_int_equal(asked[1].rank, 0);
	assert_int_equal(asked[3].rank, 1);
	world_close(&world);

	world_open(&world, never, 0);
	world.peer.connections = 1;
	ended = 0;
	start(&world, asked, 4, &ended);
	asked[0].call->request.done = on_loss;
	run(&world);
	assert_int_equal(ended, 3);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_connections_are_kept_for_many_requests),
		cmocka_unit_test(who_came_first_is_asked_first),
		cmocka_unit_test(the_gateway_has_as_many_as_are_asked_for),
		cmocka_unit_test(a_peer_that_is_lost_is_not_waited_for),
		cmocka_unit_test(a_peer_that_refuses_one_is_asked_for_the_others),
		cmocka_unit_test(what_waits_is_cancelled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
