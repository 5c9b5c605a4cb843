#include "net/http.h"

#include "tests/unit/facts.h"
#include "tests/unit/scripted.h"

#define OK_REPLY(text, length) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n" text

/* What `done` was told; strings are copied. */
struct told {
	bool done;
	unsigned times;
	struct http_reply reply;
	char body[HTTP_ERROR_BODY_MAX + 1];
};

static void on_done(void *context, const struct http_reply *reply)
{
	struct told *told = context;
	told->done = true;
	told->times++;
	told->reply = *reply;
	snprintf(told->body, sizeof told->body, "%s", reply->body);
}

static struct http *open_limits(struct scripted *server, uint32_t limit_ms)
{
	struct http_options options = { .base_url = scripted_url(server),
					.send_ms = limit_ms,
					.wait_ms = limit_ms,
					.receive_ms = limit_ms };
	struct http *http = NULL;
	struct err err;
	assert_int_equal(http_open(&options, &http, &err), FAULT_NONE);
	return http;
}

static void run(struct http *http, const struct told *told)
{
	while (!told->done)
		http_poll(http, 1000);
}

static enum fault ask(struct http *http, struct http_request request, struct told *told)
{
	*told = (struct told){ .done = false };
	request.done = on_done;
	request.context = told;
	if (!request.path)
		request.path = "uri";
	if (!request.reply_max)
		request.reply_max = 100;
	struct err err;
	assert_non_null(http_start(http, &request, &err));
	run(http, told);
	assert_int_equal(told->reply.fault, told->reply.err.fault);
	return told->reply.fault;
}

/* One request of a fresh client to a fresh server with that script. */
static enum fault ask_once(struct script_step step, struct http_request request, struct told *told)
{
	struct scripted *server = scripted_new(&step, 1);
	struct http *http = open_limits(server, 0);
	enum fault fault = ask(http, request, told);
	http_close(http);
	scripted_free(server);
	return fault;
}

static enum fault get_once(const char *reply, enum script_then then, struct told *told)
{
	return ask_once((struct script_step){ .reply = reply, .then = then },
			(struct http_request){ .method = HTTP_GET }, told);
}

static void sends_what_a_gateway_wants(void **state)
{
	(void)state;
	struct script_step step = { .reply = OK_REPLY("cap", "3") };
	struct scripted *server = scripted_new(&step, 1);
	struct http *http = open_limits(server, 0);
	struct told told;
	struct http_request put = { .method = HTTP_PUT, .path = "uri/../x?t=y" };
	put.body = (struct http_body){ .data = "hello", .size = 5 };
	assert_int_equal(ask(http, put, &told), FAULT_NONE);
	assert_string_equal(told.body, "cap");
	assert_int_equal(told.reply.status, 200);
	assert_true(told.reply.complete);
	const char *headers = scripted_headers(server, 0);
	assert_ptr_equal(strstr(headers, "PUT /uri/../x?t=y HTTP/1.1\r\n"), headers);
	assert_non_null(strstr(headers, "\r\nAccept: text/plain, application/octet-stream\r\n"));
	assert_non_null(strstr(headers, "\r\nContent-Type: application/octet-stream\r\n"));
	assert_non_null(strstr(headers, "\r\nContent-Length: 5\r\n"));
	assert_null(strcasestr(headers, "\r\nExpect"));
	assert_null(strcasestr(headers, "\r\nAccept-Encoding"));
	assert_null(strcasestr(headers, "\r\nTransfer-Encoding"));
	assert_string_equal(scripted_body(server, 0, NULL), "hello");
	http_close(http);
	scripted_free(server);
}

/* Also one that came into the environment behind http_global_init. */
static void goes_past_every_proxy(void **state)
{
	static const char *const name[] = { "http_proxy", "https_proxy", "all_proxy", "ALL_PROXY" };
	(void)state;
	struct told told;
	for (size_t i = 0; i < ARRAY_COUNT(name); i++)
		setenv(name[i], "http://127.0.0.1:1/", 1);
	assert_int_equal(get_once(OK_REPLY("cap", "3"), THEN_KEEP, &told), FAULT_NONE);
	assert_string_equal(told.body, "cap");
	for (size_t i = 0; i < ARRAY_COUNT(name); i++)
		unsetenv(name[i]);
}

