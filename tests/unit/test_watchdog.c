#include "net/http.h"

#include "queue/core/thread.h"
#include "tests/unit/facts.h"
#include "tests/unit/moved_clock.h"
#include "tests/unit/scripted.h"

#include <time.h>

enum {
	LIMIT_MS = 30000,
	LONG_MS = 3600000,
	STEP_MS = 2000,       /* that the clock is moved at a time */
	SLACK_MS = 12000,     /* till the limit is looked at */
	STEADY_SIZE = 200000, /* bytes, 4 KiB in three seconds */
	US_A_BYTE = 700,
};

struct told {
	bool done;
	struct http_reply reply;
	uint64_t received, us_a_byte;
};

static void on_done(void *context, const struct http_reply *reply)
{
	struct told *told = context;
	told->done = true;
	told->reply = *reply;
}

/* What comes takes its time. */
static bool take(void *context, const void *data, size_t size)
{
	struct told *told = context;
	(void)data;
	clock_move((told->received + size) * told->us_a_byte / 1000 -
		   told->received * told->us_a_byte / 1000);
	told->received += size;
	return true;
}

struct limits {
	uint32_t send_ms, wait_ms, receive_ms;
	uint32_t us_a_byte; /* 0: US_A_BYTE */
};

/* Runs one request; stores how long it took.  The clock moves with what is received, and once
 * `size` bytes have been, or a first request has come where that is 0. */
static struct http_reply ask(struct scripted *server, struct limits limits,
			     struct http_request request, uint64_t size, uint64_t *took_ms)
{
	struct http_options options = {
		.base_url = scripted_url(server),
		.send_ms = limits.send_ms,
		.wait_ms = limits.wait_ms,
		.receive_ms = limits.receive_ms,
	};
	struct http *http = NULL;
	assert_int_equal(http_open(&options, &http, NULL), FAULT_NONE);
	struct told told = { .us_a_byte = limits.us_a_byte ? limits.us_a_byte : US_A_BYTE };
	const size_t before = scripted_requests(server);
	request.path = "uri";
	request.reply_max = 1000000;
	request.sink = take;
	request.done = on_done;
	request.context = &told;
	clock_stop();
	uint64_t begin = clock_ms();
	assert_non_null(http_start(http, &request, NULL));
	while (!told.done) {
		http_poll(http, 1);
		if (size ? told.received >= size : scripted_requests(server) > before)
			clock_move(STEP_MS);
	}
	*took_ms = clock_ms() - begin;
	http_close(http);
	return told.reply;
}

static void assert_ended(const struct http_reply *reply, const char *phase, uint64_t took_ms,
			 uint64_t limit_ms)
{
	assert_int_equal(reply->fault, FAULT_RETRY);
	assert_non_null(strstr(reply->err.text, phase));
	assert_in_range(took_ms, limit_ms, limit_ms + SLACK_MS);
	assert_false(reply->complete);
}

static void ends_a_wait_without_reply(void **state)
{
	(void)state;
	struct script_step step = { .then = THEN_STALL };
	struct scripted *server = scripted_new(&step, 1);
	struct limits limits = { LONG_MS, LIMIT_MS, LONG_MS, 0 };
	struct http_request put = { .method = HTTP_PUT, .body = { .data = "x", .size = 1 } };
	uint64_t took_ms;
	struct http_reply reply = ask(server, limits, put, 0, &took_ms);
	assert_ended(&reply, "waiting", took_ms, LIMIT_MS);
	put.wait_more_ms = 2 * LIMIT_MS;
	reply = ask(server, limits, put, 0, &took_ms);
	assert_ended(&reply, "waiting", took_ms, 3 * LIMIT_MS);
	put.wait_more_ms = 0;
	put.wait_ms = LIMIT_MS / 2;
	reply = ask(server, limits, put, 0, &took_ms);
	assert_ended(&reply, "waiting", took_ms, LIMIT_MS / 2);
	put.wait_ms = 2 * LIMIT_MS; /* never longer than the options say */
	reply = ask(server, limits, put, 0, &took_ms);
	assert_ended(&reply, "waiting", took_ms, LIMIT_MS);
	scripted_free(server);
}

