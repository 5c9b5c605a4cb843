#include "net/http.h"

#include "net/http_call.h"
#include "queue/core/thread.h"

#include <strings.h>

enum {
	CONNECTIONS = 64,
	TICK_MAX_MS = 250,
	URL_MAX = 1 << 20, /* bytes; a gateway refuses far shorter ones by itself */
};

enum fault http_global_init(struct err *err)
{
	/* A proxy would see every cap, for loopback too; a key log would open what TLS hides. */
	static const char *const unwanted[] = {
		"SSLKEYLOGFILE", "http_proxy", "HTTP_PROXY",     "https_proxy",
		"HTTPS_PROXY",   "all_proxy",  "ALL_PROXY",      "no_proxy",
		"NO_PROXY",      "CURL_HOME",  "CURL_CA_BUNDLE", "CURL_SSL_BACKEND",
	};
	for (size_t i = 0; i < ARRAY_COUNT(unwanted); i++)
		unsetenv(unwanted[i]);
	if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK)
		return err_set(err, FAULT_NOMEM, "libcurl does not start");
	return FAULT_NONE;
}

/* Makes the three lists of headers that requests choose from; libcurl wants them to stay. */
static bool make_headers(struct http *http)
{
	static const char *const type[] = {
		[HEADERS_NONE] = NULL,
		[HEADERS_OCTETS] = "Content-Type: application/octet-stream",
		[HEADERS_JSON] = "Content-Type: application/json",
	};
	for (size_t i = 0; i < ARRAY_COUNT(type); i++) {
		const char *const line[] = {
			/* Anything else makes the gateway send errors as HTML. */
			"Accept: text/plain, application/octet-stream",
			"Expect:", /* left out: it would cost a round trip */
			type[i],
		};
		for (size_t j = 0; j < ARRAY_COUNT(line) && line[j]; j++) {
			struct curl_slist *longer = curl_slist_append(http->headers[i], line[j]);
			if (!longer)
				return false;
			http->headers[i] = longer;
		}
	}
	return true;
}

static uint32_t or_default(uint32_t value, uint32_t usual) { return value ? value : usual; }

static void set_limits(struct http *http, const struct http_options *options)
{
	http->options = (struct http_options){
		.connect_ms = or_default(options->connect_ms, HTTP_CONNECT_MS),
		.send_ms = or_default(options->send_ms, HTTP_SEND_MS),
		.wait_ms = or_default(options->wait_ms, HTTP_WAIT_MS),
		.receive_ms = or_default(options->receive_ms, HTTP_RECEIVE_MS),
		.connections = or_default(options->connections, CONNECTIONS),
		.pace = options->pace,
		.watch = options->watch,
	};
	uint64_t least = min_u64(http->options.send_ms,
				 min_u64(http->options.wait_ms, http->options.receive_ms));
	http->tick_ms = (uint32_t)max_u64(1, min_u64(least / 4, TICK_MAX_MS));
}

enum fault http_open(const struct http_options *options, struct http **out, struct err *err)
{
	struct url url;
	enum fault fault = url_parse(options->base_url, options->plain_host, &url, err);
	if (fault != FAULT_NONE)
		return fault;
	struct http *http = calloc(1, sizeof *http);
	if (!http)
		return err_set(err, FAULT_NOMEM, "no memory for a gateway's client");
	http->url = url;
	http->any_peer = url.encrypted ||
			 (options->plain_host && strcasecmp(url.host, options->plain_host) == 0);
	bytes_init(&http->scratch, URL_MAX);
	set_limits(http, options);
	http->multi = curl_multi_init();
	if (!http->multi || !make_headers(http) ||
	    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)http->options.connections) !=
		    CURLM_OK) {
		http_close(http);
		return err_set(err, FAULT_NOMEM, "no memory for a gateway's client");
	}
	*out = http;
	return FAULT_NONE;
}

void http_close(struct http *http)
{
	if (!http)
		return;
	while (http->waiting.first)
		http_cancel(http->waiting.first);
	while (http->in_flight.first)
		http_cancel(http->in_flight.first);
	while (http->idle) {
		struct http_call *call = http->idle;
		http->idle = call->next;
		http_call_free(call);
	}
	curl_multi_cleanup(http->multi);
	for (size_t i = 0; i < ARRAY_COUNT(http->headers); i++)
		curl_slist_free_all(http->headers[i]);
	bytes_fini(&http->scratch);
	free(http);
}

uint64_t http_wait_limit(const struct http *http, uint64_t wanted_ms)
{
	return wanted_ms ? min_u64(wanted_ms, http->options.wait_ms) : http->options.wait_ms;
}

