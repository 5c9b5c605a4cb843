#include "net/http.h"

#include "tests/unit/facts.h"
#include "tests/unit/scripted.h"

enum { LATE_MS = 100, LATE_US = LATE_MS * 1000, SMALL = 1000, LARGE = 300000 };

static void note_phases(void *context, const struct http_phases *phases)
{
	*(struct http_phases *)context = *phases;
}

static void note_end(void *context, const struct http_reply *reply)
{
	assert_int_equal(reply->fault, FAULT_NONE);
	*(bool *)context = true;
}

/* Tells how long a request was in its phases whose reply begins LATE_MS after all of it came. */
static struct http_phases watch_late_reply(struct http_request request)
{
	const char *reply = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ncap";
	struct script_step step = {
		.reply = reply,
		.trickle_ms = LATE_MS,
		.piece = strlen(reply),
	};
	struct scripted *server = scripted_new(&step, 1);
	struct http_phases phases = { 0 };
	const struct http_watch watch = { note_phases, &phases };
	const struct http_options options = { .base_url = scripted_url(server), .watch = &watch };
	struct http *http = NULL;
	struct err err;
	bool ended = false;
	assert_int_equal(http_open(&options, &http, &err), FAULT_NONE);
	request.path = "uri";
	request.reply_max = 100;
	request.done = note_end;
	request.context = &ended;
	assert_non_null(http_start(http, &request, &err));
	while (!ended)
		http_poll(http, 1000);
	http_close(http);
	scripted_free(server);
	return phases;
}

static void tells_waiting_for_a_reply_from_receiving_it(void **state)
{
	(void)state;
	struct http_phases phases = watch_late_reply((struct http_request){ .method = HTTP_GET });
	assert_true(phases.wait_us >= LATE_US);
	char *data = calloc(1, LARGE);
	assert_non_null(data);
	struct http_request put = { .method = HTTP_PUT };
	static const size_t sizes[] = { SMALL, LARGE };
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		put.body = (struct http_body){ .data = data, .size = sizes[i] };
		phases = watch_late_reply(put);
		assert_true(phases.wait_us >= LATE_US);
		assert_int_equal(phases.bytes, sizes[i] + strlen("cap"));
	}
	free(data);
}

/* A body whose end takes LATE_MS to be had. */
struct slow {
	size_t left;
};

static size_t read_slow(void *context, void *buffer, size_t size)
{
	struct slow *slow = context;
	const size_t got = (size_t)min_u64(size, slow->left);
	if (got == slow->left)
		nanosleep(&(struct timespec){ .tv_nsec = LATE_MS * 1000000L }, NULL);
	slow->left -= got;
	memset(buffer, 'x', got);
	return got;
}

static void tells_sending_from_waiting(void **state)
{
	(void)state;
	struct slow slow = { LARGE };
	struct http_phases phases = watch_late_reply((struct http_request){
		.method = HTTP_PUT,
		.body = { .size = LARGE, .read = read_slow, .context = &slow },
	});
	assert_true(phases.send_us >= LATE_US);
	assert_true(phases.wait_us >= LATE_US);
}

int main(void)
{
	const struct CMUnitTest facts[] = {
		cmocka_unit_test(tells_waiting_for_a_reply_from_receiving_it),
		cmocka_unit_test(tells_sending_from_waiting),
	};
	return cmocka_run_group_tests(facts, NULL, NULL);
}
