#include "net/http_call.h"

#include "queue/core/thread.h"

#include <strings.h>

enum {
	UPLOAD_BUFFER = 256 << 10,   /* bytes; the best of 16 KiB .. 2 MiB when measured */
	DOWNLOAD_BUFFER = 256 << 10, /* bytes, where a sink takes them */
	SMALL_BUFFER = 16 << 10,     /* bytes, for replies of a line */
	IDLE_CONNECTION_S = 50,      /* Twisted drops idle connections after 60 s */
	KEEPALIVE_S = 20,            /* a gateway is silent while it encodes */
	KEEPALIVE_INTERVAL_S = 10,
};

/* ---- the pace ---- */

/* Asks for what is missing to move `size` bytes.  Returns how many of them may move now; 0: none
 * before call->due_ms. */
static size_t may_move(struct http_call *call, size_t size)
{
	struct pace *pace = call->http->options.pace;
	if (!pace)
		return size;
	uint64_t now_ms = clock_ms();
	if (call->asked == 0 && call->credit < size) {
		call->asked = size - call->credit;
		call->due_ms = pace_ask(pace, call->asked, now_ms);
	}
	if (call->asked > 0 && call->due_ms <= now_ms) {
		call->credit += call->asked;
		call->asked = 0;
	}
	return (size_t)min_u64(call->credit, size);
}

static void moved(struct http_call *call, size_t size)
{
	call->credit -= min_u64(call->credit, size);
}

static void hold(struct http_call *call, int what)
{
	call->held |= what;
	call->http->holding = true;
}

void http_call_hold_begin(struct http_call *call)
{
	if (call->http->options.watch && !call->held_since_us)
		call->held_since_us = http_clock_us();
}

void http_call_hold_end(struct http_call *call)
{
	if (call->held_since_us)
		call->held_us += http_clock_us() - call->held_since_us;
	call->held_since_us = 0;
}

CURLcode http_call_pause(struct http_call *call)
{
	return curl_easy_pause(call->easy, call->held | (call->paused ? CURLPAUSE_SEND : 0));
}

/* ---- callbacks of libcurl ---- */

static size_t body_from_memory(struct http_call *call, char *buffer, size_t size)
{
	memcpy(buffer, (const char *)call->request.body.data + call->body_sent, size);
	return size;
}

/* libcurl wants bytes of the body: none while the pace holds them back or the reader has none. */
static size_t on_read(char *buffer, size_t item, size_t count, void *context)
{
	struct http_call *call = context;
	const struct http_body *body = &call->request.body;
	size_t size = (size_t)min_u64(item * count, body->size - call->body_sent);
	if (size == 0)
		return 0;
	if (call->http->options.pace)
		size = may_move(call, (size_t)min_u64(size, pace_chunk(call->http->options.pace)));
	if (size == 0) {
		hold(call, CURLPAUSE_SEND);
		return CURL_READFUNC_PAUSE;
	}
	size_t got = body->data ? body_from_memory(call, buffer, size)
				: body->read(body->context, buffer, size);
	if (got == HTTP_READ_PAUSE) {
		call->paused = true;
		http_call_hold_begin(call);
		return CURL_READFUNC_PAUSE;
	}
	/* A body that comes short would have the gateway wait for the rest. */
	if (got == 0 || got > size) {
		call->stop = STOP_READ;
		return CURL_READFUNC_ABORT;
	}
	call->body_sent += got;
	if (call->http->options.watch && call->body_sent == body->size)
		call->sent_us = http_clock_us();
	moved(call, got);
	return got;
}

/* libcurl sends the request anew on another connection, so the body from its beginning. */
static int on_seek(void *context, curl_off_t offset, int origin)
{
	struct http_call *call = context;
	const struct http_body *body = &call->request.body;
	if (offset == 0 && origin == SEEK_SET &&
	    (call->body_sent == 0 || body->data || (body->rewind && body->rewind(body->context)))) {
		call->body_sent = 0;
		return CURL_SEEKFUNC_OK;
	}
	call->stop = STOP_REWIND;
	return CURL_SEEKFUNC_FAIL;
}

/* Keeps the last bytes of an error's text: a traceback names its exception at the end.  Twice as
 * many may gather before they are moved, so that small pieces cost no more than large ones. */
