#include "serve/http.h"

#include "base/secret.h"
#include "serve/problem.h"

enum {
	STREAM_FROM = 64 * 1024,    /* bytes; smaller files are read before the headers leave */
	STREAM_BLOCK = 256 * 1024,  /* bytes asked for at once */
	FORCED_STREAM_BLOCK = 4096, /* small, so that an ending in the middle shows */
};

static const char lie[] = "problem during download\n";

enum fault reply_text(struct request *request, int status, const char *text, struct err *err)
{
	bytes_clear(&request->reply.body);
	request->reply.status = status;
	return bytes_err(bytes_append_text(&request->reply.body, text), err, "a reply");
}

enum fault reply_cap(struct request *request, int status, const struct cap *cap, struct err *err)
{
	char text[CAP_TEXT_SIZE];
	cap_print(cap, text);
	const enum fault fault = reply_text(request, status, text, err);
	secret_wipe(text, sizeof text);
	return fault;
}

static bool wants_text(const struct request *request)
{
	const char *accept = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
							 MHD_HTTP_HEADER_ACCEPT);
	return accept && strstr(accept, "text/plain");
}

void reply_problem(struct request *request, const struct err *err)
{
	struct reply *reply = &request->reply;
	reply->status = err->http_status != 0 ? err->http_status : 500;
	download_free(reply->download);
	reply->download = NULL;
	reply->etag[0] = reply->content_range[0] = '\0';
	reply->ranges = false;
	reply->type = "text/plain;charset=utf-8";
	bytes_clear(&reply->body);
	enum fault fault;
	if (!wants_text(request)) {
		reply->type = "text/html;charset=utf-8";
		fault = bytes_printf(&reply->body,
				     "<!DOCTYPE html><html><head><title>Error %d</title></head>"
				     "<body><p>Ask with Accept: text/plain.</p></body></html>\n",
				     reply->status);
	} else if (reply->status == 500) {
		fault = bytes_printf(&reply->body,
				     "Traceback (most recent call last):\n  in the embedded "
				     "gateway\n%s%s\n",
				     err->http_status ? "" : "builtins.OSError: ", err->text);
	} else {
		fault = bytes_printf(&reply->body, "%s\n", err->text);
	}
	if (fault)
		bytes_clear(&reply->body); /* the status says enough */
}

/* Another cap of the same kind. */
static void cap_change(struct cap *cap)
{
	if (!cap_is_literal(cap))
		cap->key[0] ^= 1;
	else if (cap->size > 0)
		cap->content[0] ^= 1;
	else
		cap->content[cap->size++] = 'x';
}

static void spoil_cap(struct request *request)
{
	struct bytes *body = &request->reply.body;
	struct cap cap;
	struct err err;
	if (request->reply.status >= 300 || cap_parse(bytes_text(body), body->size, &cap, &err))
		return;
	cap_change(&cap);
	if (reply_cap(request, request->reply.status, &cap, &err))
		reply_problem(request, &err);
	cap_wipe(&cap);
}

void reply_spoil(struct request *request)
{
	const struct fault_action *action = &request->action;
	struct reply *reply = &request->reply;
	const bool upload = request->method[0] == 'P';
	if (action->wrong_cap)
		spoil_cap(request);
	if (!reply->download) {
		reply->start = 0;
		reply->size = reply->body.size;
	}
	if (action->truncate)
		reply->size /= 2;
	if (action->wrong_body && reply->size > 0)
		reply->flip_at = reply->size / 2;
	reply->ends_at = reply->size / 2;
	if (action->reset && !upload)
		reply->ending = ENDING_RESET;
	else if (action->stall && !upload)
		reply->ending = ENDING_STALL;
	else if (action->lie)
		reply->ending = ENDING_LIE;
	if (action->lie && reply->size > action->lie_size)
		reply->ends_at = reply->size - action->lie_size;
}

