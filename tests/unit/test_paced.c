/* Requests of net/http under a pace, and those that their sinks hold back. */
#include "net/http.h"

#include "queue/core/thread.h"
#include "tests/unit/facts.h"
#include "tests/unit/scripted.h"

enum {
	RATE = 200 << 10,    /* bytes a second */
	BODY = 100 << 10,    /* bytes: half a second, of which a quarter is a burst */
	LEAST_MS = 240,      /* for one of these, less a moment of rounding */
	SHORT_MS = 40,       /* a limit that a pause would pass */
	REPLY_SIZE = 110000, /* bytes */
};

struct told {
	bool done;
	struct http_reply reply;
	uint64_t taken, refuse_after;
	struct http_call *call; /* paused at each `pause_each` bytes; 0: never */
	uint64_t pause_each;
	unsigned pauses, late; /* bytes that came while it was paused */
	bool is_paused;
	unsigned paused, refusals;
};

static void on_done(void *context, const struct http_reply *reply)
{
	struct told *told = context;
	told->done = true;
	told->reply = *reply;
}

static bool take(void *context, const void *data, size_t size)
{
	struct told *told = context;
	(void)data;
	told->late += told->is_paused ? (unsigned)size : 0;
	if (told->pause_each &&
	    told->taken / told->pause_each != (told->taken + size) / told->pause_each) {
		told->is_paused = true;
		told->pauses++;
		http_pause(told->call);
	}
	told->taken += size;
	told->refusals += told->taken > told->refuse_after;
	return told->refusals == 0;
}

/* Gives bytes in small pieces, with a pause before each eighth. */
static size_t feed(void *context, void *buffer, size_t size)
{
	struct told *told = context;
	if (++told->paused % 8 == 0)
		return HTTP_READ_PAUSE;
	size_t count = (size_t)min_u64(size, 5000);
	memset(buffer, 'x', count);
	return count;
}

static struct http *open_http(struct scripted *server, struct pace *pace)
{
	const struct http_options options = {
		.base_url = scripted_url(server),
		.send_ms = SHORT_MS,
		.receive_ms = SHORT_MS,
		.pace = pace,
	};
	struct http *http = NULL;
	assert_int_equal(http_open(&options, &http, NULL), FAULT_NONE);
	return http;
}

/* Runs the request, resuming it whenever its body paused.  Returns how long it took. */
static uint64_t run(struct http *http, struct http_request *request, struct told *told)
{
	request->path = "uri";
	request->reply_max = 1000;
	request->done = on_done;
	request->context = told;
	uint64_t begin = clock_ms();
	struct http_call *call = http_start(http, request, NULL);
	assert_non_null(call);
	while (!told->done) {
		http_resume(call);
		http_poll(http, 20);
	}
	return clock_ms() - begin;
}