static enum http_stop keep_error(struct http_call *call, const char *data, size_t size)
{
	if (call->received + size > HTTP_ERROR_READ_MAX)
		return STOP_ENDLESS;
	struct bytes *kept = &call->kept;
	if (kept->size + size > 2 * HTTP_ERROR_BODY_MAX) {
		http_call_trim_error(call);
		if (size > HTTP_ERROR_BODY_MAX) {
			data += size - HTTP_ERROR_BODY_MAX;
			size = HTTP_ERROR_BODY_MAX;
		}
	}
	return bytes_append(kept, data, size) == FAULT_NONE ? STOP_NONE : STOP_NOMEM;
}

/* Takes bytes of a reply: into the sink, into memory, or as the text of an error. */
static enum http_stop http_call_take(struct http_call *call, const char *data, size_t size)
{
	if (call->status == 0) {
		long status = 0;
		curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
		call->status = (int)status;
	}
	if (http_status_fault(call->status) != FAULT_NONE)
		return keep_error(call, data, size);
	if (!http_call_right_range(call))
		return STOP_RANGE;
	if (call->request.sink)
		return call->request.sink(call->request.context, data, size) ? STOP_NONE
									     : STOP_SINK;
	if (call->kept.size + size > call->request.reply_max)
		return STOP_TOO_LARGE;
	return bytes_append(&call->kept, data, size) == FAULT_NONE ? STOP_NONE : STOP_NOMEM;
}

/* Bytes of the reply: none while the pace holds them back. */
static size_t on_write(char *data, size_t item, size_t count, void *context)
{
	struct http_call *call = context;
	size_t size = item * count;
	if (call->full || may_move(call, size) < size) {
		hold(call, CURLPAUSE_RECV);
		return CURL_WRITEFUNC_PAUSE;
	}
	call->stop = http_call_take(call, data, size);
	if (call->stop != STOP_NONE)
		return 0;
	moved(call, size);
	call->received += size;
	return size;
}

/* Reads "bytes A-B/TOTAL" or "bytes A-B/" and a star.  Source: RFC 9110 14.4. */
static void read_content_range(struct http_call *call, const char *text)
{
	unsigned long long first, last, total;
	int found = sscanf(text, " bytes %20llu-%20llu/%20llu", &first, &last, &total);
	if (found < 2)
		return;
	call->range_start = first;
	call->range_total = found == 3 ? total : 0;
}

/* Copies what follows "NAME:" into `value`; false when the line is another header. */
static bool header_is(const char *line, size_t size, const char *name, char value[96])
{
	size_t length = strlen(name);
	if (size <= length || strncasecmp(line, name, length) != 0)
		return false;
	snprintf(value, 96, "%.*s", (int)min_u64(size - length, 95), line + length);
	return true;
}

static void read_header(struct http_call *call, const char *line, size_t size)
{
	char value[96];
	if (header_is(line, size, "Content-Range:", value))
		read_content_range(call, value);
	else if (header_is(line, size, "Content-Type:", value))
		call->html = strncasecmp(value + strspn(value, " "), "text/html", 9) == 0;
	else if (header_is(line, size, "Server:", value))
		call->twisted = strncasecmp(value + strspn(value, " "), "TwistedWeb", 10) == 0;
}

/* One line of the headers.  With the first one the phase of receiving begins. */
static size_t on_header(char *data, size_t item, size_t count, void *context)
{
	struct http_call *call = context;
	size_t size = item * count;
	call->header_bytes += size;
	if (call->header_bytes > HTTP_HEADERS_MAX) {
		call->stop = STOP_HEADERS;
		return 0;
	}
	if (call->phase != PHASE_RECEIVE) {
		call->phase = PHASE_RECEIVE;
		if (call->http->options.watch)
			call->replied_us = http_clock_us();
		call->since_ms = 0;
		call->mark = 0;
	}
	/* libcurl takes a reply that is cut within its headers for a whole one. */
	if (size >= 5 && memcmp(data, "HTTP/", 5) == 0)
		call->headers_whole = call->html = call->twisted = false;
	else if (data[0] == '\r' || data[0] == '\n')
		call->headers_whole = true;
	read_header(call, data, size);
	return size;
}

