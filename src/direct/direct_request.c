#include "direct/direct_call.h"

#include "queue/core/thread.h"
#include "tahoe/base32.h"

enum { PATH_SIZE = 96 };

bool direct_make_room(struct direct_call *call, unsigned slots, size_t size)
{
	if (call->buffer_size < slots * size) {
		free(call->buffer);
		call->buffer = malloc(slots * size);
		call->buffer_size = call->buffer ? slots * size : 0;
	}
	call->stride = size;
	return call->buffer;
}

void direct_cancel_requests(struct direct_call *call)
{
	for (unsigned i = 0; call->request && i < call->cap.needed; i++) {
		if (!call->request[i].http)
			continue;
		http_cancel(call->request[i].http);
		call->request[i].http = NULL;
	}
	call->waiting = 0;
}

struct direct_call *direct_request_ended(struct direct_request *request, enum fault fault,
					 const struct http_reply *reply)
{
	struct direct_call *call = request->call;
	request->http = NULL;
	call->waiting--;
	direct_judge_server(call->own.direct, request->server, fault, reply->err.slow);
	if (!fault)
		direct_learn(call->own.direct, reply->received, reply->took_ms);
	return call;
}

/* A share that is cut short casts doubt on its server, but is no failure of the server. */
static void on_bytes(void *context, const struct http_reply *reply)
{
	struct direct_request *request = context;
	bool cut = !reply->fault && request->got != request->size;
	unsigned slot = (unsigned)(request - request->call->request);
	request->absent = !direct_guess_holds(request->call, slot, reply->fault);
	struct direct_call *call = direct_request_ended(
		request, request->refused ? FAULT_CORRUPT : reply->fault, reply);
	if (cut)
		direct_doubt_share(call, slot);
	bool failed = (reply->fault && !(request->absent && call->mends)) || cut;
	if (failed || call->waiting == 0)
		call->woken(call, failed);
}

/* Takes bytes of a part; more than were asked for is a server's fault. */
static bool direct_request_take(void *context, const void *data, size_t size)
{
	struct direct_request *request = context;
	request->refused = size > request->size - request->got;
	if (request->refused)
		return false;
	memcpy(request->into + request->got, data, size);
	request->got += size;
	return true;
}

bool direct_request_start(struct direct_request *request, struct http_request *http,
			  const char *what)
{
	struct direct_call *call = request->call;
	char path[PATH_SIZE], index[2 * CAP_KEY_SIZE];
	struct err err;
	base32_encode(call->shares->index, CAP_KEY_SIZE, index);
	snprintf(path, sizeof path, "storage/v1/immutable/%s/%s", index, what);
	http->method = HTTP_GET;
	http->peer = call->own.direct->server[request->server].peer;
	http->path = path;
	http->wait_ms = DIRECT_WAIT_MS;
	http->floor = &call->own.direct->floor;
	http->context = request;
	request->http = http_start(gateway_http(call->own.direct->base.behind), http, &err);
	call->waiting += request->http != NULL;
	return request->http;
}

bool direct_ask_bytes(struct direct_call *call, unsigned slot, uint64_t offset)
{
	struct direct_request *request = &call->request[slot];
	*request = (struct direct_request){
		.call = call,
		.server = call->shares->server[slot],
		.into = call->buffer + slot * call->stride,
		.size = call->stride,
	};
	struct http_request http = {
		.ranged = true,
		.offset = offset,
		.length = request->size,
		.sink = direct_request_take,
		.done = on_bytes,
	};
	char number[4];
	snprintf(number, sizeof number, "%u", call->shares->number[slot]);
	return direct_request_start(request, &http, number);
}
