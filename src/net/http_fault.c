#include "net/http_call.h"

enum fault http_status_fault(int status)
{
	if (status >= 200 && status < 300)
		return FAULT_NONE;
	if (status >= 500)
		return FAULT_RETRY;
	switch (status) {
	case 401:
	case 403:
		return FAULT_AUTH;
	case 404:
		return FAULT_NOT_FOUND;
	case 409:
		return FAULT_EXISTS;
	case 413:
		return FAULT_TOO_LARGE;
	case 408:
	case 410: /* Tahoe: not retrievable now */
	case 429:
		return FAULT_RETRY;
	default:
		return FAULT_USAGE; /* a redirect too: the URL is not the gateway's */
	}
}

void http_call_trim_error(struct http_call *call)
{
	struct bytes *kept = &call->kept;
	if (kept->size <= HTTP_ERROR_BODY_MAX)
		return;
	size_t drop = kept->size - HTTP_ERROR_BODY_MAX;
	memmove(kept->data, kept->data + drop, HTTP_ERROR_BODY_MAX);
	kept->size = HTTP_ERROR_BODY_MAX;
	kept->data[kept->size] = '\0';
}

static const char *const phase_name[] = {
	[PHASE_CONNECT] = "connecting",
	[PHASE_SEND] = "sending",
	[PHASE_WAIT] = "waiting for the reply",
	[PHASE_RECEIVE] = "receiving",
};

static enum fault judge_stop(const struct http_call *call, struct err *err)
{
	switch (call->stop) {
	case STOP_READ:
		return err_set(err, FAULT_CANCELLED, "the body ended before its size");
	case STOP_REWIND:
		return err_set(err, FAULT_RETRY, "the connection was lost and the body is past");
	case STOP_SINK:
		return err_set(err, FAULT_CANCELLED, "the reply was refused");
	case STOP_TOO_LARGE:
		return err_set(err, FAULT_TOO_LARGE, "the reply is longer than %zu bytes",
			       call->request.reply_max);
	case STOP_HEADERS:
		return err_set(err, FAULT_TOO_LARGE, "the headers are longer than %d bytes",
			       HTTP_HEADERS_MAX);
	case STOP_ENDLESS:
		return err_set(err, http_status_fault(call->status),
			       "status %d, and more than %d bytes about it", call->status,
			       HTTP_ERROR_READ_MAX);
	case STOP_RANGE:
		return err_set(err, FAULT_CORRUPT, "the reply is not the part that was asked for");
	case STOP_PEER:
		return err_set(err, FAULT_INSECURE,
			       "plain http, and the peer is not on this machine");
	case STOP_GONE:
		return err_set(err, FAULT_UNAVAILABLE, "the connection was lost at once");
	case STOP_SILENT:
		return err_set(err, FAULT_RETRY, "too slow while %s", phase_name[call->phase]);
	case STOP_SLOW:
		err_set(err, FAULT_RETRY, "far too slow while %s", phase_name[call->phase]);
		err->slow = true;
		return FAULT_RETRY;
	case STOP_NOMEM:
	case STOP_NONE:
		break;
	}
	return err_set(err, FAULT_NOMEM, "no memory for a reply");
}

static enum fault judge_code(const struct http_call *call, CURLcode code, struct err *err)
{
	long os_error = 0;
	curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_error);
	switch (code) {
	case CURLE_UNSUPPORTED_PROTOCOL: /* libcurl's name for a reply without status line */
		return err_set(err, FAULT_RETRY, "the reply has no status line");
	case CURLE_GOT_NOTHING:
		return err_set(err, FAULT_RETRY, "the connection was closed without a reply");
	case CURLE_PARTIAL_FILE:
		return err_set(err, FAULT_RETRY, "the reply was cut short");
	case CURLE_COULDNT_CONNECT:
		return err_os(err, FAULT_UNAVAILABLE, (int)os_error, "no connection");
	case CURLE_COULDNT_RESOLVE_HOST:
		return err_set(err, FAULT_UNAVAILABLE, "the host name is unknown");
	case CURLE_OPERATION_TIMEDOUT:
		return err_set(err, FAULT_UNAVAILABLE, "no connection in %u ms",
			       http_call_connect_ms(call));
	case CURLE_OUT_OF_MEMORY:
		return err_set(err, FAULT_NOMEM, "no memory for a request");
	case CURLE_PEER_FAILED_VERIFICATION:
		return err_set(err, FAULT_INSECURE, "the certificate of the gateway is not valid");
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		return err_set(err, FAULT_INSECURE, "the server has another key than announced");
	case CURLE_URL_MALFORMAT:
	case CURLE_BAD_FUNCTION_ARGUMENT:
		return err_set(err, FAULT_USAGE, "%s", curl_easy_strerror(code));
	default:
		return err_set(err, FAULT_RETRY, "%s", curl_easy_strerror(code));
	}
}

