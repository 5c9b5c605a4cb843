#include "tests/unit/fake_http.h"

#include "net/http_call.h"

enum { FAKE_HEADERS_MAX = 8 };

struct fake_call {
	struct http_call call; /* first; its request is the whole of it, with strings of its own */
	struct fake_call *next;
	char *path, *header[FAKE_HEADERS_MAX];
};

static fake_answering *answer_with;
static void *answer_context;
static struct fake_call *queue; /* oldest first */

void fake_http_set(fake_answering *answering, void *context)
{
	answer_with = answering;
	answer_context = context;
}

/* ---- one request ---- */

static void free_fake(struct fake_call *fake)
{
	for (size_t i = 0; i < fake->call.request.header_count; i++)
		free(fake->header[i]);
	free(fake->path);
	bytes_fini(&fake->call.kept);
	free(fake);
}

static void dequeue(const struct fake_call *fake)
{
	struct fake_call **at = &queue;
	while (*at != fake)
		at = &(*at)->next;
	*at = fake->next;
}

struct http_call *http_start(struct http *http, const struct http_request *request, struct err *err)
{
	struct fake_call *fake = calloc(1, sizeof *fake);
	struct fake_call **end = &queue;
	(void)err;
	fake->call.http = http;
	fake->call.request = *request;
	fake->call.request.path = fake->path = strdup(request->path);
	for (size_t i = 0; i < request->header_count; i++)
		fake->header[i] = strdup(request->header[i]);
	fake->call.request.header = (const char *const *)fake->header;
	bytes_init(&fake->call.kept, SIZE_MAX / 2);
	while (*end)
		end = &(*end)->next;
	*end = fake;
	return &fake->call;
}

void http_cancel(struct http_call *call)
{
	struct fake_call *fake = (struct fake_call *)call;
	dequeue(fake);
	free_fake(fake);
}

/* Hands out a whole body, or keeps it. */
static enum fault take_body(struct http_call *call, const struct fake_answer *answer)
{
	const struct http_request *request = &call->request;
	const unsigned char *body = answer->body;
	const size_t first = answer->size / 2;
	if (!request->sink)
		return answer->size > request->reply_max
			       ? FAULT_TOO_LARGE
			       : bytes_append(&call->kept, body, answer->size);
	if (first > 0 && !request->sink(request->context, body, first))
		return FAULT_CANCELLED;
	if (answer->size > first &&
	    !request->sink(request->context, body + first, answer->size - first))
		return FAULT_CANCELLED;
	return FAULT_NONE;
}

static void end_call(struct fake_call *fake, const struct fake_answer *answer)
{
	struct http_call *call = &fake->call;
	const bool came = !answer->fault;
	enum fault fault = came ? http_status_fault(answer->status) : answer->fault;
	if (!fault)
		fault = take_body(call, answer);
	struct http_reply reply = {
		.fault = fault,
		.status = answer->status,
		.answered = came,
		.complete = came,
		.body = bytes_text(&call->kept),
		.body_size = call->kept.size,
		.content_length = (int64_t)answer->size,
		.received = fault ? 0 : answer->size,
		.range_start = call->request.offset,
	};
	if (fault)
		err_set(&reply.err, fault, "as the test says");
	reply.err.slow = answer->slow;
	call->request.done(call->request.context, &reply);
	free_fake(fake);
}

/* ---- the client ---- */

enum fault http_open(const struct http_options *options, struct http **http, struct err *err)
{
	*http = calloc(1, sizeof **http);
	(*http)->options = *options;
	return url_parse(options->base_url, options->plain_host, &(*http)->url, err);
}

void http_close(struct http *http)
{
	while (queue)
		http_cancel(&queue->call);
	free(http);
}

size_t http_poll(struct http *http, uint32_t timeout_ms)
{
	size_t ended = 0;
	struct fake_call *fake = queue;
	(void)http, (void)timeout_ms;
	while (fake) {
		struct fake_answer answer = { 0 };
		const struct http_peer *peer = fake->call.request.peer;
		answer_with(answer_context, &fake->call.request, peer ? peer->url.port : 0,
			    &answer);
		if (answer.held) {
			fake = fake->next;
			continue;
		}
		dequeue(fake);
		end_call(fake, &answer);
		ended++;
		fake = queue; /* `done` may have changed it */
	}
	return ended;
}

uint64_t http_wait_limit(const struct http *http, uint64_t wanted_ms)
{
	(void)http;
	return wanted_ms;
}

size_t http_in_flight(const struct http *http)
{
	size_t count = 0;
	for (const struct fake_call *fake = queue; fake; fake = fake->next)
		count += fake->call.http == http;
	return count;
}

const char *http_base(const struct http *http) { return http->url.base; }

void http_wake(struct http *http) { (void)http; }

void http_pause(struct http_call *call) { (void)call; }

void http_resume(struct http_call *call) { (void)call; }