/* A gateway never redirects: who does is somebody else, and gets no cap. */
static void follows_no_redirection(void **state)
{
	(void)state;
	struct told told;
	const char *const moved = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
				  "Content-Length: 0\r\n\r\n";
	assert_int_not_equal(get_once(moved, THEN_KEEP, &told), FAULT_NONE);
	assert_int_equal(told.reply.status, 302);
}

struct stream {
	size_t size, at, pause_at, end_at;
	unsigned rewinds, reads;
	bool can_rewind;
};

static size_t read_stream(void *context, void *buffer, size_t size)
{
	struct stream *stream = context;
	stream->reads++;
	if (stream->end_at && stream->at >= stream->end_at)
		return stream->end_at == stream->pause_at ? HTTP_READ_ABORT : 0;
	if (stream->pause_at && stream->at >= stream->pause_at) {
		stream->pause_at = 0;
		return HTTP_READ_PAUSE;
	}
	size_t left = stream->size - stream->at;
	size_t step = size < left ? size : left;
	if (step > 10000)
		step = 10000;
	for (size_t i = 0; i < step; i++)
		((unsigned char *)buffer)[i] = (unsigned char)((stream->at + i) % 251);
	stream->at += step;
	return step;
}

static bool rewind_stream(void *context)
{
	struct stream *stream = context;
	stream->rewinds++;
	stream->at = 0;
	return stream->can_rewind;
}

static struct http_request streamed(struct stream *stream)
{
	return (struct http_request){
		.method = HTTP_PUT,
		.body = { .size = stream->size,
			  .read = read_stream,
			  .rewind = rewind_stream,
			  .context = stream },
	};
}

static void assert_pattern(struct scripted *server, size_t index, size_t wanted)
{
	size_t size;
	const unsigned char *body = (const unsigned char *)scripted_body(server, index, &size);
	assert_int_equal(size, wanted);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(body[i], i % 251);
}

static void streams_a_body_and_goes_on_after_a_pause(void **state)
{
	(void)state;
	struct script_step step = { .reply = OK_REPLY("cap", "3") };
	struct scripted *server = scripted_new(&step, 1);
	struct http *http = open_limits(server, 0);
	struct stream stream = { .size = 1000000, .pause_at = 300000 };
	struct told told = { .done = false };
	struct http_request put = streamed(&stream);
	put.path = "uri";
	put.reply_max = 100;
	put.done = on_done;
	put.context = &told;
	struct http_call *call = http_start(http, &put, NULL);
	assert_non_null(call);
	while (stream.pause_at)
		http_poll(http, 1000);
	unsigned reads = stream.reads;
	for (int i = 0; i < 20; i++)
		http_poll(http, 1);
	assert_int_equal(stream.reads, reads); /* paused means paused */
	assert_false(told.done);
	http_resume(call);
	http_resume(call);
	run(http, &told);
	assert_int_equal(told.reply.fault, FAULT_NONE);
	assert_pattern(server, 0, 1000000);
	assert_non_null(strstr(scripted_headers(server, 0), "\r\nContent-Length: 1000000\r\n"));
	http_close(http);
	scripted_free(server);
}

static void sends_large_memory_whole(void **state)
{
	(void)state;
	struct script_step step = { .reply = OK_REPLY("cap", "3") };
	struct scripted *server = scripted_new(&step, 1);
	struct http *http = open_limits(server, 0);
	enum { SIZE = HTTP_ONE_SEND_MAX + 1 };
	unsigned char *data = malloc(SIZE);
	assert_non_null(data);
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (unsigned char)(i % 251);
	struct told told;
	struct http_request post = { .method = HTTP_POST, .json = true };
	for (size_t size = SIZE - 2; size <= SIZE; size++) {
		post.body = (struct http_body){ .data = data, .size = size };
		assert_int_equal(ask(http, post, &told), FAULT_NONE);
		assert_pattern(server, size - (SIZE - 2), size);
	}
	const char *headers = scripted_headers(server, 2);
	assert_ptr_equal(strstr(headers, "POST /uri HTTP/1.1\r\n"), headers);
	assert_non_null(strstr(headers, "\r\nContent-Type: application/json\r\n"));
	assert_null(strcasestr(headers, "\r\nExpect"));
	free(data);
	http_close(http);
	scripted_free(server);
}