/* The connection stands and nothing has been sent on it yet; runs for kept connections too. */
static int on_connected(void *context, char *peer, char *local, int peer_port, int local_port)
{
	(void)local;
	(void)peer_port;
	(void)local_port;
	struct http_call *call = context;
	if (!peer[0]) { /* the connection is gone again */
		call->stop = STOP_GONE;
		return CURL_PREREQFUNC_ABORT;
	}
	if (!call->request.peer && !call->http->any_peer && !url_address_is_loopback(peer)) {
		call->stop = STOP_PEER;
		return CURL_PREREQFUNC_ABORT;
	}
	call->phase = PHASE_SEND;
	call->since_ms = 0;
	call->mark = 0;
	return CURL_PREREQFUNC_OK;
}

/* ---- options ---- */

#define SET(easy, option, value)                                                                   \
	do {                                                                                       \
		if (curl_easy_setopt((easy), (option), (value)) != CURLE_OK)                       \
			return false;                                                              \
	} while (0)

/* What all requests have in common.  No proxy, no redirection, no netrc: caps go to the gateway
 * alone. */
static bool set_lasting_transport(struct http_call *call)
{
	SET(call->easy, CURLOPT_NOSIGNAL, 1L);
	SET(call->easy, CURLOPT_PROXY, "");
	SET(call->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(call->easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(call->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(call->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(call->easy, CURLOPT_HTTP09_ALLOWED, 0L);
	SET(call->easy, CURLOPT_PATH_AS_IS, 1L);
	SET(call->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(call->easy, CURLOPT_MAXAGE_CONN, (long)IDLE_CONNECTION_S);
	SET(call->easy, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(call->easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_S);
	SET(call->easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_S);
	SET(call->easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
	return true;
}

static bool set_lasting_callbacks(struct http_call *call)
{
	SET(call->easy, CURLOPT_PRIVATE, call);
	SET(call->easy, CURLOPT_NOPROGRESS, 1L);
	SET(call->easy, CURLOPT_READFUNCTION, on_read);
	SET(call->easy, CURLOPT_READDATA, call);
	SET(call->easy, CURLOPT_SEEKFUNCTION, on_seek);
	SET(call->easy, CURLOPT_SEEKDATA, call);
	SET(call->easy, CURLOPT_WRITEFUNCTION, on_write);
	SET(call->easy, CURLOPT_WRITEDATA, call);
	SET(call->easy, CURLOPT_HEADERFUNCTION, on_header);
	SET(call->easy, CURLOPT_HEADERDATA, call);
	SET(call->easy, CURLOPT_PREREQFUNCTION, on_connected);
	SET(call->easy, CURLOPT_PREREQDATA, call);
	return true;
}

struct http_call *http_call_new(struct http *http)
{
	struct http_call *call = calloc(1, sizeof *call);
	if (!call)
		return NULL;
	call->http = http;
	call->easy = curl_easy_init();
	if (!call->easy || !set_lasting_transport(call) || !set_lasting_callbacks(call)) {
		http_call_free(call);
		return NULL;
	}
	return call;
}

void http_call_free(struct http_call *call)
{
	if (!call)
		return;
	curl_easy_cleanup(call->easy);
	http_call_drop_headers(call);
	bytes_fini(&call->kept);
	free(call);
}

/* A body that is small and at hand leaves in one send with the headers: POSTFIELDS does that. */
static bool set_body(struct http_call *call)
{
	const struct http_request *request = &call->request;
	static const char *const method[] = {
		[HTTP_PUT] = "PUT",
		[HTTP_POST] = "POST",
		[HTTP_PATCH] = "PATCH",
		[HTTP_DELETE] = "DELETE",
	};
	if (request->method == HTTP_GET) {
		SET(call->easy, CURLOPT_HTTPGET, 1L);
		SET(call->easy, CURLOPT_CUSTOMREQUEST, NULL);
		return true;
	}
	SET(call->easy, CURLOPT_CUSTOMREQUEST, method[request->method]);
	if (http_call_one_send(call)) {
		SET(call->easy, CURLOPT_POST, 1L);
		SET(call->easy, CURLOPT_POSTFIELDS,
		    request->body.size ? request->body.data : (const void *)"");
		SET(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.size);
		return true;
	}
	SET(call->easy, CURLOPT_POSTFIELDS, NULL);
	SET(call->easy, CURLOPT_UPLOAD, 1L);
	SET(call->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body.size);
	return true;
}

void http_call_drop_headers(struct http_call *call)
{
	http_headers_free(call->headers);
	call->headers = NULL;
}

/* Makes the headers of a request to a peer: the peer's own and those of the request.  One that has
 * none needs no list of its own. */
static bool set_peer_headers(struct http_call *call)
{
	const struct http_request *request = &call->request;
	struct curl_slist *headers = NULL;
	for (const struct curl_slist *line = request->peer->headers;
	     line && request->header_count > 0; line = line->next)
		if (!http_headers_add(&headers, line->data))
			goto no_memory;
	for (size_t i = 0; i < request->header_count; i++)
		if (!http_headers_add(&headers, request->header[i]))
			goto no_memory;
	call->headers = headers;
	call->request.header = NULL;
	SET(call->easy, CURLOPT_HTTPHEADER, headers ? headers : request->peer->headers);
	return true;
no_memory:
	http_headers_free(headers);
	return false;
}

/* Says to whom it goes, and how that one is known. */
static bool set_peer(struct http_call *call)
{
	const struct http_request *request = &call->request;
	const struct http_peer *peer = request->peer;
	enum http_headers headers = request->method == HTTP_GET ? HEADERS_NONE
				    : request->json             ? HEADERS_JSON
								: HEADERS_OCTETS;
	if (peer && !set_peer_headers(call))
		return false;
	if (!peer)
		SET(call->easy, CURLOPT_HTTPHEADER, call->http->headers[headers]);
	SET(call->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)http_call_connect_ms(call));
	SET(call->easy, CURLOPT_PINNEDPUBLICKEY, peer ? peer->pin : NULL);
	SET(call->easy, CURLOPT_SSL_VERIFYPEER, peer ? 0L : 1L);
	SET(call->easy, CURLOPT_SSL_VERIFYHOST, peer ? 0L : 2L);
	return true;
}

/* The options that change with each request; http_call_new has set the others. */
static bool set_request(struct http_call *call)
{
	const struct http_request *request = &call->request;
	char range[64];
	snprintf(range, sizeof range, "%llu-%llu", (unsigned long long)request->offset,
		 (unsigned long long)(request->offset + request->length - 1));
	long fresh = request->flags & HTTP_FRESH ? 1L : 0L;
	long buffer_size = request->sink ? (long)DOWNLOAD_BUFFER : (long)SMALL_BUFFER;
	SET(call->easy, CURLOPT_RANGE, request->ranged ? range : NULL);
	SET(call->easy, CURLOPT_FRESH_CONNECT, fresh);
	SET(call->easy, CURLOPT_FORBID_REUSE, fresh);
	if (call->buffer_size != buffer_size)
		SET(call->easy, CURLOPT_BUFFERSIZE, buffer_size);
	call->buffer_size = buffer_size;
	return set_peer(call) && set_body(call);
}

static bool path_is_plain(const char *path)
{
	for (; *path; path++)
		if (*path <= ' ' || *path > '~')
			return false;
	return true;
}

enum fault http_call_prepare(struct http_call *call, const struct http_request *request,
			     struct err *err)
{
	struct http *http = call->http;
	if (!path_is_plain(request->path))
		return err_set(err, FAULT_USAGE, "a request path holds a blank or control byte");
	if (request->body.size > INT64_MAX)
		return err_set(err, FAULT_TOO_LARGE, "a request body is too large");
	CURL *easy = call->easy;
	struct bytes kept = call->kept;
	long buffer_size = call->buffer_size;
	*call = (struct http_call){
		.http = http,
		.easy = easy,
		.kept = kept,
		.request = *request,
		.buffer_size = buffer_size,
	};
	call->request.path = NULL;
	bytes_clear(&call->kept);
	call->kept.max = max_u64(request->reply_max, 2 * HTTP_ERROR_BODY_MAX);
	struct bytes *url = &http->scratch;
	const struct url *base = request->peer ? &request->peer->url : &http->url;
	bool set = bytes_append_text(url, base->base) == FAULT_NONE &&
		   bytes_append_text(url, request->path) == FAULT_NONE &&
		   curl_easy_setopt(easy, CURLOPT_URL, bytes_text(url)) == CURLE_OK &&
		   set_request(call);
	bytes_clear(url);
	return set ? FAULT_NONE : err_set(err, FAULT_NOMEM, "no memory for a request");
}
