#include "direct/direct_call.h"

#include "base/secret.h"
#include "queue/core/thread.h"

static struct direct *to_direct(struct store *store) { return (struct direct *)store; }

/* ---- shares that are remembered ---- */

static void unref(struct direct_shares *shares)
{
	if (!shares || --shares->refs > 0)
		return;
	chk_checker_free(shares->checker);
	erasure_free(shares->erasure);
	secret_wipe(shares, sizeof *shares);
	free(shares);
}

static bool all_answer(const struct direct *direct, const struct direct_shares *shares)
{
	for (unsigned i = 0; i < shares->found; i++)
		if (!direct_server_answers(direct, shares->server[i]))
			return false;
	return true;
}

static struct direct_shares *recall(const struct direct *direct, const struct cap *cap)
{
	for (size_t i = 0; i < DIRECT_RECENT; i++) {
		struct direct_shares *shares = direct->recent[i];
		if (shares && cap_equal(&shares->cap, cap) && all_answer(direct, shares)) {
			shares->refs++;
			return shares;
		}
	}
	return NULL;
}

void direct_remember(struct direct *direct, struct direct_shares *shares)
{
	struct direct_shares **slot = &direct->recent[direct->oldest++ % DIRECT_RECENT];
	unref(*slot);
	*slot = shares;
	shares->refs++;
}

/* What two calls have found for one file goes together. */
static void forget(struct direct *direct, const struct direct_shares *shares)
{
	for (size_t i = 0; i < DIRECT_RECENT; i++) {
		if (!shares || !direct->recent[i] ||
		    !cap_equal(&direct->recent[i]->cap, &shares->cap))
			continue;
		unref(direct->recent[i]);
		direct->recent[i] = NULL;
	}
}

/* ---- calls ---- */

static void free_call(struct direct_call *call)
{
	if (call->back) {
		*call->back = call->next;
		if (call->next)
			call->next->back = call->back;
	}
	direct_cancel_requests(call);
	unref(call->shares);
	free(call->order);
	free(call->request);
	free(call->buffer);
	free(call->segment);
	secret_wipe(call, sizeof *call);
	free(call);
}

void direct_end(struct direct_call *call, const struct err *err)
{
	struct store_reply reply = {
		.fault = err ? err->fault : FAULT_NONE,
		.err = err ? *err : (struct err){ 0 },
		.answered = !err,
		.received = call->at - call->offset,
		.proven = !err,
	};
	call->then.done(call->then.context, &reply);
	free_call(call);
}

static void gateway_done(void *context, const struct store_reply *rest)
{
	struct direct_call *call = context;
	struct store_reply reply = *rest;
	call->gateway = NULL;
	reply.received += call->at - call->offset;
	call->then.done(call->then.context, &reply);
	free_call(call);
}

void direct_give_up(struct direct_call *call)
{
	struct direct *direct = call->direct;
	struct err err;
	direct_cancel_requests(call);
	forget(direct, call->shares);
	call->given_up = true;
	if (call->starting)
		return;
	const struct store_get rest = {
		.cap = &call->cap,
		.offset = call->at,
		.length = call->whole && call->at == 0 ? UINT64_MAX : call->end - call->at,
		.sink = call->sink,
		.context = call->sink_context,
	};
	call->gateway = store_get(direct->base.behind, &rest,
				  (struct store_then){ gateway_done, call }, &err);
	if (!call->gateway)
		direct_end(call, &err);
}

void direct_judge_server(struct direct *direct, unsigned server, enum fault fault)
{
	struct direct_server *judged = &direct->server[server];
	uint64_t now_ms = clock_ms();
	/* What was asked before the server was found away tells nothing new. */
	if (judged->away_until_ms > now_ms || fault == FAULT_NOMEM)
		return;
	if (fault == FAULT_NONE || fault == FAULT_NOT_FOUND) {
		judged->failures = 0;
		return;
	}
	judged->away_until_ms = now_ms + ((uint64_t)DIRECT_AWAY_MS << judged->failures);
	if (judged->failures < DIRECT_AWAY_TIMES)
		judged->failures++;
}

/* One bad share tells nothing of others: disks fail in places. */
void direct_doubt(struct direct_call *call)
{
	const struct direct_shares *shares = call->shares;
	for (unsigned i = 0; i < shares->found; i++) {
		struct direct_server *server = &call->direct->server[shares->server[i]];
		if (++server->doubts < DIRECT_DOUBTS_MAX)
			continue;
		server->doubts = 0;
		direct_judge_server(call->direct, shares->server[i], FAULT_CORRUPT);
	}
}

void direct_trust(struct direct_call *call)
{
	const struct direct_shares *shares = call->shares;
	for (unsigned i = 0; i < shares->found; i++)
		call->direct->server[shares->server[i]].doubts = 0;
}