static void ends_when_a_body_comes_short(void **state)
{
	(void)state;
	struct told told;
	struct stream stream = { .size = 100000, .end_at = 50000 };
	struct script_step step = { .reply = OK_REPLY("", "0") };
	assert_int_equal(ask_once(step, streamed(&stream), &told), FAULT_CANCELLED);
	stream = (struct stream){ .size = 100000, .end_at = 50000, .pause_at = 50000 };
	assert_int_equal(ask_once(step, streamed(&stream), &told), FAULT_CANCELLED);
}

static void rewinds_when_a_kept_connection_is_dead(void **state)
{
	(void)state;
	static const struct script_step step[] = {
		{ .reply = OK_REPLY("one", "3"), .then = THEN_KEEP },
		{ .reply = NULL, .then = THEN_CLOSE },
		{ .reply = OK_REPLY("two", "3"), .then = THEN_KEEP },
	};
	for (int can = 0; can < 2; can++) {
		struct scripted *server = scripted_new(step, ARRAY_COUNT(step));
		struct http *http = open_limits(server, 0);
		struct told told;
		struct stream stream = { .size = 200000, .can_rewind = can };
		assert_int_equal(ask(http, (struct http_request){ .method = HTTP_GET }, &told),
				 FAULT_NONE);
		enum fault fault = ask(http, streamed(&stream), &told);
		assert_int_equal(fault, can ? FAULT_NONE : FAULT_RETRY);
		assert_int_equal(stream.rewinds, 1);
		if (can)
			assert_pattern(server, 2, 200000);
		http_close(http);
		scripted_free(server);
	}
}

static void never_repeats_a_fresh_request(void **state)
{
	(void)state;
	static const struct script_step step[] = {
		{ .reply = OK_REPLY("one", "3"), .then = THEN_KEEP },
		{ .reply = NULL, .then = THEN_CLOSE },
		{ .reply = OK_REPLY("two", "3"), .then = THEN_KEEP },
	};
	struct scripted *server = scripted_new(step, ARRAY_COUNT(step));
	struct http *http = open_limits(server, 0);
	struct told told;
	struct http_request post = { .method = HTTP_POST };
	assert_int_equal(ask(http, post, &told), FAULT_NONE);
	post.flags = HTTP_FRESH;
	assert_int_equal(ask(http, post, &told), FAULT_RETRY);
	assert_false(told.reply.complete);
	assert_int_equal(scripted_requests(server), 2);
	/* Its connection is not used again either. */
	assert_int_equal(ask(http, post, &told), FAULT_NONE);
	post.flags = 0;
	assert_int_equal(ask(http, post, &told), FAULT_NONE);
	assert_int_equal(scripted_connections(server), 3);
	http_close(http);
	scripted_free(server);
}

static void leaves_no_connection_behind_a_fresh_request(void **state)
{
	(void)state;
	struct script_step step = { .reply = OK_REPLY("cap", "3") };
	struct scripted *server = scripted_new(&step, 1);
	struct http *http = open_limits(server, 0);
	struct told told;
	struct http_request post = { .method = HTTP_POST, .flags = HTTP_FRESH };
	assert_int_equal(ask(http, post, &told), FAULT_NONE);
	post.flags = 0;
	assert_int_equal(ask(http, post, &told), FAULT_NONE);
	assert_int_equal(scripted_connections(server), 2);
	assert_int_equal(ask(http, post, &told), FAULT_NONE);
	assert_int_equal(scripted_connections(server), 2);
	http_close(http);
	scripted_free(server);
}

