#include "direct/direct_put_parts.h"

#include "base/secret.h"
#include "direct/secret_line.h"
#include "queue/core/thread.h"
#include "tahoe/base32.h"

enum {
	PUT_PATH_SIZE = 96,
	PUT_REPLY_MAX = 8192, /* bytes */
	PUT_LINES = 4,        /* of an allocation, behind the first: */
	PUT_HEADERS = 1 + PUT_LINES,
	PUT_RATE = 16, /* bytes a millisecond: what is sent may still be on its way */
};

/* Starts the request.  Leases go with an allocation.  False: it could not begin. */
static bool put_start_request(struct put_request *request)
{
	const struct put_question *question = &request->question;
	const struct direct_put *put = request->put;
	const struct direct *direct = put->own.direct;
	const unsigned server = put->server[question->place];
	char path[PUT_PATH_SIZE], index[2 * CAP_KEY_SIZE];
	char line[PUT_LINES][SECRET_LINE_SIZE];
	const char *header[PUT_HEADERS] = { "Expect:", line[0], line[1], line[2], line[3] };
	struct lease_secrets secrets;
	struct err err;
	base32_encode(put->index, CAP_KEY_SIZE, index);
	if (question->allocates)
		snprintf(path, sizeof path, "storage/v1/immutable/%s", index);
	else
		snprintf(path, sizeof path, "storage/v1/immutable/%s/%u%s", index, question->share,
			 question->aborts ? "/abort" : "");
	lease_secrets_of(direct->lease_secret, put->index, direct->servers->server[server].id,
			 &secrets);
	if (question->allocates)
		snprintf(line[0], sizeof line[0], "Content-Type: application/cbor");
	else
		snprintf(line[0], sizeof line[0], "Content-Range: bytes %llu-%llu/*",
			 (unsigned long long)question->offset,
			 (unsigned long long)(question->offset + max_u64(question->size, 1) - 1));
	secret_line(line[1], "upload-secret", secrets.upload);
	secret_line(line[2], "lease-renew-secret", secrets.renew);
	secret_line(line[3], "lease-cancel-secret", secrets.cancel);
	const struct http_request http = {
		.method = question->method,
		.peer = direct->server[server].peer,
		.path = path,
		.header = header,
		.header_count = question->allocates ? PUT_HEADERS : PUT_HEADERS - 2,
		.body = { .data = question->data, .size = question->size },
		.reply_max = PUT_REPLY_MAX,
		.wait_ms = DIRECT_WAIT_MS,
		.wait_more_ms = question->size / PUT_RATE,
		.done = question->done,
		.context = request,
	};
	request->http = http_start(gateway_http(direct->base.behind), &http, &err);
	secret_wipe(&secrets, sizeof secrets);
	secret_wipe(line, sizeof line);
	return request->http;
}

void put_ask(struct put_request *request, const struct put_question *question)
{
	struct direct *direct = request->put->own.direct;
	request->question = *question;
	request->busy = true;
	request->next = NULL;
	request->put->waiting++;
	*direct->queue_end = request;
	direct->queue_end = &request->next;
}

/* Takes a request out of the queue. */
static void unqueue(struct direct *direct, const struct put_request *request)
{
	struct put_request **at = &direct->queue;
	while (*at && *at != request)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = request->next;
	if (!*at)
		direct->queue_end = at;
}

/* What cannot even begin is answered here, which may ask for more: the loop takes that too. */
void put_ask_queued(struct direct *direct)
{
	if (direct->asking)
		return;
	direct->asking = true;
	while (direct->queue) {
		struct put_request *request = direct->queue;
		unqueue(direct, request);
		if (put_start_request(request))
			continue;
		struct http_reply none = { .fault = FAULT_NOMEM };
		err_set(&none.err, FAULT_NOMEM, "no memory for a request");
		request->question.done(request, &none);
	}
	direct->asking = false;
}

/* What a refusal of one share says of the server itself: nothing. */
struct direct_put *put_answered(struct put_request *request, const struct http_reply *reply)
{
	struct direct_put *put = request->put;
	const bool answers = reply->fault && reply->status >= 400 && reply->status < 500;
	request->http = NULL;
	request->busy = false;
	put->waiting--;
	direct_judge_server(put->own.direct, put->server[request->question.place],
			    answers ? FAULT_NONE : reply->fault, reply->err.slow);
	return put;
}

void put_drop(struct put_request *request)
{
	struct direct *direct = request->put->own.direct;
	if (!request->busy)
		return;
	if (request->http)
		http_cancel(request->http);
	else
		unqueue(direct, request);
	request->http = NULL;
	request->busy = false;
	request->put->waiting--;
}

void put_drop_all(struct direct_put *put)
{
	for (unsigned i = 0; i < put_count(put); i++)
		put_drop(&put->request[i]);
}
