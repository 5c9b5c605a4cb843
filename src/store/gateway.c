#include "store/gateway.h"

#include "base/escape.h"
#include "base/secret.h"
#include "queue/core/thread.h"
#include "store/gateway_call.h"

#include <assert.h>

enum {
	CAP_REPLY_MAX = 65536,     /* bytes; RELIABILITY I33 */
	CHECK_REPLY_MAX = 4 << 20, /* bytes; names each share and server */
	WAIT_RATE = 256, /* bytes a millisecond: a gateway that spools, hashes and sends on */
	WAIT_MORE_MAX_MS = 7 * 24 * 3600 * 1000, /* for 144 GiB at that rate */
	WAIT_CHILD_MS = 2,                       /* a child; 0.1 measured for the first 100,000 */
	FILE_GRACE_MS = 10000,   /* before the speed of a file is compared with that of others */
	LISTING_RATE = 1 << 10,  /* bytes a second; of a line of 56 kbit/s a seventh */
	WAIT_LISTING = 2,        /* limits more: a large directory takes 20 s to the first byte */
	PATH_MAX_SIZE = 1 << 19, /* bytes */
};

static struct gateway *to_gateway(struct store *store) { return (struct gateway *)store; }

static struct store_call *to_call(struct gateway_call *call) { return (struct store_call *)call; }

/* ---- calls in flight ---- */

static void enlist(struct gateway_call *call)
{
	call->back = &call->gateway->in_flight;
	call->next = *call->back;
	if (call->next)
		call->next->back = &call->next;
	*call->back = call;
}

/* Takes the call out of flight, wipes it and frees it. */
static void gateway_end(struct gateway_call *call)
{
	if (call->back) {
		*call->back = call->next;
		if (call->next)
			call->next->back = call->back;
	}
	listing_parser_free(call->listing);
	secret_wipe(call, sizeof *call);
	free(call);
}

/* The end of every call: the reply is read, handed on, and wiped. */
static void on_done(void *context, const struct http_reply *http)
{
	struct gateway_call *call = context;
	struct store_reply reply;
	gateway_explain(call, http, &reply);
	gateway_understand(call, http, &reply);
	if (call->operation == GATEWAY_GET && call->gateway->speed && !reply.fault)
		speed_learn(call->gateway->speed, call->received, clock_ms() - call->begun_ms);
	reply.err.remote = reply.fault;
	gateway_tell_health(call, &reply);
	reply.fault = reply.err.fault;
	call->then.done(call->then.context, &reply);
	cap_wipe(&reply.cap);
	cap_wipe(&reply.node.rw);
	cap_wipe(&reply.node.ro);
	gateway_end(call);
}

/* Makes a call that is not in flight yet.  NULL: `err` says so. */
static struct gateway_call *gateway_begin(struct store *store, enum gateway_operation operation,
					  struct store_then then, struct err *err)
{
	assert(then.done);
	struct gateway_call *call = calloc(1, sizeof *call);
	if (!call) {
		err_set(err, FAULT_NOMEM, "no memory for a call");
		return NULL;
	}
	call->gateway = to_gateway(store);
	call->operation = operation;
	call->then = then;
	return call;
}

/* Gives the call to HTTP, with the path that was built; `built` is the fault of building it. */
static struct store_call *gateway_start(struct gateway_call *call, enum fault built,
					struct http_request *request, struct err *err)
{
	struct bytes *path = &call->gateway->path;
	if (bytes_err(built, err, "a request path") == FAULT_NONE) {
		request->path = bytes_text(path);
		request->done = on_done;
		request->context = call;
		call->health = health_begin(call->gateway->health, call->gateway->base.gateway,
					    gateway_work(call));
		call->http = http_start(call->gateway->http, request, err);
	}
	bytes_clear(path);
	if (!call->http) {
		gateway_end(call);
		return NULL;
	}
	enlist(call);
	return to_call(call);
}

/* ---- paths: caps only below uri/, the one place where the gateway's log leaves them out ---- */

/* Appends "uri/" and the cap to the path of the request. */
static enum fault add_cap(struct bytes *path, const struct cap *cap)
{
	char text[CAP_TEXT_SIZE];
	size_t size = cap_print(cap, text);
	enum fault fault = size == 0 ? FAULT_USAGE : bytes_append_text(path, "uri/");
	if (fault == FAULT_NONE && cap->kind == CAP_UNKNOWN)
		fault = escape_percent(path, text, size); /* might hold a slash */
	else if (fault == FAULT_NONE)
		fault = bytes_append(path, text, size);
	secret_wipe(text, sizeof text);
	return fault;
}

