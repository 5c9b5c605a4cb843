#include "direct/direct_put.h"

#include "base/secret.h"
#include "direct/allocation.h"
#include "direct/placement.h"
#include "tahoe/base32.h"

#include <nettle/base64.h>

enum {
	PUT_PATH_SIZE = 96,
	PUT_REPLY_MAX = 8192, /* bytes */
	PUT_HEADERS = 5,
	PUT_HEADER_SIZE = 128,
	STATUS_CREATED = 201,   /* the share is complete */
	STATUS_NOT_OURS = 401,  /* it is half-made with another secret */
	STATUS_NOT_THERE = 404, /* and not half-made either */
};

/* A question to a server, or a share on its way to one. */
struct put_request {
	struct direct_put *put;
	struct http_call *http; /* NULL: not in flight */
	unsigned place;         /* of the server, in the order of the file's shares */
	unsigned share;
	unsigned char body[ALLOCATION_MAX]; /* of a question */
};

struct direct_put {
	struct direct *direct;
	struct direct_put *next;
	struct direct_put **back;
	struct store_then then;
	struct health_call health;
	struct store_body body;
	unsigned char index[CAP_KEY_SIZE]; /* storage index */
	uint16_t server[PLACEMENT_SERVERS_MAX];
	struct placement placement;
	uint16_t to[ERASURE_BLOCKS_MAX];      /* where each share goes in this round */
	struct placement half;                /* the shares that may be half-made */
	unsigned waiting;                     /* requests in flight */
	void (*step)(struct direct_put *put); /* goes on when all have ended */
	struct store_call *gateway;           /* puts the file instead */
	bool given_up;                        /* the gateway is to put the file */
	bool fresh; /* to be begun in the next poll: `done` must not come before it is handed out */
	struct put_request request[]; /* one a share */
};

struct direct_put *direct_find_put(const struct direct *direct, const struct store_call *call)
{
	struct direct_put *put = direct->puts;
	while (put && (const struct store_call *)put != call)
		put = put->next;
	return put;
}

/* ---- ends ---- */

static void cancel_requests(struct direct_put *put)
{
	for (unsigned i = 0; i < put->placement.shares; i++) {
		if (!put->request[i].http)
			continue;
		http_cancel(put->request[i].http);
		put->request[i].http = NULL;
		put->direct->requests--;
	}
	put->waiting = 0;
}

/* Takes the put off the list and frees it. */
static void free_put(struct direct_put *put)
{
	*put->back = put->next;
	if (put->next)
		put->next->back = put->back;
	cancel_requests(put);
	secret_wipe(put, sizeof *put);
	free(put);
}

void direct_cancel_put(struct direct_put *put)
{
	if (put->gateway)
		store_cancel(put->direct->base.behind, put->gateway);
	free_put(put);
}

static void end_put(struct direct_put *put, const struct store_reply *reply)
{
	put->then.done(put->then.context, reply);
	free_put(put);
}

static void gateway_done(void *context, const struct store_reply *reply)
{
	struct direct_put *put = context;
	put->gateway = NULL;
	end_put(put, reply);
}

static void ask_gateway(struct direct_put *put)
{
	struct store_reply reply = { 0 };
	put->gateway = store_put(put->direct->base.behind, &put->body,
				 (struct store_then){ gateway_done, put }, &reply.err);
	reply.fault = reply.err.fault;
	if (!put->gateway)
		end_put(put, &reply);
}

static void succeed(struct direct_put *put)
{
	const struct store_reply reply = {
		.answered = true,
		.proven = true,
		.cap = put->body.shares->cap,
	};
	health_well(put->direct->health, &put->health);
	end_put(put, &reply);
}

/* ---- requests ---- */

static struct direct_server *server_at(const struct direct_put *put, unsigned place)
{
	return &put->direct->server[put->server[place]];
}

/* Writes "X-Tahoe-Authorization: NAME SECRET". */
static void write_secret(char line[PUT_HEADER_SIZE], const char *name,
			 const unsigned char secret[DIGEST_SIZE])
{
	char text[BASE64_ENCODE_RAW_LENGTH(DIGEST_SIZE) + 1] = "";
	base64_encode_raw(text, DIGEST_SIZE, secret);
	snprintf(line, PUT_HEADER_SIZE, "X-Tahoe-Authorization: %s %s", name, text);
	secret_wipe(text, sizeof text);
}

/* Starts `http` at the server of the request's place, for `what` below the storage index.  Leases
 * go with an allocation.  False: it could not begin. */