/* A server that answers with `size` bytes. */
static struct scripted *server_of(char *text, size_t size)
{
	static struct script_step step;
	int head =
		snprintf(text, REPLY_SIZE, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
	memset(text + head, 'x', size);
	step = (struct script_step){ .reply = text, .size = (size_t)head + size };
	return scripted_new(&step, 1);
}

static char reply[REPLY_SIZE];

static void holds_a_reply_back(void **state)
{
	(void)state;
	struct pace pace;
	struct scripted *server = server_of(reply, BODY);
	pace_init(&pace, RATE);
	struct http *http = open_http(server, &pace);
	struct told told = { .refuse_after = UINT64_MAX };
	struct http_request get = { .method = HTTP_GET, .sink = take };
	assert_true(run(http, &get, &told) >= LEAST_MS);
	assert_int_equal(told.reply.fault, FAULT_NONE);
	assert_int_equal(told.taken, BODY);
	http_close(http);
	scripted_free(server);
}

static void holds_bodies_back_in_memory_and_read(void **state)
{
	(void)state;
	static char body[BODY];
	struct pace pace;
	struct scripted *server = server_of(reply, 0);
	pace_init(&pace, RATE);
	struct http *http = open_http(server, &pace);
	for (int i = 0; i < 3; i++) {
		struct told told = { 0 };
		struct http_request put = { .method = HTTP_PUT,
					    .body = { .data = body, .size = BODY } };
		if (i == 1) {
			put.body.data = NULL;
			put.body.read = feed;
			put.body.context = &told;
		}
		assert_true(run(http, &put, &told) >= LEAST_MS);
		assert_int_equal(told.reply.fault, FAULT_NONE);
		size_t size;
		(void)scripted_body(server, (size_t)i, &size);
		assert_int_equal(size, BODY);
	}
	http_close(http);
	scripted_free(server);
}

static void small_bodies_count_too(void **state)
{
	(void)state;
	struct pace pace;
	struct scripted *server = server_of(reply, 0);
	pace_init(&pace, RATE);
	struct http *http = open_http(server, &pace);
	uint64_t took_ms = 0;
	for (int i = 0; i < 20; i++) {
		struct told told = { 0 };
		struct http_request put = { .method = HTTP_PUT,
					    .body = { .data = reply, .size = BODY / 20 } };
		took_ms += run(http, &put, &told);
		assert_int_equal(told.reply.fault, FAULT_NONE);
	}
	assert_true(took_ms >= LEAST_MS);
	http_close(http);
	scripted_free(server);
}

static void a_sink_that_refuses_ends_what_was_held(void **state)
{
	(void)state;
	struct pace pace;
	struct scripted *server = server_of(reply, BODY);
	pace_init(&pace, RATE);
	struct http *http = open_http(server, &pace);
	struct told told;
	struct http_request get = { .method = HTTP_GET, .sink = take };
	/* Where it refuses, libcurl may hand out what it had kept, or read anew. */
	for (uint64_t most = BODY / 2; most < BODY; most += 9000) {
		told = (struct told){ .refuse_after = most };
		run(http, &get, &told);
		assert_int_equal(told.reply.fault, FAULT_CANCELLED);
		assert_int_equal(told.refusals, 1); /* it is not asked again */
		assert_int_equal(http_in_flight(http), 0);
	}
	/* And the client is good for the next. */
	told = (struct told){ .refuse_after = UINT64_MAX };
	run(http, &get, &told);
	assert_int_equal(told.reply.fault, FAULT_NONE);
	http_close(http);
	scripted_free(server);
}

static void what_is_held_can_be_cancelled(void **state)
{
	(void)state;
	struct pace pace;
	struct scripted *server = server_of(reply, BODY);
	pace_init(&pace, PACE_RATE_MIN);
	struct http *http = open_http(server, &pace);
	struct told told = { .refuse_after = UINT64_MAX };
	struct http_request get = {
		.method = HTTP_GET, .sink = take, .path = "uri", .done = on_done, .context = &told
	};
	struct http_call *call = http_start(http, &get, NULL);
	assert_non_null(call);
	uint64_t begin = clock_ms();
	while (clock_ms() - begin < 3 * SHORT_MS)
		http_poll(http, SHORT_MS);
	assert_false(told.done);
	http_cancel(call);
	assert_int_equal(http_in_flight(http), 0);
	http_close(http);
	scripted_free(server);
}

/* A sink that is full gets nothing until it is resumed, for longer than any limit. */
static void a_sink_that_is_full_gets_no_more(void **state)
{
	(void)state;
	struct pace pace;
	pace_init(&pace, 10 * RATE);
	for (int paced = 0; paced < 2; paced++) {
		struct scripted *server = server_of(reply, BODY);
		struct http *http = open_http(server, paced ? &pace : NULL);
		struct told told = { .refuse_after = UINT64_MAX, .pause_each = BODY / 3 };
		struct http_request get = { .method = HTTP_GET,
					    .sink = take,
					    .path = "uri",
					    .done = on_done,
					    .context = &told };
		told.call = http_start(http, &get, NULL);
		assert_non_null(told.call);
		while (!told.done) {
			uint64_t begin = clock_ms();
			while (told.is_paused && !told.done && clock_ms() - begin < 3 * SHORT_MS)
				http_poll(http, SHORT_MS);
			told.is_paused = false;
			if (!told.done)
				http_resume(told.call);
			http_poll(http, 20);
		}
		assert_int_equal(told.reply.fault, FAULT_NONE);
		assert_int_equal(told.taken, BODY);
		assert_int_equal(told.late, 0);
		assert_in_range(told.pauses, 2, 3);
		http_close(http);
		scripted_free(server);
	}
}

/* What was kept meanwhile may be refused, in a poll like any other. */
static void a_sink_may_refuse_what_it_is_resumed_for(void **state)
{
	(void)state;
	struct scripted *server = server_of(reply, BODY);
	struct http *http = open_http(server, NULL);
	struct told told = { .refuse_after = UINT64_MAX, .pause_each = BODY / 2 };
	struct http_request get = {
		.method = HTTP_GET, .sink = take, .path = "uri", .done = on_done, .context = &told
	};
	told.call = http_start(http, &get, NULL);
	assert_non_null(told.call);
	while (!told.is_paused)
		http_poll(http, 20);
	http_poll(http, 20);
	told.refuse_after = told.taken;
	http_resume(told.call);
	assert_false(told.done);
	while (!told.done)
		http_poll(http, 20);
	assert_int_equal(told.reply.fault, FAULT_CANCELLED);
	assert_int_equal(told.refusals, 1);
	assert_int_equal(http_in_flight(http), 0);
	http_close(http);
	scripted_free(server);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(holds_a_reply_back),
		cmocka_unit_test(holds_bodies_back_in_memory_and_read),
		cmocka_unit_test(small_bodies_count_too),
		cmocka_unit_test(a_sink_that_refuses_ends_what_was_held),
		cmocka_unit_test(what_is_held_can_be_cancelled),
		cmocka_unit_test(a_sink_that_is_full_gets_no_more),
		cmocka_unit_test(a_sink_may_refuse_what_it_is_resumed_for),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