static void enlist(struct http_call *call)
{
	http_list_add(&call->http->in_flight, NULL, call);
	http_turn_take(call);
}

static void delist(struct http_call *call)
{
	http_list_remove(&call->http->in_flight, call);
	http_turn_end(call);
}

static void retire(struct http_call *call)
{
	bytes_clear(&call->kept);
	http_call_drop_headers(call);
	call->next = call->http->idle;
	call->http->idle = call;
}

/* Puts it on the wire.  False: no memory. */
static bool begin(struct http_call *call)
{
	if (curl_multi_add_handle(call->http->multi, call->easy) != CURLM_OK)
		return false;
	enlist(call);
	call->started_us = call->http->options.watch ? http_clock_us() : 0;
	call->held_us = call->held_since_us = 0;
	return true;
}

/* Begins those whose turn it is; without memory for it, in a later poll. */
static void begin_waiting(struct http *http)
{
	for (struct http_call *call; (call = http_turn_next(http));) {
		http_turn_wait_no_more(call);
		if (begin(call))
			continue;
		http_turn_wait(call);
		return;
	}
}

struct http_call *http_start(struct http *http, const struct http_request *request, struct err *err)
{
	struct http_call *call = http->idle;
	if (call)
		http->idle = call->next;
	else
		call = http_call_new(http);
	if (!call) {
		err_set(err, FAULT_NOMEM, "no memory for a request");
		return NULL;
	}
	if (http_call_prepare(call, request, err) != FAULT_NONE) {
		retire(call);
		return NULL;
	}
	if (!http_turn_is_there(call)) {
		http_turn_wait(call);
	} else if (!begin(call)) {
		err_set(err, FAULT_NOMEM, "no memory for a request");
		retire(call);
		return NULL;
	}
	return call;
}

uint64_t http_clock_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static uint64_t http_time(const struct http_call *call, CURLINFO info)
{
	curl_off_t us = 0;
	curl_easy_getinfo(call->easy, info, &us);
	return us > 0 ? (uint64_t)us : 0;
}

/* 0: it was in an earlier request of this handle, or never. */
static uint64_t since_start(const struct http_call *call, uint64_t us)
{
	return us > call->started_us ? us - call->started_us : 0;
}

/* Tells how long a request was where, counted from its begin; a phase that was not reached has
 * taken nothing, the one that was cut short all the rest.  libcurl is not asked when the reply
 * began: of a request with a body some releases tell when that began. */
static void http_tell_watch(struct http_call *call)
{
	http_call_hold_end(call);
	const struct http_watch *watch = call->http->options.watch;
	const struct http_request *request = &call->request;
	uint64_t end = http_clock_us() - call->started_us;
	uint64_t connected = min_u64(http_time(call, CURLINFO_PRETRANSFER_TIME_T), end);
	uint64_t begun = since_start(call, call->replied_us);
	uint64_t sent = since_start(call, call->sent_us);
	begun = begun ? max_u64(connected, min_u64(begun, end)) : end;
	sent = max_u64(connected, min_u64(sent, begun));
	/* What sends is held by its body, what does not by its sink. */
	const bool sends = request->body.size > 0;
	const uint64_t moving = sends ? sent - connected : end - begun;
	const uint64_t held = min_u64(call->held_us, moving);
	const struct http_phases phases = {
		.base = request->peer ? request->peer->url.base : call->http->url.base,
		.to_peer = request->peer != NULL,
		.reads = request->method == HTTP_GET,
		.started_us = call->started_us,
		.connect_us = connected,
		.send_us = sent - connected - (sends ? held : 0),
		.wait_us = begun - sent,
		.receive_us = end - begun - (sends ? 0 : held),
		.held_us = held,
		.bytes = max_u64(call->body_sent, request->body.size) + call->received,
	};
	watch->ended(watch->context, &phases);
}

/* Ends those that wait in vain, as the one before them did.  `done` may change the list. */
static void finish_in_vain(struct http *http, const struct err *why)
{
	const struct http_reply reply = {
		.fault = why->fault,
		.err = *why,
		.body = "",
		.content_length = -1,
	};
	struct http_call *call = http->waiting.first;
	while (call) {
		if (!call->in_vain) {
			call = call->next;
			continue;
		}
		http_turn_wait_no_more(call);
		call->request.done(call->request.context, &reply);
		retire(call);
		call = http->waiting.first;
	}
}

/* Ends a call: off the list, out of the multi handle, judged, told, and kept for the next one. */
static void http_finish(struct http_call *call, CURLcode code)
{
	struct http *http = call->http;
	struct http_reply reply;
	http_call_judge(call, code, &reply);
	reply.took_ms = clock_ms() - call->begun_ms;
	if (http->options.watch)
		http_tell_watch(call);
	curl_multi_remove_handle(http->multi, call->easy);
	delist(call);
	const bool doomed = http_turn_doom(call, &reply);
	const struct err why = reply.err;
	begin_waiting(http);
	call->request.done(call->request.context, &reply);
	retire(call);
	if (doomed)
		finish_in_vain(http, &why);
}

