#include "tests/unit/fake_http.h"

#include "queue/core/thread.h"

#include "net/http_call.h"
#include "tests/unit/facts.h"

enum { FAKE_HEADERS_MAX = 8 };

struct fake_call {
	struct http_call call; /* first; its request is the whole of it, with strings of its own */
	struct fake_call *next;
	char *path, *header[FAKE_HEADERS_MAX];
	bool answered; /* as follows: */
	struct fake_answer answer;
	unsigned char *body; /* a copy of its */
	size_t given;        /* bytes of it, to the sink */
	bool paused;
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
	free(fake->body);
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
	if (!fake) {
		err_set(err, FAULT_NOMEM, "no memory for a request");
		return NULL;
	}
	fake->call.http = http;
	fake->call.begun_ms = clock_ms();
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

/* Asks the test how the request ends.  False: not yet. */
static bool has_answer(struct fake_call *fake)
{
	const struct http_peer *peer = fake->call.request.peer;
	struct fake_answer *answer = &fake->answer;
	if (fake->answered)
		return true;
	*answer = (struct fake_answer){ 0 };
	answer_with(answer_context, &fake->call.request, peer ? peer->url.port : 0, answer);
	fake->answered = !answer->held;
	if (answer->size > 0 && fake->answered) {
		fake->body = malloc(answer->size);
		memcpy(fake->body, answer->body, answer->size);
	}
	return fake->answered;
}

/* Gives the sink what it takes of the body, in two pieces, or keeps it. */
static enum fault take_body(struct fake_call *fake)
{
	const struct http_request *request = &fake->call.request;
	const struct fake_answer *answer = &fake->answer;
	if (!request->sink)
		return answer->size > request->reply_max
			       ? FAULT_TOO_LARGE
			       : bytes_append(&fake->call.kept, fake->body, answer->size);
	while (fake->given < answer->size && !fake->paused) {
		const unsigned char *from = fake->body + fake->given;
		const size_t left = answer->size - fake->given,
			     size = fake->given == 0 && left > 1 ? left / 2 : left;
		fake->given += size;
		if (!request->sink(request->context, from, size))
			return FAULT_CANCELLED;
	}
	return FAULT_NONE;
}

/* Ends the request, unless it is paused before its end. */
static bool end_call(struct fake_call *fake)
{
	struct http_call *call = &fake->call;
	const struct fake_answer *answer = &fake->answer;
	const bool came = !answer->fault;
	enum fault fault = came ? http_status_fault(answer->status) : answer->fault;
	if (!fault)
		fault = take_body(fake);
	if (!fault && fake->paused)
		return false;
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
		.took_ms = clock_ms() - call->begun_ms,
	};
	if (fault)
		err_set(&reply.err, fault, "as the test says");
	reply.err.slow = answer->slow;
	dequeue(fake);
	call->request.done(call->request.context, &reply);
	free_fake(fake);
	return true;
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
	assert_null(queue); /* whoever has begun a request has ended it */
	free(http);
}

size_t http_poll(struct http *http, uint32_t timeout_ms)
{
	size_t ended = 0;
	struct fake_call *fake = queue;
	(void)http, (void)timeout_ms;
	while (fake) {
		if (fake->paused || !has_answer(fake) || !end_call(fake)) {
			fake = fake->next;
			continue;
		}
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

uint64_t http_running_ms(const struct http_call *call)
{
	const struct fake_call *fake = queue;
	while (fake && &fake->call != call)
		fake = fake->next;
	assert_non_null(fake); /* what has ended runs no longer */
	return clock_ms() - call->begun_ms;
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

void http_pause(struct http_call *call) { ((struct fake_call *)call)->paused = true; }

void http_resume(struct http_call *call) { ((struct fake_call *)call)->paused = false; }