static bool put_request_start(struct put_request *request, struct http_request *http,
			      const char *what, bool leases)
{
	struct direct_put *put = request->put;
	struct direct *direct = put->direct;
	char path[PUT_PATH_SIZE], index[2 * CAP_KEY_SIZE];
	char line[PUT_HEADERS][PUT_HEADER_SIZE];
	const char *header[PUT_HEADERS] = { "Expect:", line[0], line[1], line[2], line[3] };
	struct lease_secrets secrets;
	struct err err;
	base32_encode(put->index, CAP_KEY_SIZE, index);
	snprintf(path, sizeof path, "storage/v1/immutable/%s%s", index, what);
	lease_secrets_of(direct->lease_secret, put->index,
			 direct->servers->server[put->server[request->place]].id, &secrets);
	if (leases)
		snprintf(line[0], sizeof line[0], "Content-Type: application/cbor");
	else
		snprintf(line[0], sizeof line[0], "Content-Range: bytes 0-%llu/*",
			 (unsigned long long)(put->body.shares->share_size - 1));
	write_secret(line[1], "upload-secret", secrets.upload);
	write_secret(line[2], "lease-renew-secret", secrets.renew);
	write_secret(line[3], "lease-cancel-secret", secrets.cancel);
	http->peer = server_at(put, request->place)->peer;
	http->path = path;
	http->header = header;
	http->header_count = leases ? PUT_HEADERS : PUT_HEADERS - 2;
	http->reply_max = PUT_REPLY_MAX;
	http->wait_ms = DIRECT_WAIT_MS;
	http->context = request;
	request->http = http_start(gateway_http(direct->base.behind), http, &err);
	secret_wipe(&secrets, sizeof secrets);
	secret_wipe(line, sizeof line);
	put->waiting += request->http != NULL;
	direct->requests += request->http != NULL;
	return request->http;
}

/* Notes that a request has ended; when it was the last, `go_on` is true. */
static struct direct_put *put_request_ended(struct put_request *request, bool *go_on)
{
	struct direct_put *put = request->put;
	request->http = NULL;
	put->direct->requests--;
	*go_on = --put->waiting == 0;
	return put;
}

/* What a refusal of one share says of the server itself: nothing. */
static void judge(struct direct_put *put, unsigned place, const struct http_reply *reply)
{
	const bool answers = reply->fault && reply->status >= 400 && reply->status < 500;
	direct_judge_server(put->direct, put->server[place], answers ? FAULT_NONE : reply->fault,
			    reply->err.slow);
}

/* ---- the end: nothing half-made stays ---- */

static void clean_up(struct direct_put *put);

static void on_aborted(void *context, const struct http_reply *reply)
{
	bool go_on;
	struct direct_put *put = put_request_ended(context, &go_on);
	(void)reply;
	if (go_on)
		put->step(put);
}

/* Asks a server to forget a share that may be half-made. */
static void abort_share(struct put_request *request, unsigned place, unsigned share)
{
	char what[24];
	struct http_request http = { .method = HTTP_PUT, .done = on_aborted };
	snprintf(what, sizeof what, "/%u/abort", share);
	request->place = place;
	placement_lose(&request->put->half, place, share);
	(void)put_request_start(request, &http, what, false);
}

/* Aborts what is half-made, as many at a time as there are shares; then the put is over, or the
 * gateway's. */
static void clean_up(struct direct_put *put)
{
	const struct placement *half = &put->half;
	put->step = clean_up;
	for (unsigned place = 0; place < half->servers; place++)
		for (unsigned share = 0; share < half->shares; share++)
			if (put->waiting < half->shares && placement_has(half, place, share))
				abort_share(&put->request[put->waiting], place, share);
	if (put->waiting > 0)
		return;
	if (put->given_up)
		ask_gateway(put);
	else
		succeed(put);
}

/* ---- writing ---- */

static void plan(struct direct_put *put);

static void on_written(void *context, const struct http_reply *reply)
{
	struct put_request *request = context;
	const unsigned share = request->share, place = request->place;
	bool go_on;
	struct direct_put *put = put_request_ended(request, &go_on);
	judge(put, place, reply);
	if (!reply->fault && reply->status == STATUS_CREATED) {
		placement_lose(&put->half, place, share);
		placement_hold(&put->placement, place, share);
	} else {
		if (reply->status == STATUS_NOT_OURS || reply->status == STATUS_NOT_THERE)
			placement_lose(&put->half, place, share);
		placement_refuse(&put->placement, place);
	}
	if (go_on)
		put->step(put);
}

static void write_share(struct direct_put *put, unsigned share)
{
	char what[16];
	const struct chk_shares *shares = put->body.shares;
	struct put_request *request = &put->request[share];
	struct http_request http = {
		.method = HTTP_PATCH,
		.body = {
			.data = shares->data + share * shares->share_size,
			.size = shares->share_size,
		},
		.done = on_written,
	};
	snprintf(what, sizeof what, "/%u", share);
	request->share = share;
	request->place = put->to[share];
	placement_hold(&put->half, request->place, share);
	if (!put_request_start(request, &http, what, false))
		placement_refuse(&put->placement, request->place);
}

/* Writes what the servers have made room for, and what they may have from before. */
static void write_all(struct direct_put *put)
{
	put->step = plan;
	for (unsigned share = 0; share < put->placement.shares; share++)
		if (put->to[share] != PLACEMENT_NONE)
			write_share(put, share);
	if (put->waiting == 0)
		plan(put);
}

/* ---- asking for room ---- */