static void tells_faults_by_status(void **state)
{
	(void)state;
	static const struct {
		int status;
		enum fault fault;
	} known[] = {
		{ 200, FAULT_NONE },      { 201, FAULT_NONE },      { 301, FAULT_USAGE },
		{ 302, FAULT_USAGE },     { 400, FAULT_USAGE },     { 401, FAULT_AUTH },
		{ 403, FAULT_AUTH },      { 404, FAULT_NOT_FOUND }, { 405, FAULT_USAGE },
		{ 408, FAULT_RETRY },     { 409, FAULT_EXISTS },    { 410, FAULT_RETRY },
		{ 413, FAULT_TOO_LARGE }, { 416, FAULT_USAGE },     { 429, FAULT_RETRY },
		{ 500, FAULT_RETRY },     { 503, FAULT_RETRY },
	};
	for (size_t i = 0; i < ARRAY_COUNT(known); i++) {
		char reply[128];
		struct told told;
		snprintf(reply, sizeof reply,
			 "HTTP/1.1 %d X\r\nLocation: /y\r\nContent-Length: 1\r\n\r\nz",
			 known[i].status);
		assert_int_equal(get_once(reply, THEN_KEEP, &told), known[i].fault);
		assert_int_equal(told.reply.status, known[i].status);
		assert_int_equal(told.reply.err.http_status, known[i].status);
		assert_true(told.reply.complete);
		assert_string_equal(told.body, "z");
	}
}

static void obeys_retry_after_within_reason(void **state)
{
	(void)state;
	struct told told;
	get_once("HTTP/1.1 429 X\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", THEN_KEEP, &told);
	assert_int_equal(told.reply.err.retry_after_ms, 7000);
	/* In milliseconds this is 2^64 and a few. */
	get_once("HTTP/1.1 503 X\r\nRetry-After: 18446744073709552\r\nContent-Length: 0\r\n\r\n",
		 THEN_KEEP, &told);
	assert_int_equal(told.reply.err.retry_after_ms, HTTP_RETRY_AFTER_MAX_MS);
	get_once("HTTP/1.1 503 X\r\nRetry-After: 999999\r\nContent-Length: 0\r\n\r\n", THEN_KEEP,
		 &told);
	assert_int_equal(told.reply.err.retry_after_ms, HTTP_RETRY_AFTER_MAX_MS);
	get_once(OK_REPLY("", "0"), THEN_KEEP, &told);
	assert_int_equal(told.reply.err.retry_after_ms, 0);
}

static void takes_broken_replies_for_retries(void **state)
{
	(void)state;
	struct told told;
	assert_int_equal(get_once("<html>no status line</html>", THEN_CLOSE, &told), FAULT_RETRY);
	assert_int_equal(told.reply.status, 0);
	assert_true(told.reply.answered);
	assert_false(told.reply.complete);
	assert_int_equal(get_once(NULL, THEN_CLOSE, &told), FAULT_RETRY);
	assert_false(told.reply.answered);
	assert_int_equal(get_once(NULL, THEN_RESET, &told), FAULT_RETRY);
	assert_int_equal(get_once(OK_REPLY("abc", "5"), THEN_CLOSE, &told), FAULT_RETRY);
	assert_true(told.reply.answered);
	assert_false(told.reply.complete);
	assert_int_equal(get_once(OK_REPLY("abc", "5"), THEN_RESET, &told), FAULT_RETRY);
	assert_int_equal(get_once("HTTP/1.1 200 OK\r\nContent-Le", THEN_CLOSE, &told), FAULT_RETRY);
}

static void keeps_the_end_of_an_error(void **state)
{
	(void)state;
	static char reply[65536 + 100];
	int head = snprintf(reply, sizeof reply, "HTTP/1.1 500 X\r\nContent-Length: 65536\r\n\r\n");
	memset(reply + head, 'x', 65536);
	memcpy(reply + head + 65536 - 8, "the end\n", 8);
	struct told told;
	assert_int_equal(get_once(reply, THEN_KEEP, &told), FAULT_RETRY);
	assert_int_equal(told.reply.body_size, HTTP_ERROR_BODY_MAX);
	assert_string_equal(told.body + HTTP_ERROR_BODY_MAX - 8, "the end\n");
}

/* 50 bytes a second, which the limit of silence alone would wait for; or 200 of them, above a floor
 * that no pause of the machine comes below. */
