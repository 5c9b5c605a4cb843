#include "direct/direct_check.h"
#include "direct/direct_list.h"
#include "direct/direct_mutable.h"
#include "direct/direct_publish.h"
#include "direct/direct_put.h"

#include "base/secret.h"

static void go_on(struct direct_call *call, enum direct_next next);

static struct direct *to_direct(struct store *store) { return (struct direct *)store; }

void direct_tell(const struct direct *direct, const struct err *why)
{
	if (direct->told && why && why->text[0])
		direct->told(direct->told_context, why);
}

/* ---- calls ---- */

/* Ends the call: everything was delivered, or `err` says why not. */
static void end_call(struct direct_call *call, const struct err *err)
{
	struct store_reply reply = {
		.fault = err ? err->fault : FAULT_NONE,
		.err = err ? *err : (struct err){ 0 },
		.answered = !err,
		.received = call->at - call->offset,
		.proven = !err,
	};
	if (!err && !call->alone) {
		health_well(call->own.direct->health, &call->own.health);
		const struct health_canary canary = { call->cap, call->offset };
		health_keep_canary(call->own.direct->health, &canary);
	}
	direct_own_end(&call->own, &reply);
}

/* ---- one damaged share of many ---- */

static void damage_found(void *context, const struct store_reply *reply)
{
	struct direct_call *call = context;
	const struct store_damage *damage = &reply->health.damage;
	call->damage_check = NULL;
	if (reply->fault || damage->count == 0 || !reply->health.recoverable) {
		end_call(call, &call->failed);
		return;
	}
	call->damage = *damage;
	call->given_up = false;
	call->searches = 0;
	go_on(call, DIRECT_AGAIN);
}

/* Has all shares checked, where one of those used was no good: the call, which would end with
 * `err`, goes on without what is damaged.  False: there is nothing to be found. */
static bool look_for_damage(struct direct_call *call, const struct err *err)
{
	const struct store_check check = { .cap = &call->cap, .verify = true };
	struct err failed;
	if (!call->doubted || call->looked || call->cap.total == 1 || !call->shares)
		return false;
	call->looked = true;
	call->failed = *err;
	direct_pardon(call);
	call->damage_check = direct_check(call->own.direct, &check,
					  (struct store_then){ damage_found, call }, &failed);
	if (call->damage_check)
		((struct direct_own *)call->damage_check)->inner = true;
	return call->damage_check;
}

/* The gateway has ended the call: its bytes come behind those delivered here. */
static void gateway_done(void *context, const struct store_reply *rest)
{
	struct direct_call *call = context;
	struct store_reply reply = *rest;
	call->own.gateway = NULL;
	if (rest->fault == FAULT_UNAVAILABLE && rest->received == 0 &&
	    look_for_damage(call, &rest->err))
		return;
	reply.received += call->at - call->offset;
	direct_own_end(&call->own, &reply);
}

/* Ends the attempt; the gateway brings what is missing.  A call that is still starting is left to
 * direct_get, which has not handed it out yet. */
static void give_up(struct direct_call *call)
{
	struct direct *direct = call->own.direct;
	struct err err;
	direct_cancel_requests(call);
	direct_shares_forget(direct, call->shares);
	call->given_up = true;
	if (call->starting)
		return;
	if (call->alone) {
		err_set(&err, FAULT_RETRY, DIRECT_NO_SHARES);
		if (!look_for_damage(call, &err))
			end_call(call, &err);
		return;
	}
	const struct store_get rest = {
		.cap = &call->cap,
		.offset = call->at,
		.length = call->whole && call->at == 0 ? UINT64_MAX : call->end - call->at,
		.sink = call->sink,
		.context = call->sink_context,
		.hurried = call->hurried,
	};
	call->own.gateway = store_get(direct->base.behind, &rest,
				      (struct store_then){ gateway_done, call }, &err);
	if (!call->own.gateway)
		end_call(call, &err);
}

/* ---- the contract: what is read here ---- */

/* Goes from step to step until one waits for its requests or the call is over. */
static void go_on(struct direct_call *call, enum direct_next next)
{
	struct err err;
	for (;;) {
		switch (next) {
		case DIRECT_WAIT:
			return;
		case DIRECT_AGAIN:
			next = direct_again(call);
			break;
		case DIRECT_GUESS:
			next = direct_guess(call) ? DIRECT_OPEN : DIRECT_GIVE_UP;
			break;
		case DIRECT_MEND:
			next = direct_mend(call);
			break;
		case DIRECT_OPEN:
			next = direct_open_shares(call);
			break;
		case DIRECT_READ:
			next = direct_read(call);
			break;
		case DIRECT_DELIVER:
			next = direct_deliver(call);
			break;
		case DIRECT_END:
			end_call(call, NULL);
			return;
		case DIRECT_REFUSED:
			err_set(&err, FAULT_CANCELLED, "the bytes were refused");
			end_call(call, &err);
			return;
		case DIRECT_GIVE_UP:
			give_up(call);
			return;
		}
	}
}