/* Bytes of the reply's body at `position`; FAULT_NONE with 0 only where `max` is 0. */
static enum fault body_read(struct reply *reply, uint64_t position, char *out, size_t *max)
{
	struct err err;
	const uint64_t at = reply->start + position;
	if (reply->download)
		return download_read(reply->download, at, out, max, &err);
	*max = (size_t)min_u64(*max, reply->body.size - at);
	memcpy(out, reply->body.data + at, *max);
	return FAULT_NONE;
}

/* What comes when the good bytes are over. */
static ssize_t ending_read(struct request *request, uint64_t position, char *out, size_t max)
{
	const uint64_t said = position - request->reply.ends_at;
	const size_t lie_size = sizeof lie - 1;
	if (request->reply.ending == ENDING_RESET)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (request->reply.ending == ENDING_LIE && said < lie_size) {
		const size_t part = (size_t)min_u64(max, lie_size - said);
		memcpy(out, lie + said, part);
		return (ssize_t)part;
	}
	if (waits_suspend(request->gateway->waits, request->connection, WAIT_FOR_EVER))
		return 0;
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* libmicrohttpd wants the next bytes of the body, as far as the fault plan lets it get. */
static ssize_t reply_read(void *cls, uint64_t position, char *out, size_t max)
{
	struct request *request = cls;
	struct reply *reply = &request->reply;
	size_t size = (size_t)min_u64(max, reply->size - position);
	if (reply->ending != ENDING_WHOLE) {
		if (position >= reply->ends_at)
			return ending_read(request, position, out, size);
		size = (size_t)min_u64(size, reply->ends_at - position);
	}
	if (body_read(reply, position, out, &size)) {
		/* The headers are gone: what Tahoe does, TAHOE fact 1. */
		reply->ending = ENDING_LIE;
		reply->ends_at = position;
		return ending_read(request, position, out,
				   (size_t)min_u64(max, reply->size - position));
	}
	if (reply->flip_at >= position && reply->flip_at - position < size)
		out[reply->flip_at - position] ^= 1;
	request->gateway->body_out += size;
	return (ssize_t)size;
}

/* Has a small file in memory, so that headers and body leave in one write. */
static bool reply_gather(struct request *request)
{
	struct reply *reply = &request->reply;
	if (!reply->download || reply->size > STREAM_FROM || request->method[0] == 'H')
		return !reply->download;
	bytes_clear(&reply->body);
	if (bytes_reserve(&reply->body, (size_t)reply->size + 1))
		return false;
	while (reply->body.size < reply->size) {
		size_t part = (size_t)reply->size - reply->body.size;
		char *at = (char *)reply->body.data + reply->body.size;
		if (body_read(reply, reply->body.size, at, &part))
			return false;
		reply->body.size += part;
	}
	return true;
}

static bool header_add(struct MHD_Response *response, const char *name, const char *value)
{
	return !value[0] || MHD_add_response_header(response, name, value) == MHD_YES;
}

static struct MHD_Response *response_new(struct request *request)
{
	struct reply *reply = &request->reply;
	const bool spoiled = reply->ending != ENDING_WHOLE || reply->flip_at != UINT64_MAX;
	if (!spoiled && reply_gather(request)) {
		request->gateway->body_out += reply->size;
		return MHD_create_response_from_buffer((size_t)reply->size, reply->body.data,
						       MHD_RESPMEM_PERSISTENT);
	}
	return MHD_create_response_from_callback(reply->size,
						 spoiled ? FORCED_STREAM_BLOCK : STREAM_BLOCK,
						 reply_read, request, NULL);
}

enum MHD_Result reply_send(struct request *request)
{
	struct reply *reply = &request->reply;
	struct MHD_Response *response = response_new(request);
	if (!response)
		return MHD_NO;
	enum MHD_Result result = MHD_NO;
	if (header_add(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type) &&
	    header_add(response, MHD_HTTP_HEADER_ETAG, reply->etag) &&
	    header_add(response, MHD_HTTP_HEADER_CONTENT_RANGE, reply->content_range) &&
	    header_add(response, MHD_HTTP_HEADER_ACCEPT_RANGES, reply->ranges ? "bytes" : ""))
		result = MHD_queue_response(request->connection, (unsigned)reply->status, response);
	MHD_destroy_response(response);
	return result;
}