static void ends_what_is_below_its_floor(void **state)
{
	(void)state;
	static const char reply[] =
		OK_REPLY("0123456789012345678901234567890123456789012345678901234567890123456789"
			 "012345678901234567890123456789",
			 "100");
	static const struct {
		struct script_step step;
		struct http_floor floor;
		enum fault fault;
	} row[] = {
		{ { .reply = reply, .trickle_ms = 20 },
		  { .grace_ms = 100, .bps = 4000 },
		  FAULT_RETRY },
		{ { .reply = reply, .trickle_ms = 5 }, { .grace_ms = 100, .bps = 1 }, FAULT_NONE },
		{ { .reply = reply, .trickle_ms = 5 },
		  { .grace_ms = 60000, .bps = 4000 },
		  FAULT_NONE },
		{ { .reply = NULL, .then = THEN_STALL }, { .wait_ms = 300 }, FAULT_RETRY },
	};
	for (size_t i = 0; i < ARRAY_COUNT(row); i++) {
		struct scripted *server = scripted_new(&row[i].step, 1);
		struct http *http = open_limits(server, 60000);
		struct told told;
		const struct http_request get = { .method = HTTP_GET, .floor = &row[i].floor };
		assert_int_equal(ask(http, get, &told), row[i].fault);
		assert_int_equal(told.reply.err.slow, row[i].fault != FAULT_NONE);
		http_close(http);
		scripted_free(server);
	}
}

static void refuses_replies_that_are_too_long(void **state)
{
	(void)state;
	static char reply[300000];
	int head =
		snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
	memset(reply + head, 'x', 200000);
	struct told told;
	assert_int_equal(get_once(reply, THEN_KEEP, &told), FAULT_TOO_LARGE);
	size_t at = (size_t)snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 2000; i++)
		at += (size_t)snprintf(reply + at, sizeof reply - at, "X-%d: %040d\r\n", i, 0);
	snprintf(reply + at, sizeof reply - at, "Content-Length: 0\r\n\r\n");
	assert_int_equal(get_once(reply, THEN_KEEP, &told), FAULT_TOO_LARGE);
	assert_int_equal(get_once(OK_REPLY("abc", "3"), THEN_KEEP, &told), FAULT_NONE);
}

static void tells_when_nobody_listens(void **state)
{
	(void)state;
	struct script_step step = { .reply = NULL };
	struct scripted *server = scripted_new(&step, 1);
	struct http *http = open_limits(server, 0);
	scripted_free(server);
	struct told told;
	assert_int_equal(ask(http, (struct http_request){ .method = HTTP_GET }, &told),
			 FAULT_UNAVAILABLE);
	http_close(http);
}

static bool refuse(void *context, const void *data, size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	return false;
}

static unsigned taken;

static bool count(void *context, const void *data, size_t size)
{
	(void)context;
	(void)data;
	taken += (unsigned)size;
	return true;
}

static void gives_a_sink_only_what_was_asked_for(void **state)
{
	(void)state;
	struct script_step part = { .reply = "HTTP/1.1 206 X\r\nContent-Length: 3\r\n"
					     "Content-Range: bytes 5-7/99\r\n\r\nabc" };
	struct script_step whole = { .reply = OK_REPLY("abc", "3") };
	struct script_step empty = { .reply = OK_REPLY("", "0") };
	struct script_step failed = { .reply = "HTTP/1.1 410 X\r\nContent-Length: 3\r\n\r\nabc" };
	struct http_request ranged = {
		.method = HTTP_GET, .ranged = true, .offset = 5, .length = 3, .sink = count
	};
	struct told told;
	taken = 0;
	assert_int_equal(ask_once(part, ranged, &told), FAULT_NONE);
	assert_int_equal(taken, 3);
	assert_int_equal(told.reply.range_total, 99);
	assert_int_equal(ask_once(whole, ranged, &told), FAULT_CORRUPT);
	assert_int_equal(ask_once(empty, ranged, &told), FAULT_CORRUPT);
	ranged.offset = 0;
	assert_int_equal(ask_once(whole, ranged, &told), FAULT_CORRUPT);
	ranged.offset = 6;
	assert_int_equal(ask_once(part, ranged, &told), FAULT_CORRUPT);
	assert_int_equal(ask_once(failed, ranged, &told), FAULT_RETRY);
	assert_int_equal(taken, 3);
	ranged.sink = refuse;
	ranged.ranged = false;
	assert_int_equal(ask_once(whole, ranged, &told), FAULT_CANCELLED);
}