static void ends_a_reply_that_stops(void **state)
{
	(void)state;
	struct script_step step = { .reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
				    .then = THEN_STALL };
	struct scripted *server = scripted_new(&step, 1);
	struct http_request get = { .method = HTTP_GET };
	uint64_t took_ms;
	struct http_reply reply =
		ask(server, (struct limits){ LONG_MS, LONG_MS, LIMIT_MS, 0 }, get, 3, &took_ms);
	assert_ended(&reply, "receiving", took_ms, LIMIT_MS);
	assert_int_equal(reply.received, 3);
	get.wait_ms = LIMIT_MS / 2; /* whoever is soon to answer is soon to go on */
	reply = ask(server, (struct limits){ LONG_MS, LONG_MS, LIMIT_MS, 0 }, get, 3, &took_ms);
	assert_ended(&reply, "receiving", took_ms, LIMIT_MS / 2);
	scripted_free(server);
}

/* Half of what a limit wants to see in its time. */
static void ends_a_trickle(void **state)
{
	enum { SIZE = 2 * HTTP_SLOW_BYTES };
	(void)state;
	static char text[SIZE + 100];
	int head =
		snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", SIZE);
	memset(text + head, 'x', SIZE);
	struct script_step step = { .reply = text, .trickle_ms = 5, .piece = 64 };
	struct scripted *server = scripted_new(&step, 1);
	const struct limits limits = { LONG_MS, LONG_MS, LIMIT_MS,
				       2 * LIMIT_MS * 1000 / HTTP_SLOW_BYTES };
	uint64_t took_ms;
	struct http_reply reply =
		ask(server, limits, (struct http_request){ .method = HTTP_GET }, SIZE, &took_ms);
	assert_int_equal(reply.fault, FAULT_RETRY);
	assert_non_null(strstr(reply.err.text, "receiving"));
	assert_true(took_ms >= LIMIT_MS);
	assert_true(reply.received < SIZE);
	scripted_free(server);
}

static size_t zeros(void *context, void *buffer, size_t size)
{
	(void)context;
	memset(buffer, 0, size);
	return size;
}

static void ends_a_body_that_nobody_reads(void **state)
{
	(void)state;
	struct script_step step = { .then = THEN_STALL, .unread = true };
	struct scripted *server = scripted_new(&step, 1);
	struct http_request put = { .method = HTTP_PUT,
				    .body = { .size = 1u << 30, .read = zeros } };
	uint64_t took_ms;
	struct http_reply reply =
		ask(server, (struct limits){ LIMIT_MS, LONG_MS, LONG_MS, 0 }, put, 0, &took_ms);
	assert_int_equal(reply.fault, FAULT_RETRY);
	assert_non_null(strstr(reply.err.text, "sending"));
	assert_true(took_ms >= LIMIT_MS);
	scripted_free(server);
}

struct paused {
	unsigned reads;
	uint64_t since_ms;
};

static size_t pause_first(void *context, void *buffer, size_t size)
{
	struct paused *paused = context;
	if (paused->reads++ == 0)
		return HTTP_READ_PAUSE;
	memset(buffer, 0, size);
	return size;
}