/* What stopped it on our side says more than libcurl's code, that more than the status. */
static enum fault judge_call(const struct http_call *call, CURLcode code, struct err *err)
{
	if (call->stop != STOP_NONE)
		return judge_stop(call, err);
	if (code != CURLE_OK)
		return judge_code(call, code, err);
	if (!call->headers_whole)
		return err_set(err, FAULT_RETRY, "the reply was cut short");
	enum fault fault = http_status_fault(call->status);
	if (fault != FAULT_NONE)
		return err_set(err, fault, "status %d", call->status);
	if (!http_call_right_range(call))
		return err_set(err, FAULT_CORRUPT, "the reply is not the part that was asked for");
	*err = (struct err){ .fault = FAULT_NONE };
	return FAULT_NONE;
}

void http_call_judge(struct http_call *call, CURLcode code, struct http_reply *reply)
{
	long status = 0;
	curl_off_t length = -1, retry_after = 0;
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(call->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after);
	call->status = call->header_bytes > 0 ? (int)status : 0;
	if (http_status_fault(call->status) != FAULT_NONE)
		http_call_trim_error(call);
	*reply = (struct http_reply){
		.status = call->status,
		.answered = call->header_bytes > 0 || code == CURLE_UNSUPPORTED_PROTOCOL,
		.complete = call->stop == STOP_NONE && code == CURLE_OK && call->headers_whole,
		.html = call->html,
		.twisted = call->twisted,
		.body = bytes_text(&call->kept),
		.body_size = call->kept.size,
		.content_length = length,
		.received = call->received,
		.range_start = call->range_start,
		.range_total = call->range_total,
	};
	reply->fault = judge_call(call, code, &reply->err);
	reply->err.http_status = call->status;
	uint64_t wait_s = retry_after > 0 ? (uint64_t)retry_after : 0;
	reply->err.retry_after_ms =
		(uint32_t)min_u64(wait_s, HTTP_RETRY_AFTER_MAX_MS / 1000) * 1000;
}

/* Less than HTTP_SLOW_BYTES in a whole limit counts as silence: a trickle would never end. */
static bool slow(struct http_call *call, uint64_t bytes, uint64_t limit_ms, uint64_t now_ms)
{
	uint64_t moved = bytes > call->mark ? bytes - call->mark : call->mark - bytes;
	if (call->since_ms == 0 || moved >= HTTP_SLOW_BYTES) {
		call->since_ms = now_ms;
		call->mark = bytes;
		return false;
	}
	return now_ms - call->since_ms > limit_ms;
}

static bool all_sent(const struct http_call *call, uint64_t uploaded)
{
	const struct http_body *body = &call->request.body;
	if (http_call_one_send(call))
		return true; /* one send; the socket's buffer takes it */
	return call->body_sent == body->size && uploaded >= body->size;
}

/* How long the first byte of the reply may take: the caller knows how much there is to do. */
static uint64_t wait_limit(const struct http_call *call)
{
	const struct http_request *request = &call->request;
	return http_wait_limit(call->http, request->wait_ms) + request->wait_more_ms;
}

/* Whoever is soon to answer is soon to go on. */
static uint64_t receive_limit(const struct http_call *call)
{
	uint64_t limit_ms = call->http->options.receive_ms;
	return call->request.wait_ms ? min_u64(limit_ms, call->request.wait_ms) : limit_ms;
}

/* Whether less has come than its floor wants, in all the time of receiving. */
static bool below_floor(struct http_call *call, uint64_t now_ms)
{
	const struct http_floor *floor = call->request.floor;
	uint64_t passed_ms = call->judged_ms ? now_ms - call->judged_ms : 0;
	/* A process that was stopped was not listening. */
	passed_ms = min_u64(passed_ms, 4 * call->http->tick_ms);
	call->judged_ms = now_ms;
	if (!floor || call->held)
		return false;
	call->receiving_ms += passed_ms;
	return call->receiving_ms > floor->grace_ms &&
	       call->received < (call->receiving_ms - floor->grace_ms) * floor->bps / 1000;
}

/* Whether its first byte is overdue by its floor.  Called before the wider limit is looked at. */
static bool overdue(const struct http_call *call, uint64_t now_ms)
{
	const struct http_floor *floor = call->request.floor;
	return floor && floor->wait_ms && call->since_ms &&
	       now_ms - call->since_ms > floor->wait_ms + call->request.wait_more_ms;
}

bool http_call_silent(struct http_call *call, uint64_t now_ms)
{
	const struct http_options *limits = &call->http->options;
	curl_off_t uploaded = 0;
	bool late = false, below = false;
	if (call->phase == PHASE_SEND) {
		curl_easy_getinfo(call->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
		if (all_sent(call, (uint64_t)uploaded)) {
			call->phase = PHASE_WAIT;
			call->since_ms = 0;
		}
	}
	if (call->held)
		call->since_ms = 0;
	switch (call->phase) {
	case PHASE_CONNECT:
		break;
	case PHASE_SEND:
		if (call->paused)
			call->since_ms = 0; /* our own readers are behind, not the gateway */
		late = slow(call, (uint64_t)uploaded, limits->send_ms, now_ms);
		break;
	case PHASE_WAIT:
		below = overdue(call, now_ms);
		late = slow(call, call->mark, wait_limit(call), now_ms);
		break;
	case PHASE_RECEIVE:
		below = below_floor(call, now_ms);
		late = slow(call, call->received, receive_limit(call), now_ms);
		break;
	}
	if (late || below)
		call->stop = late ? STOP_SILENT : STOP_SLOW;
	return late || below;
}