static void cancels_without_a_word(void **state)
{
	(void)state;
	struct script_step step = { .then = THEN_STALL };
	struct scripted *server = scripted_new(&step, 1);
	struct http *http = open_limits(server, 0);
	struct told told = { .done = false };
	struct http_request get = {
		.method = HTTP_GET, .path = "uri", .done = on_done, .context = &told
	};
	struct http_call *call = http_start(http, &get, NULL);
	assert_non_null(call);
	assert_non_null(http_start(http, &get, NULL));
	while (scripted_requests(server) < 2)
		http_poll(http, 10);
	assert_int_equal(http_in_flight(http), 2);
	http_cancel(call);
	assert_int_equal(http_in_flight(http), 1);
	http_wake(http);
	http_poll(http, 60000);
	http_close(http);
	assert_false(told.done);
	scripted_free(server);
}

static void runs_many_of_all_sorts_on_the_same_handles(void **state)
{
	(void)state;
	struct script_step step = { .reply = OK_REPLY("cap", "3") };
	struct scripted *server = scripted_new(&step, 1);
	struct http *http = open_limits(server, 0);
	enum { ROUNDS = 20, AT_ONCE = 16 };
	for (int round = 0; round < ROUNDS; round++) {
		struct told told[AT_ONCE] = { 0 };
		struct stream stream[AT_ONCE] = { 0 };
		for (int i = 0; i < AT_ONCE; i++) {
			struct http_request request = { .method = HTTP_GET };
			stream[i].size = 70000;
			stream[i].can_rewind = true;
			if ((i + round) % 3 == 1)
				request = streamed(&stream[i]);
			if ((i + round) % 3 == 2)
				request = (struct http_request){
					.method = HTTP_POST,
					.body = { .data = "0123456789", .size = (unsigned)i % 9 },
				};
			request.path = "uri";
			request.reply_max = 3;
			request.done = on_done;
			request.context = &told[i];
			assert_non_null(http_start(http, &request, NULL));
		}
		while (http_in_flight(http) > 0)
			http_poll(http, 1000);
		for (int i = 0; i < AT_ONCE; i++) {
			assert_int_equal(told[i].times, 1);
			assert_int_equal(told[i].reply.fault, FAULT_NONE);
			assert_string_equal(told[i].body, "cap");
		}
	}
	assert_int_equal(scripted_requests(server), ROUNDS * AT_ONCE);
	assert_true(scripted_connections(server) <= 2 * AT_ONCE);
	http_close(http);
	scripted_free(server);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(sends_what_a_gateway_wants),
		cmocka_unit_test(goes_past_every_proxy),
		cmocka_unit_test(follows_no_redirection),
		cmocka_unit_test(streams_a_body_and_goes_on_after_a_pause),
		cmocka_unit_test(sends_large_memory_whole),
		cmocka_unit_test(ends_when_a_body_comes_short),
		cmocka_unit_test(rewinds_when_a_kept_connection_is_dead),
		cmocka_unit_test(never_repeats_a_fresh_request),
		cmocka_unit_test(leaves_no_connection_behind_a_fresh_request),
		cmocka_unit_test(tells_faults_by_status),
		cmocka_unit_test(obeys_retry_after_within_reason),
		cmocka_unit_test(takes_broken_replies_for_retries),
		cmocka_unit_test(keeps_the_end_of_an_error),
		cmocka_unit_test(ends_what_is_below_its_floor),
		cmocka_unit_test(refuses_replies_that_are_too_long),
		cmocka_unit_test(tells_when_nobody_listens),
		cmocka_unit_test(gives_a_sink_only_what_was_asked_for),
		cmocka_unit_test(cancels_without_a_word),
		cmocka_unit_test(runs_many_of_all_sorts_on_the_same_handles),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