static void never_blames_the_gateway_for_our_own_pause(void **state)
{
	(void)state;
	struct script_step step = { .reply = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };
	struct scripted *server = scripted_new(&step, 1);
	struct http_options options = { .base_url = scripted_url(server),
					.send_ms = 20,
					.wait_ms = LONG_MS };
	struct http *http = NULL;
	assert_int_equal(http_open(&options, &http, NULL), FAULT_NONE);
	struct paused paused = { 0 };
	struct told told = { .done = false };
	struct http_request put = {
		.method = HTTP_PUT,
		.path = "uri",
		.body = { .size = 100000, .read = pause_first, .context = &paused },
		.done = on_done,
		.context = &told,
	};
	struct http_call *call = http_start(http, &put, NULL);
	assert_non_null(call);
	struct timespec begin, end;
	timespec_get(&begin, TIME_UTC);
	for (unsigned polls = 0; polls < 20; polls++) {
		http_poll(http, 1000);
		clock_move(20);
	}
	timespec_get(&end, TIME_UTC);
	assert_false(told.done);
	/* It sleeps meanwhile, a quarter of the limit each time. */
	assert_true((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000 >
		    20 * 20 / 8);
	http_resume(call);
	while (!told.done)
		http_poll(http, 1000);
	assert_int_equal(told.reply.fault, FAULT_NONE);
	http_close(http);
	scripted_free(server);
}

static void headers_that_trickle_are_no_reply_yet(void **state)
{
	(void)state;
	struct script_step step = { .reply = "HTTP/1.1 200 O", .then = THEN_STALL };
	struct scripted *server = scripted_new(&step, 1);
	uint64_t took_ms;
	struct http_reply reply = ask(server, (struct limits){ LONG_MS, LIMIT_MS, LONG_MS, 0 },
				      (struct http_request){ .method = HTTP_GET }, 0, &took_ms);
	assert_ended(&reply, "waiting", took_ms, LIMIT_MS);
	scripted_free(server);
}

/* Sends `size` bytes, then stands still. */
static struct scripted *steady(char *text, size_t size, enum script_then then)
{
	static struct script_step step;
	int head = snprintf(text, 100, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
			    then == THEN_STALL ? size + 1 : size);
	memset(text + head, 'x', size);
	step = (struct script_step){ .reply = text, .size = (size_t)head + size, .then = then };
	return scripted_new(&step, 1);
}

static void a_reply_may_take_longer_than_its_limit(void **state)
{
	(void)state;
	static char text[STEADY_SIZE + 100];
	struct scripted *server = steady(text, STEADY_SIZE, THEN_CLOSE);
	uint64_t took_ms;
	struct http_reply reply =
		ask(server, (struct limits){ LONG_MS, LONG_MS, LIMIT_MS, 0 },
		    (struct http_request){ .method = HTTP_GET }, STEADY_SIZE, &took_ms);
	assert_int_equal(reply.fault, FAULT_NONE);
	assert_int_equal(reply.received, STEADY_SIZE);
	assert_true(took_ms > 4 * LIMIT_MS);
	scripted_free(server);
}

/* However much has come before. */
static void ends_a_reply_that_stops_late(void **state)
{
	(void)state;
	static char text[STEADY_SIZE + 100];
	struct scripted *server = steady(text, STEADY_SIZE, THEN_STALL);
	uint64_t took_ms;
	struct http_reply reply =
		ask(server, (struct limits){ LONG_MS, LONG_MS, LIMIT_MS, 0 },
		    (struct http_request){ .method = HTTP_GET }, STEADY_SIZE, &took_ms);
	assert_ended(&reply, "receiving", took_ms, STEADY_SIZE / 1000 * US_A_BYTE + LIMIT_MS);
	assert_int_equal(reply.received, STEADY_SIZE);
	scripted_free(server);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(ends_a_wait_without_reply),
		cmocka_unit_test(ends_a_reply_that_stops),
		cmocka_unit_test(ends_a_trickle),
		cmocka_unit_test(ends_a_body_that_nobody_reads),
		cmocka_unit_test(never_blames_the_gateway_for_our_own_pause),
		cmocka_unit_test(headers_that_trickle_are_no_reply_yet),
		cmocka_unit_test(a_reply_may_take_longer_than_its_limit),
		cmocka_unit_test(ends_a_reply_that_stops_late),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