/* The requests of a step have ended, or one has failed. */
static void woken(struct direct_call *call, bool failed)
{
	go_on(call, failed ? call->otherwise : call->step(call));
}

static struct direct_call *to_call(struct direct_own *own) { return (struct direct_call *)own; }

static void move_call(struct direct_own *own)
{
	to_call(own)->paused = false;
	go_on(to_call(own), DIRECT_DELIVER);
}

static void pause_call(struct direct_own *own)
{
	to_call(own)->paused = true;
	own->due = false;
}

static void resume_call(struct direct_own *own)
{
	struct direct_call *call = to_call(own);
	if (call->damage_check || call->waiting > 0)
		call->paused = false; /* what comes is delivered */
	else if (call->paused)
		direct_own_due(own);
}

static void fini_call(struct direct_own *own)
{
	struct direct_call *call = to_call(own);
	if (call->damage_check)
		store_cancel(&own->direct->base, call->damage_check);
	direct_cancel_requests(call);
	direct_shares_unref(call->shares);
	free(call->order);
	free(call->request);
	free(call->buffer);
	free(call->segment);
}

static const struct direct_kind call_kind = {
	.size = sizeof(struct direct_call),
	.move = move_call,
	.pause = pause_call,
	.resume = resume_call,
	.fini = fini_call,
};

static struct direct_call *new_call(struct direct *direct, const struct store_get *get,
				    struct store_then then)
{
	const struct cap *cap = get->cap;
	struct direct_call *call = calloc(1, sizeof *call);
	if (!call)
		return NULL;
	*call = (struct direct_call){
		.own = {
			.kind = &call_kind,
			.direct = direct,
			.then = then,
			.health = health_begin(direct->health, direct->base.gateway,
					       HEALTH_READING),
		},
		.cap = *cap,
		.offset = get->offset,
		.at = get->offset,
		.whole = get->length == UINT64_MAX,
		.hurried = get->hurried,
		.damage = get->damage ? *get->damage : (struct store_damage){ 0 },
		.sink = get->sink,
		.sink_context = get->context,
		.woken = woken,
		.shares = get->damage ? NULL : direct_shares_recall(direct, cap),
		.request = calloc(cap->needed, sizeof *call->request),
	};
	call->end = call->whole ? cap->size : get->offset + get->length;
	if (call->request)
		return call;
	direct_own_free(&call->own);
	return NULL;
}

/* Whether it is a range of an immutable file.  What the gateway would refuse is left to it. */
static bool is_ours(const struct store_get *get)
{
	const struct cap *cap = get->cap;
	if (cap->kind != CAP_CHK || cap->size == 0)
		return false;
	if (get->length == UINT64_MAX)
		return get->offset == 0;
	return get->offset < cap->size && get->length > 0 && get->length <= cap->size - get->offset;
}

/* Begins to read here what can be read here.  NULL: a call that gives up before it was handed out
 * is the gateway's from the start. */
static struct store_call *begin_call(struct direct *direct, const struct store_get *get,
				     struct store_then then, bool alone)
{
	struct direct_call *call = is_ours(get) ? new_call(direct, get, then) : NULL;
	if (!call)
		return NULL;
	call->alone = call->own.inner = alone;
	call->starting = true;
	go_on(call, call->shares ? DIRECT_READ : direct_search(call));
	call->starting = false;
	if (call->given_up) {
		direct_own_free(&call->own);
		return NULL;
	}
	return direct_own_add(&call->own);
}

static struct store_call *direct_get(struct store *store, const struct store_get *get,
				     struct store_then then, struct err *err)
{
	struct direct *direct = to_direct(store);
	struct store_call *call = direct_can_read_mutable(get)
					  ? direct_read_mutable(direct, get, then)
					  : begin_call(direct, get, then, false);
	return call ? call : store_get(direct->base.behind, get, then, err);
}

struct store_call *direct_read_alone(struct direct *direct, const struct store_get *get,
				     struct store_then then)
{
	return begin_call(direct, get, then, true);
}

static struct store_call *put_here(struct store *store, const struct store_body *body,
				   struct store_then then, struct err *err)
{
	struct direct *direct = to_direct(store);
	return direct_can_put(direct, body) ? direct_put(direct, body, then, err)
					    : store_put(direct->base.behind, body, then, err);
}

static struct store_call *list_here(struct store *store, const struct store_list *list,
				    struct store_then then, struct err *err)
{
	struct direct *direct = to_direct(store);
	struct store_call *call = direct_can_list(list) ? direct_list(direct, list, then) : NULL;
	return call ? call : store_list(direct->base.behind, list, then, err);
}