static enum fault add_name(struct bytes *path, const struct store_name *name)
{
	if (name->size == 0)
		return FAULT_USAGE;
	enum fault fault = bytes_append_text(path, "/");
	return fault != FAULT_NONE ? fault : escape_percent(path, name->name, name->size);
}

static enum fault add_replace(struct bytes *path, enum store_replace replace)
{
	static const char *const word[] = {
		[STORE_REPLACE_NEVER] = "&replace=false",
		[STORE_REPLACE_ONLY_FILES] = "&replace=only-files",
		[STORE_REPLACE_ALWAYS] = "&replace=true",
	};
	return bytes_append_text(path, word[replace]);
}

static struct http_body to_http_body(const struct store_body *body)
{
	return (struct http_body){
		.data = body->data,
		.size = body->size,
		.read = body->read,
		.rewind = body->rewind,
		.context = body->context,
	};
}

/* The size may be that of a cap, which is anybody's word. */
static uint64_t wait_more(uint64_t size, uint64_t children)
{
	return min_u64(size / WAIT_RATE, WAIT_MORE_MAX_MS) +
	       min_u64(children, UINT32_MAX) * WAIT_CHILD_MS;
}

/* ---- the operations ---- */

static struct store_call *gateway_put(struct store *store, const struct store_body *body,
				      struct store_then then, struct err *err)
{
	if (body->no_gateway) {
		err_set(err, FAULT_USAGE, "its shares find no servers");
		return NULL;
	}
	struct gateway_call *call = gateway_begin(store, GATEWAY_PUT, then, err);
	if (!call)
		return NULL;
	call->expected = body->size;
	struct http_request request = {
		.method = HTTP_PUT,
		.body = to_http_body(body),
		.wait_more_ms = wait_more(body->size, 0),
		.reply_max = CAP_REPLY_MAX,
	};
	return gateway_start(call, bytes_append_text(&call->gateway->path, "uri"), &request, err);
}

static struct store_call *gateway_overwrite(struct store *store, const struct cap *cap,
					    const struct store_body *body, struct store_then then,
					    struct err *err)
{
	if (!cap_is_file(cap) || !cap_is_writable(cap)) {
		err_set(err, FAULT_USAGE, "not a file that can be overwritten");
		return NULL;
	}
	struct gateway_call *call = gateway_begin(store, GATEWAY_OVERWRITE, then, err);
	if (!call)
		return NULL;
	call->cap = *cap;
	struct http_request request = {
		.method = HTTP_PUT,
		.body = to_http_body(body),
		.wait_more_ms = wait_more(body->size, 0),
		.reply_max = CAP_REPLY_MAX,
	};
	return gateway_start(call, add_cap(&call->gateway->path, cap), &request, err);
}

static bool on_bytes(void *context, const void *data, size_t size)
{
	struct gateway_call *call = context;
	if (call->expected != UINT64_MAX && size > call->expected - call->received) {
		err_wrong(&call->why, "the reply is longer than what was asked for");
		return false;
	}
	call->received += size;
	return call->sink(call->sink_context, data, size);
}

/* What length the reply must have is known for a range and from the cap; else it is taken as it
 * comes. */
static struct store_call *gateway_get(struct store *store, const struct store_get *get,
				      struct store_then then, struct err *err)
{
	struct gateway_call *call = gateway_begin(store, GATEWAY_GET, then, err);
	if (!call)
		return NULL;
	bool whole = get->length == UINT64_MAX && get->offset == 0;
	bool sized = cap_is_chk(get->cap) || cap_is_literal(get->cap);
	call->expected = !whole ? get->length : sized ? get->cap->size : UINT64_MAX;
	call->cap = *get->cap;
	call->offset = get->offset;
	call->sink = get->sink;
	call->sink_context = get->context;
	call->begun_ms = clock_ms();
	struct http_request request = {
		.method = HTTP_GET,
		.ranged = !whole,
		.offset = get->offset,
		.length = get->length,
		.floor = get->hurried && call->gateway->speed ? &call->gateway->file_floor : NULL,
		.sink = on_bytes,
	};
	uint64_t last;
	bool sane = whole ||
		    (get->length > 0 && !__builtin_add_overflow(get->offset, get->length, &last));
	if (!sane || cap_is_directory(get->cap) || cap_is_verifier(get->cap)) {
		err_set(err, FAULT_USAGE, "not a part of a file");
		gateway_end(call);
		return NULL;
	}
	return gateway_start(call, add_cap(&call->gateway->path, get->cap), &request, err);
}