/* Finishes what libcurl says has ended.  Returns how many. */
static size_t finish_ended(struct http *http)
{
	size_t ended = 0;
	int left;
	for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &left));) {
		if (message->msg != CURLMSG_DONE)
			continue;
		/* The message dies with its handle's removal. */
		CURLcode code = message->data.result;
		struct http_call *call = NULL;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		http_finish(call, code);
		ended++;
	}
	return ended;
}

/* A multi handle that fails is out of memory; nothing in it will end by itself. */
static size_t finish_all(struct http *http)
{
	size_t ended = 0;
	while (http->in_flight.first) {
		http->in_flight.first->stop = STOP_NOMEM;
		http_finish(http->in_flight.first, CURLE_OUT_OF_MEMORY);
		ended++;
	}
	return ended;
}

static size_t perform(struct http *http)
{
	int running;
	if (curl_multi_perform(http->multi, &running) != CURLM_OK)
		return finish_all(http);
	return finish_ended(http);
}

/* `done` may change the list, so the walk begins again after each call that ended. */
static size_t finish_silent(struct http *http)
{
	uint64_t now_ms = clock_ms();
	if (now_ms - http->looked_ms < http->tick_ms)
		return 0;
	http->looked_ms = now_ms;
	size_t ended = 0;
	struct http_call *call = http->in_flight.first;
	while (call) {
		if (!http_call_silent(call, now_ms)) {
			call = call->next;
			continue;
		}
		http_finish(call, CURLE_OPERATION_TIMEDOUT);
		ended++;
		call = http->in_flight.first;
	}
	return ended;
}

/* Lets go on what was held until now, by the pace or by its sink. */
static size_t release_held(struct http *http)
{
	size_t ended = 0;
	if (!http->holding)
		return ended;
	uint64_t now_ms = clock_ms();
	struct http_call *call = http->in_flight.first;
	http->holding = false;
	while (call) {
		bool due = call->held && !call->full && call->due_ms <= now_ms;
		CURLcode code = CURLE_OK;
		if (due) {
			call->held = 0;
			call->since_ms = 0; /* limits begin anew behind a pause of ours */
			code = http_call_pause(call);
		}
		if (code == CURLE_OK) {
			http->holding |= call->held != 0;
			call = call->next;
			continue;
		}
		http_finish(call, code);
		ended++;
		call = http->in_flight.first;
	}
	return ended;
}

/* How long to sleep when there is nothing to do. */
static uint64_t sleep_ms(const struct http *http, uint64_t timeout_ms)
{
	uint64_t ms = http->in_flight.first ? min_u64(timeout_ms, http->tick_ms) : timeout_ms;
	if (!http->holding)
		return ms;
	uint64_t now_ms = clock_ms();
	for (const struct http_call *call = http->in_flight.first; call; call = call->next)
		if (call->held && !call->full)
			ms = min_u64(ms, call->due_ms > now_ms ? call->due_ms - now_ms : 0);
	return ms;
}

size_t http_poll(struct http *http, uint32_t timeout_ms)
{
	begin_waiting(http);
	size_t ended = release_held(http) + perform(http);
	if (ended == 0 && timeout_ms > 0) {
		(void)curl_multi_poll(http->multi, NULL, 0,
				      (int)min_u64(sleep_ms(http, timeout_ms), INT32_MAX), NULL);
		ended = release_held(http) + perform(http);
	}
	return ended + finish_silent(http);
}

void http_wake(struct http *http) { (void)curl_multi_wakeup(http->multi); }

void http_pause(struct http_call *call)
{
	call->full = true;
	http_call_hold_begin(call);
}

void http_resume(struct http_call *call)
{
	call->full = false;
	http_call_hold_end(call);
	if (!call->paused)
		return;
	call->paused = false;
	(void)http_call_pause(call);
}

void http_cancel(struct http_call *call)
{
	if (call->waits) {
		http_turn_wait_no_more(call);
	} else {
		curl_multi_remove_handle(call->http->multi, call->easy);
		delist(call);
		begin_waiting(call->http);
	}
	retire(call);
}

uint64_t http_running_ms(const struct http_call *call)
{
	return call->waits ? 0 : clock_ms() - call->begun_ms;
}

size_t http_in_flight(const struct http *http)
{
	return http->in_flight.count + http->waiting.count;
}

const char *http_base(const struct http *http) { return http->url.base; }