static struct store_call *check_here(struct store *store, const struct store_check *wanted,
				     struct store_then then, struct err *err)
{
	struct direct *direct = to_direct(store);
	return direct_can_check(direct, wanted)
		       ? direct_check(direct, wanted, then, err)
		       : store_check(direct->base.behind, wanted, then, err);
}

static struct store_call *make_here(struct store *store, const struct store_directory *directory,
				    const struct store_body *body, struct store_then then,
				    struct err *err)
{
	struct direct *direct = to_direct(store);
	return direct_can_publish(direct, directory)
		       ? direct_publish(direct, directory, body, then, err)
		       : store_make_directory(direct->base.behind, directory, body, then, err);
}

static void direct_cancel(struct store *store, struct store_call *call)
{
	struct direct *direct = to_direct(store);
	struct direct_own *own = direct_own_find(direct, call);
	if (own)
		direct_own_cancel(own);
	else
		store_cancel(direct->base.behind, call);
}

static void direct_pause(struct store *store, struct store_call *call)
{
	struct direct *direct = to_direct(store);
	struct direct_own *own = direct_own_find(direct, call);
	if (own)
		direct_own_pause(own);
	else
		store_pause(direct->base.behind, call);
}

static void direct_resume(struct store *store, struct store_call *call)
{
	struct direct *direct = to_direct(store);
	struct direct_own *own = direct_own_find(direct, call);
	if (own)
		direct_own_resume(own);
	else
		store_resume(direct->base.behind, call);
}

static size_t direct_poll(struct store *store, uint32_t timeout_ms)
{
	struct direct *direct = to_direct(store);
	direct_watch_puts(direct);
	const bool resumes = direct->resuming;
	if (resumes) {
		direct->resuming = false;
		direct_own_move_all(direct);
	}
	return store_poll(direct->base.behind, resumes ? 0 : timeout_ms);
}

static void close_direct(struct store *store)
{
	struct direct *direct = to_direct(store);
	direct_own_cancel_all(direct);
	for (size_t i = 0; i < DIRECT_RECENT; i++)
		direct_shares_unref(direct->recent[i]);
	store_close(direct->base.behind);
	for (size_t i = 0; direct->server && i < direct->servers->count; i++)
		http_peer_free(direct->server[i].peer);
	chk_cipher_fini(&direct->cipher);
	free(direct->server);
	free(direct);
}

/* The gateway does the rest.  Servers are asked by its client, so its poll moves everything. */
static const struct store_backend direct_backend = {
	.put = put_here,
	.get = direct_get,
	.make_directory = make_here,
	.list = list_here,
	.check = check_here,
	.poll = direct_poll,
	.pause = direct_pause,
	.resume = direct_resume,
	.cancel = direct_cancel,
	.close = close_direct,
};

/* ---- opening ---- */

/* A server whose URL makes no sense is left out. */
static enum fault make_peers(struct direct *direct, struct err *err)
{
	const size_t count = direct->servers->count;
	const unsigned connections =
		(unsigned)max_u64(DIRECT_CONNECTIONS_LEAST, DIRECT_CONNECTIONS / max_u64(count, 1));
	for (size_t i = 0; i < count; i++) {
		const struct server *server = &direct->servers->server[i];
		const struct http_peer_options options = {
			.url = server->url,
			.pin = server->pin,
			.authorization = server->authorization,
			.accept = "application/cbor",
			.connections = connections,
		};
		if (http_peer_new(&options, &direct->server[i].peer, err) == FAULT_NOMEM)
			return FAULT_NOMEM;
	}
	return FAULT_NONE;
}

enum fault direct_open(const struct direct_options *options, struct store **store, struct err *err)
{
	const struct servers *servers = options->servers;
	struct direct *direct = calloc(1, sizeof *direct);
	if (!direct)
		return err_set(err, FAULT_NOMEM, "no memory for a store");
	direct->base.backend = &direct_backend;
	direct->base.gateway = options->gateway->number;
	direct->health = options->gateway->health;
	direct->servers = servers;
	direct->habits = options->habits;
	direct->told = options->told;
	direct->told_context = options->told_context;
	direct->floor = (struct http_floor){
		.grace_ms = DIRECT_GRACE_MS,
		.bps = DIRECT_RATE_LEAST,
	};
	direct->queue_end = &direct->queue;
	direct->lease_secret = options->lease_secret;
	direct->happy = options->happy;
	direct->needed = options->needed ? options->needed : 3;
	direct->server = calloc(servers->count, sizeof *direct->server);
	enum fault fault = direct->server
				   ? gateway_open(options->gateway, &direct->base.behind, err)
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
