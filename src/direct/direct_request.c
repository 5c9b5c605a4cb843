#include "direct/direct_call.h"

#include "tahoe/base32.h"

enum {
	PATH_SIZE = 96,
	NUMBERS_REPLY_MAX = 8192, /* bytes */
};

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
		call->direct->requests--;
		call->request[i].http = NULL;
	}
	call->waiting = 0;
}

/* A request has ended, well or not. */
static struct direct_call *ended(struct direct_request *request, enum fault fault)
{
	struct direct_call *call = request->call;
	request->http = NULL;
	call->waiting--;
	call->direct->requests--;
	direct_judge_server(call->direct, request->server, fault);
	return call;
}

static void on_numbers(void *context, const struct http_reply *reply)
{
	struct direct_request *request = context;
	struct direct_call *call = ended(request, reply->fault);
	if (!reply->fault)
		direct_search_take(call, request->server, reply->body, reply->body_size);
	if (call->shares->found == call->cap.needed)
		direct_cancel_requests(call); /* nobody has to be waited for */
	if (call->waiting == 0)
		call->step(call);
}

static void on_bytes(void *context, const struct http_reply *reply)
{
	struct direct_request *request = context;
	bool cut = !reply->fault && request->got != request->size;
	struct direct_call *call = ended(request, request->refused ? FAULT_CORRUPT : reply->fault);
	if (cut)
		direct_doubt(call);
	if (reply->fault || cut)
		call->failed(call);
	else if (call->waiting == 0)
		call->step(call);
}

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

/* Starts what `http` asks of the server for the file, `what` below its storage index. */
static bool ask(struct direct_request *request, struct http_request *http, const char *what)
{
	struct direct_call *call = request->call;
	char path[PATH_SIZE], index[2 * CAP_KEY_SIZE];
	struct err err;
	base32_encode(call->shares->index, CAP_KEY_SIZE, index);
	snprintf(path, sizeof path, "storage/v1/immutable/%s/%s", index, what);
	http->method = HTTP_GET;
	http->peer = call->direct->server[request->server].peer;
	http->path = path;
	http->wait_ms = DIRECT_WAIT_MS;
	http->context = request;
	request->http = http_start(gateway_http(call->direct->base.behind), http, &err);
	call->waiting += request->http != NULL;
	call->direct->requests += request->http != NULL;
	return request->http;
}

bool direct_ask_numbers(struct direct_call *call, unsigned slot, unsigned server)
{
	struct direct_request *request = &call->request[slot];
	*request = (struct direct_request){ .call = call, .server = server };
	struct http_request http = { .reply_max = NUMBERS_REPLY_MAX, .done = on_numbers };
	return ask(request, &http, "shares");
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
	return ask(request, &http, number);
}