static struct store_call *gateway_make_directory(struct store *store,
						 const struct store_directory *directory,
						 const struct store_body *body,
						 struct store_then then, struct err *err)
{
	struct gateway_call *call = gateway_begin(store, GATEWAY_MAKE_DIRECTORY, then, err);
	if (!call)
		return NULL;
	call->is_mutable = directory->is_mutable;
	bool keyed = directory->is_mutable && directory->private_key;
	struct http_request request = {
		.method = HTTP_POST,
		.flags = directory->is_mutable && !keyed ? HTTP_FRESH : 0,
		.json = true,
		.body = to_http_body(body),
		.wait_more_ms = wait_more(body->size, directory->children),
		.reply_max = CAP_REPLY_MAX,
	};
	struct bytes *path = &call->gateway->path;
	enum fault fault =
		bytes_append_text(path, directory->is_mutable ? "uri?t=mkdir-with-children"
							      : "uri?t=mkdir-immutable");
	if (fault == FAULT_NONE && keyed)
		fault = bytes_append_text(path, "&private-key=");
	if (fault == FAULT_NONE && keyed)
		fault = escape_percent(path, directory->private_key, directory->private_key_size);
	return gateway_start(call, fault, &request, err);
}

/* Unless it may replace what is there it must not run twice: the second would meet the names that
 * the first has linked. */
static struct store_call *gateway_set_children(struct store *store, const struct store_edit *edit,
					       const struct store_body *body,
					       struct store_then then, struct err *err)
{
	struct gateway_call *call = gateway_begin(store, GATEWAY_SET_CHILDREN, then, err);
	if (!call)
		return NULL;
	struct http_request request = {
		.method = HTTP_POST,
		.flags = edit->replace == STORE_REPLACE_ALWAYS ? 0 : HTTP_FRESH,
		.json = true,
		.body = to_http_body(body),
		.wait_more_ms = wait_more(body->size, edit->children) +
				WAIT_LISTING * call->gateway->wait_ms,
		.reply_max = CAP_REPLY_MAX,
	};
	struct bytes *path = &call->gateway->path;
	enum fault fault = add_cap(path, edit->directory);
	if (fault == FAULT_NONE)
		fault = bytes_append_text(path, "?t=set_children");
	if (fault == FAULT_NONE)
		fault = add_replace(path, edit->replace);
	return gateway_start(call, fault, &request, err);
}

/* It may run twice: what is gone stays gone. */
static struct store_call *gateway_unlink(struct store *store, const struct cap *directory,
					 const struct store_name *name, struct store_then then,
					 struct err *err)
{
	struct gateway_call *call = gateway_begin(store, GATEWAY_UNLINK, then, err);
	if (!call)
		return NULL;
	struct http_request request = {
		.method = HTTP_DELETE,
		.wait_more_ms = WAIT_LISTING * call->gateway->wait_ms,
		.reply_max = CAP_REPLY_MAX,
	};
	struct bytes *path = &call->gateway->path;
	enum fault fault = add_cap(path, directory);
	if (fault == FAULT_NONE)
		fault = add_name(path, name);
	return gateway_start(call, fault, &request, err);
}

static bool on_listing(void *context, const void *data, size_t size)
{
	struct gateway_call *call = context;
	return listing_parser_feed(call->listing, data, size, &call->why) == FAULT_NONE;
}

static struct store_call *gateway_list(struct store *store, const struct store_list *list,
				       struct store_then then, struct err *err)
{
	struct gateway_call *call = gateway_begin(store, GATEWAY_LIST, then, err);
	if (!call)
		return NULL;
	call->cap = *list->cap;
	call->listing = listing_parser_new(call->gateway->listing_max, list->child, list->context);
	struct http_request request = {
		.method = HTTP_GET,
		.wait_more_ms = WAIT_LISTING * call->gateway->wait_ms,
		.floor = &call->gateway->listing_floor,
		.sink = on_listing,
	};
	struct bytes *path = &call->gateway->path;
	enum fault fault = call->listing ? add_cap(path, list->cap) : FAULT_NOMEM;
	for (size_t i = 0; i < list->path_count && fault == FAULT_NONE; i++)
		fault = add_name(path, &list->path[i]);
	if (fault == FAULT_NONE)
		fault = bytes_append_text(path, "?t=json");
	return gateway_start(call, fault, &request, err);
}