bool direct_server_answers(const struct direct *direct, unsigned server)
{
	return direct->server[server].peer && direct->server[server].away_until_ms <= clock_ms();
}

/* ---- the contract: what is read here ---- */

static struct direct_call *new_call(struct direct *direct, const struct store_get *get,
				    struct store_then then)
{
	const struct cap *cap = get->cap;
	struct direct_call *call = calloc(1, sizeof *call);
	if (!call)
		return NULL;
	*call = (struct direct_call){
		.direct = direct,
		.then = then,
		.cap = *cap,
		.offset = get->offset,
		.at = get->offset,
		.whole = get->length == UINT64_MAX,
		.sink = get->sink,
		.sink_context = get->context,
		.shares = recall(direct, cap),
		.request = calloc(cap->needed, sizeof *call->request),
	};
	call->end = call->whole ? cap->size : get->offset + get->length;
	if (call->request)
		return call;
	free_call(call);
	return NULL;
}

static bool is_ours(const struct store_get *get)
{
	const struct cap *cap = get->cap;
	if (cap->kind != CAP_CHK || cap->size == 0)
		return false;
	if (get->length == UINT64_MAX)
		return get->offset == 0;
	return get->offset < cap->size && get->length > 0 && get->length <= cap->size - get->offset;
}

static struct store_call *get(struct store *store, const struct store_get *get,
			      struct store_then then, struct err *err)
{
	struct direct *direct = to_direct(store);
	bool ours = is_ours(get) && direct->requests + get->cap->needed <= DIRECT_REQUESTS_MAX;
	struct direct_call *call = ours ? new_call(direct, get, then) : NULL;
	if (!call)
		return store_get(direct->base.behind, get, then, err);
	call->starting = true;
	if (call->shares)
		direct_read_on(call);
	else
		direct_search(call);
	call->starting = false;
	if (call->given_up) {
		free_call(call);
		return store_get(direct->base.behind, get, then, err);
	}
	call->back = &direct->in_flight;
	call->next = direct->in_flight;
	if (call->next)
		call->next->back = &call->next;
	direct->in_flight = call;
	return (struct store_call *)call;
}

static void cancel_own(struct direct_call *call)
{
	if (call->gateway)
		store_cancel(call->direct->base.behind, call->gateway);
	free_call(call);
}

static void cancel(struct store *store, struct store_call *call)
{
	struct direct *direct = to_direct(store);
	for (struct direct_call *own = direct->in_flight; own; own = own->next) {
		if ((struct store_call *)own != call)
			continue;
		cancel_own(own);
		return;
	}
	store_cancel(direct->base.behind, call);
}

static void close_direct(struct store *store)
{
	struct direct *direct = to_direct(store);
	for (struct direct_call *call = direct->in_flight, *next; call; call = next) {
		next = call->next;
		cancel_own(call);
	}
	for (size_t i = 0; i < DIRECT_RECENT; i++)
		unref(direct->recent[i]);
	store_close(direct->base.behind);
	for (size_t i = 0; direct->server && i < direct->servers->count; i++)
		http_peer_free(direct->server[i].peer);
	chk_cipher_fini(&direct->cipher);
	free(direct->server);
	free(direct);
}

/* The gateway does the rest.  Servers are asked by its client, so its poll moves everything. */
static const struct store_backend backend = {
	.get = get,
	.cancel = cancel,
	.close = close_direct,
};

/* ---- opening ---- */

/* A server whose URL makes no sense is left out. */
static enum fault make_peers(struct direct *direct, struct err *err)
{
	for (size_t i = 0; i < direct->servers->count; i++) {
		const struct server *server = &direct->servers->server[i];
		const struct http_peer_options options = {
			.url = server->url,
			.pin = server->pin,
			.authorization = server->authorization,
			.accept = "application/cbor",
		};
		if (http_peer_new(&options, &direct->server[i].peer, err) == FAULT_NOMEM)
			return FAULT_NOMEM;
	}
	return FAULT_NONE;
}

enum fault direct_open(const struct gateway_options *gateway, const struct servers *servers,
		       struct store **store, struct err *err)
{
	struct direct *direct = calloc(1, sizeof *direct);
	if (!direct)
		return err_set(err, FAULT_NOMEM, "no memory for a store");
	direct->base.backend = &backend;
	direct->base.gateway = gateway->number;
	direct->servers = servers;
	direct->server = calloc(servers->count, sizeof *direct->server);
	enum fault fault = direct->server ? gateway_open(gateway, &direct->base.behind, err)
					  : err_set(err, FAULT_NOMEM, "no memory for a store");
	if (!fault)
		fault = chk_cipher_init(&direct->cipher, err);
	if (!fault)
		fault = make_peers(direct, err);
	if (fault)
		close_direct(&direct->base);
	else
		*store = &direct->base;
	return fault;
}