/* Takes a server's answer: what it has counts, asked for or not. */
static void take_answer(struct direct_put *put, unsigned place, const struct allocation *allocation)
{
	for (unsigned share = 0; share < put->placement.shares; share++) {
		if (allocation->allocated[share] && put->to[share] == place)
			placement_hold(&put->half, place, share);
		if (!allocation->has[share])
			continue;
		placement_hold(&put->placement, place, share);
		if (put->to[share] == place)
			put->to[share] = PLACEMENT_NONE;
	}
}

static void on_allocated(void *context, const struct http_reply *reply)
{
	struct put_request *request = context;
	const unsigned place = request->place;
	struct allocation allocation = { 0 };
	struct err err;
	bool go_on;
	struct direct_put *put = put_request_ended(request, &go_on);
	judge(put, place, reply);
	bool bad =
		!reply->fault && allocation_read(reply->body, reply->body_size, &allocation, &err);
	if (bad)
		direct_judge_server(put->direct, put->server[place], FAULT_CORRUPT, false);
	if (!reply->fault && !bad)
		take_answer(put, place, &allocation);
	for (unsigned share = 0; share < put->placement.shares && (reply->fault || bad); share++)
		if (put->to[share] == place)
			put->to[share] = PLACEMENT_NONE;
	if (reply->fault || bad)
		placement_refuse(&put->placement, place);
	if (go_on)
		put->step(put);
}

/* Asks the server of `share` for all that it is to get. */
static void allocate(struct direct_put *put, unsigned share)
{
	const unsigned place = put->to[share];
	struct put_request *request = &put->request[share];
	bool wanted[SHARE_NUMBERS_MAX] = { false };
	for (unsigned i = share; i < put->placement.shares; i++)
		wanted[i] = put->to[i] == place;
	request->place = place;
	const size_t size = allocation_write(wanted, put->body.shares->share_size, request->body);
	struct http_request http = {
		.method = HTTP_POST,
		.body = { .data = request->body, .size = size },
		.done = on_allocated,
	};
	if (put_request_start(request, &http, "", true))
		return;
	placement_refuse(&put->placement, place);
	for (unsigned i = share; i < put->placement.shares; i++)
		if (put->to[i] == place)
			put->to[i] = PLACEMENT_NONE;
}

static bool is_first_there(const struct direct_put *put, unsigned share)
{
	for (unsigned i = 0; i < share; i++)
		if (put->to[i] == put->to[share])
			return false;
	return put->to[share] != PLACEMENT_NONE;
}

static void plan(struct direct_put *put)
{
	if (placement_plan(&put->placement, put->to) == 0) {
		put->given_up = placement_happiness(&put->placement) < put->direct->happy;
		clean_up(put);
		return;
	}
	put->step = write_all;
	for (unsigned share = 0; share < put->placement.shares; share++)
		if (is_first_there(put, share))
			allocate(put, share);
	if (put->waiting == 0)
		put->step(put);
}

/* ---- the beginning ---- */

bool direct_can_put(const struct direct *direct, const struct store_body *body)
{
	return body->shares && direct->lease_secret &&
	       direct->requests + body->shares->count <= DIRECT_REQUESTS_MAX;
}

/* Takes the servers that answer, in the order of the file's shares, twice as many as there are
 * shares at most. */
static unsigned take_servers(struct direct_put *put, const uint16_t *order)
{
	const struct direct *direct = put->direct;
	unsigned count = 0;
	for (size_t i = 0; i < direct->servers->count && count < 2 * put->body.shares->count; i++)
		if (direct->servers->server[order[i]].has_id &&
		    direct_server_answers(direct, order[i]))
			put->server[count++] = order[i];
	return count;
}

struct store_call *direct_put(struct direct *direct, const struct store_body *body,
			      struct store_then then, struct err *err)
{
	const unsigned count = body->shares->count;
	uint16_t *order = calloc(direct->servers->count, sizeof *order);
	struct direct_put *put = calloc(1, sizeof *put + count * sizeof put->request[0]);
	if (!order || !put || !cap_storage_index(&body->shares->cap, put->index)) {
		free(order);
		free(put);
		err_set(err, FAULT_NOMEM, "no memory for an upload");
		return NULL;
	}
	put->direct = direct;
	put->then = then;
	put->health = health_begin(direct->health, direct->base.gateway, HEALTH_STORING);
	put->body = *body;
	servers_order(direct->servers, put->index, order);
	placement_init(&put->placement, count, take_servers(put, order));
	free(order);
	placement_init(&put->half, count, put->placement.servers);
	for (unsigned i = 0; i < count; i++)
		put->request[i].put = put;
	put->back = &direct->puts;
	put->next = direct->puts;
	if (put->next)
		put->next->back = &put->next;
	direct->puts = put;
	put->fresh = true;
	direct->resuming = true;
	return (struct store_call *)put;
}

void direct_begin_puts(struct direct *direct)
{
	struct direct_put *put = direct->puts;
	while (put) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): what ended has left the list */
		if (!put->fresh) {
			put = put->next;
			continue;
		}
		put->fresh = false;
		plan(put);
		put = direct->puts;
	}
}