static struct store_call *gateway_check(struct store *store, const struct store_check *check,
					struct store_then then, struct err *err)
{
	const struct cap *cap = check->cap;
	const bool reads = check->verify || check->repair;
	struct gateway_call *call = gateway_begin(store, GATEWAY_CHECK, then, err);
	if (!call)
		return NULL;
	call->cap = *cap;
	struct http_request request = {
		.method = HTTP_POST,
		.wait_more_ms = reads && cap_is_chk(cap) ? wait_more(cap->size, 0) : 0,
		.reply_max = CHECK_REPLY_MAX,
	};
	struct bytes *path = &call->gateway->path;
	enum fault fault = add_cap(path, cap);
	if (fault == FAULT_NONE)
		fault = bytes_printf(path, "?t=check&output=JSON%s%s%s",
				     check->verify ? "&verify=true" : "",
				     check->add_lease ? "&add-lease=true" : "",
				     check->repair ? "&repair=true" : "");
	return gateway_start(call, fault, &request, err);
}

static struct store_call *gateway_probe(struct store *store, struct store_then then,
					struct err *err)
{
	struct gateway_call *call = gateway_begin(store, GATEWAY_PROBE, then, err);
	if (!call)
		return NULL;
	struct http_request request = { .method = HTTP_GET, .reply_max = CHECK_REPLY_MAX };
	return gateway_start(call, bytes_append_text(&call->gateway->path, "?t=json"), &request,
			     err);
}

/* ---- the rest of the contract ---- */

static size_t gateway_poll(struct store *store, uint32_t timeout_ms)
{
	struct gateway *gateway = to_gateway(store);
	if (gateway->speed)
		gateway->file_floor.bps = speed_floor(gateway->speed);
	return http_poll(gateway->http, timeout_ms);
}

static void gateway_wake(struct store *store) { http_wake(to_gateway(store)->http); }

static void gateway_pause(struct store *store, struct store_call *call)
{
	(void)store;
	http_pause(((struct gateway_call *)call)->http);
}

static void gateway_resume(struct store *store, struct store_call *call)
{
	(void)store;
	http_resume(((struct gateway_call *)call)->http);
}

static void gateway_cancel(struct store *store, struct store_call *call)
{
	(void)store;
	struct gateway_call *ours = (struct gateway_call *)call;
	http_cancel(ours->http);
	gateway_end(ours);
}

static const char *gateway_label(const struct store *store)
{
	return http_base(((const struct gateway *)store)->http);
}

static void gateway_close(struct store *store)
{
	struct gateway *gateway = to_gateway(store);
	for (struct gateway_call *call = gateway->in_flight, *next; call; call = next) {
		next = call->next;
		gateway_cancel(store, to_call(call));
	}
	http_close(gateway->http);
	bytes_fini(&gateway->path);
	free(gateway);
}

static const struct store_backend gateway_backend = {
	.put = gateway_put,
	.overwrite = gateway_overwrite,
	.get = gateway_get,
	.make_directory = gateway_make_directory,
	.set_children = gateway_set_children,
	.unlink = gateway_unlink,
	.list = gateway_list,
	.check = gateway_check,
	.probe = gateway_probe,
	.poll = gateway_poll,
	.wake = gateway_wake,
	.pause = gateway_pause,
	.resume = gateway_resume,
	.cancel = gateway_cancel,
	.label = gateway_label,
	.close = gateway_close,
};

struct http *gateway_http(struct store *store) { return to_gateway(store)->http; }

enum fault gateway_open(const struct gateway_options *options, struct store **store,
			struct err *err)
{
	struct gateway *gateway = calloc(1, sizeof *gateway);
	if (!gateway)
		return err_set(err, FAULT_NOMEM, "no memory for a store");
	gateway->base.backend = &gateway_backend;
	gateway->base.gateway = options->number;
	gateway->health = options->health;
	gateway->wait_ms = options->wait_ms ? options->wait_ms : HTTP_WAIT_MS;
	gateway->listing_max = options->listing_max ? options->listing_max : STORE_LISTING_MAX;
	uint64_t receive_ms = options->receive_ms ? options->receive_ms : HTTP_RECEIVE_MS;
	gateway->listing_floor = (struct http_floor){ .grace_ms = receive_ms, .bps = LISTING_RATE };
	gateway->file_floor = (struct http_floor){ .grace_ms = min_u64(receive_ms, FILE_GRACE_MS) };
	gateway->speed = options->speed;
	bytes_init(&gateway->path, PATH_MAX_SIZE);
	struct http_options http = {
		.base_url = options->url,
		.plain_host = options->plain_host,
		.connect_ms = options->connect_ms,
		.send_ms = options->send_ms,
		.wait_ms = options->wait_ms,
		.receive_ms = options->receive_ms,
		.pace = options->pace,
		.watch = options->watch,
	};
	enum fault fault = http_open(&http, &gateway->http, err);
	if (fault != FAULT_NONE) {
		free(gateway);
		return fault;
	}
	*store = &gateway->base;
	return FAULT_NONE;
}
