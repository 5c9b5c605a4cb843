#include "direct/direct_put_parts.h"

#include "base/secret.h"
#include "direct/required.h"
#include "queue/core/thread.h"

enum { FULL_MS = 300000 /* a server without room is not asked for as much again */ };

/* ---- ends ---- */

static void ask_gateway(struct direct_put *put)
{
	struct err err;
	struct store_call *gateway = store_put(put->own.direct->base.behind, &put->body,
					       direct_own_then(&put->own), &err);
	direct_own_leave(&put->own, gateway, &err);
}

static void succeed(struct direct_put *put)
{
	const struct store_reply reply = {
		.answered = true,
		.proven = !cap_is_literal(&put->cap), /* that is as easily judged */
		.cap = put->cap,
	};
	health_well(put->own.direct->health, &put->own.health);
	direct_own_end(&put->own, &reply);
}

/* The body is not to be had: nobody can put it. */
static void fail(struct direct_put *put)
{
	const struct store_reply reply = { .fault = put->local.fault, .err = put->local };
	direct_own_end(&put->own, &reply);
}

/* ---- the end: nothing half-made stays ---- */

static void on_aborted(void *context, const struct http_reply *reply)
{
	struct direct_put *put = put_answered(context, reply);
	struct direct *direct = put->own.direct;
	if (put->waiting == 0)
		put->step(put);
	put_ask_queued(direct);
}

/* Asks a server to forget a share that may be half-made. */
static void abort_share(struct direct_put *put, unsigned place, unsigned share)
{
	const struct put_question question = {
		.method = HTTP_PUT,
		.place = place,
		.share = share,
		.aborts = true,
		.done = on_aborted,
	};
	placement_lose(&put->half, place, share);
	put_ask(&put->request[put->waiting], &question);
}

/* As many at a time as there are shares; then the put is over, or the gateway's. */
void put_finish(struct direct_put *put)
{
	const struct placement *half = &put->half;
	put->step = put_finish;
	for (unsigned place = 0; place < half->servers; place++)
		for (unsigned share = 0; share < half->shares; share++)
			if (put->waiting < half->shares && placement_has(half, place, share))
				abort_share(put, place, share);
	if (put->waiting > 0)
		return;
	if (put->local.fault)
		fail(put);
	else if (put->given_up)
		ask_gateway(put);
	else
		succeed(put);
}

/* ---- places ---- */

bool put_is_spread(const struct direct_put *put, const struct placement *placement)
{
	return placement_placed(placement) >= put->cap.needed &&
	       placement_happiness(placement) >= put->own.direct->happy;
}

static void refuse(struct direct_put *put, unsigned place)
{
	placement_refuse(&put->expected, place);
}

void put_lose(struct direct_put *put, unsigned share)
{
	placement_lose(&put->expected, put->at[share], share);
	refuse(put, put->at[share]);
	put->at[share] = PLACEMENT_NONE;
	put->lost = true;
}

/* A share may be written at a server that has `has` bytes of it. */
static void place_share(struct direct_put *put, unsigned share, uint64_t has)
{
	if (put->at[share] != PLACEMENT_NONE) /* here it makes one more server useful */
		placement_lose(&put->expected, put->at[share], share);
	put->at[share] = put->to[share];
	put->has[share] = has;
	placement_hold(&put->expected, put->at[share], share);
}

/* Notes that a server has a share. */
static void find_share(struct direct_put *put, unsigned place, unsigned share)
{
	placement_hold(&put->complete, place, share);
	placement_hold(&put->expected, place, share);
}

/* ---- what may be half-made from before ---- */

/* Notes that a server had no room for a share. */
static void note_full(struct direct_put *put, unsigned place)
{
	struct direct_server *server = put_server(put, place);
	const uint64_t now_ms = clock_ms();
	if (server->full_until_ms <= now_ms || put->share_size < server->full_size)
		server->full_size = put->share_size;
	server->full_until_ms = now_ms + FULL_MS;
}

static bool is_full(const struct direct_put *put, unsigned place)
{
	const struct direct_server *server = put_server(put, place);
	return server->full_until_ms > clock_ms() && put->share_size >= server->full_size;
}

static void on_looked(void *context, const struct http_reply *reply)
{
	struct put_request *request = context;
	const unsigned share = request->question.share, place = request->question.place;
	struct direct_put *put = put_answered(request, reply);
	struct direct *direct = put->own.direct;
	uint64_t first = 0;
	struct err err;
	const bool ours = !reply->fault && reply->status != PUT_CREATED &&
			  !required_read(reply->body, reply->body_size, &first, &err);
	if (ours) {
		placement_hold(&put->half, place, share);
		place_share(put, share, min_u64(first, put->share_size - 1));
	} else {
		if (!reply->fault && reply->status != PUT_CREATED)
			direct_judge_server(direct, put->server[place], FAULT_CORRUPT, false);
		if (reply->status == PUT_NOT_THERE)
			note_full(put, place);
		refuse(put, place);
	}
	if (put->waiting == 0)
		put->step(put);
	put_ask_queued(direct);
}

/* Writes the first bytes of a share: the answer says what is there of it. */
static void look_at(struct direct_put *put, unsigned share)
{
	const struct chk_shares *shares = put->body.shares;
	const struct put_question question = {
		.method = HTTP_PATCH,
		.place = put->to[share],
		.share = share,
		.data = shares ? shares->data + share * put->share_size : put->header,
		.size = put->header_size,
		.done = on_looked,
	};
	put_ask(&put->request[share], &question);
}

/* Looks at the shares that their servers neither have nor give room for. */
static void look_for_halves(struct direct_put *put)
{
	put->step = put_plan;
	for (unsigned share = 0; share < put_count(put); share++)
		if (put->to[share] != PLACEMENT_NONE && !put->room[share])
			look_at(put, share);
	if (put->waiting == 0)
		put_plan(put);
}

/* ---- asking for room ---- */

/* Takes a server's answer: what it has counts, asked for or not. */
static void take_answer(struct direct_put *put, unsigned place, const struct allocation *allocation)
{
	for (unsigned share = 0; share < put_count(put); share++) {
		if (put->to[share] == place && allocation->allocated[share]) {
			put->room[share] = true;
			placement_hold(&put->half, place, share);
			place_share(put, share, 0);
		} else if (allocation->has[share]) {
			find_share(put, place, share);
			if (put->to[share] == place)
				put->to[share] = PLACEMENT_NONE;
		}
	}
}

/* Asks a server for none of the shares that it was to get. */
static void pass_over(struct direct_put *put, unsigned place)
{
	for (unsigned share = 0; share < put_count(put); share++)
		if (put->to[share] == place)
			put->to[share] = PLACEMENT_NONE;
	refuse(put, place);
}

static void on_allocated(void *context, const struct http_reply *reply)
{
	struct put_request *request = context;
	const unsigned place = request->question.place;
	struct direct_put *put = put_answered(request, reply);
	struct direct *direct = put->own.direct;
	struct allocation allocation = { 0 };
	struct err err;
	const bool bad =
		!reply->fault && allocation_read(reply->body, reply->body_size, &allocation, &err);
	if (bad)
		direct_judge_server(direct, put->server[place], FAULT_CORRUPT, false);
	if (reply->fault || bad)
		pass_over(put, place);
	else
		take_answer(put, place, &allocation);
	if (put->waiting == 0)
		put->step(put);
	put_ask_queued(direct);
}

/* Asks the server of `share` for all that it is to get. */
static void allocate(struct direct_put *put, unsigned share)
{
	const unsigned place = put->to[share];
	struct put_request *request = &put->request[share];
	bool wanted[SHARE_NUMBERS_MAX] = { false };
	for (unsigned i = share; i < put_count(put); i++)
		wanted[i] = put->to[i] == place;
	const struct put_question question = {
		.method = HTTP_POST,
		.place = place,
		.allocates = true,
		.data = request->body,
		.size = allocation_write(wanted, put->share_size, request->body),
		.done = on_allocated,
	};
	put_ask(request, &question);
}

static bool is_first_there(const struct direct_put *put, unsigned share)
{
	for (unsigned i = 0; i < share; i++)
		if (put->to[i] == put->to[share])
			return false;
	return put->to[share] != PLACEMENT_NONE;
}

static bool has_to_write(const struct direct_put *put)
{
	for (unsigned share = 0; share < put_count(put); share++)
		if (put->at[share] != PLACEMENT_NONE)
			return true;
	return false;
}

void put_plan(struct direct_put *put)
{
	if (placement_plan(&put->expected, put->to) > 0) {
		put->step = look_for_halves;
		memset(put->room, 0, sizeof put->room);
		for (unsigned share = 0; share < put_count(put); share++)
			if (is_first_there(put, share))
				allocate(put, share);
		return;
	}
	put->given_up = !put_is_spread(put, &put->expected);
	if (!put->given_up && (has_to_write(put) || put->body.feed))
		put_write(put);
	else
		put_finish(put);
}

/* ---- the beginning ---- */

/* No server hears of what is all in its cap. */
static bool is_literal(const struct store_body *body)
{
	return body->size <= LITERAL_SIZE_MAX && (body->data || body->size == 0);
}

bool direct_can_put(const struct direct *direct, const struct store_body *body)
{
	return (body->shares || body->feed || is_literal(body)) && direct->lease_secret;
}

/* Takes the servers that answer, in the order of the file's shares, twice as many as there are
 * shares at most. */
static unsigned take_servers(struct direct_put *put, unsigned shares, const uint16_t *order)
{
	const struct direct *direct = put->own.direct;
	unsigned count = 0;
	for (size_t i = 0; i < direct->servers->count && count < 2 * shares; i++)
		if (direct->servers->server[order[i]].has_id &&
		    direct_server_answers(direct, order[i]))
			put->server[count++] = order[i];
	return count;
}

static enum fault describe_shares(struct direct_put *put, struct err *err)
{
	const struct store_body *body = &put->body;
	struct chk_layout layout;
	put->header_size = LITERAL_SIZE_MAX; /* of no share is that all */
	if (body->shares) {
		put->cap = body->shares->cap;
		put->share_size = body->shares->share_size;
	} else {
		put->cap = body->feed->cap;
		if (chk_layout_of(body->feed->params, body->size, &layout, err))
			return err->fault;
		put->share_size = layout.share_size;
		put->header_size = chk_header_write(&layout, body->feed->params->k, put->header);
	}
	return cap_storage_index(&put->cap, put->index)
		       ? FAULT_NONE
		       : err_set(err, FAULT_USAGE, "a cap without a storage index");
}

/* Notes what servers have that is no good. */
static void note_damage(struct direct_put *put, const struct store_damage *damage)
{
	for (unsigned i = 0; damage && i < damage->count; i++)
		for (unsigned place = 0; place < put->expected.servers; place++)
			if (put->server[place] == damage->at[i].server) {
				placement_spoil(&put->expected, place, damage->at[i].share);
				placement_spoil(&put->complete, place, damage->at[i].share);
			}
}

static enum fault find_places(struct direct_put *put, unsigned shares, struct err *err)
{
	const struct direct *direct = put->own.direct;
	uint16_t *order = calloc(direct->servers->count, sizeof *order);
	if (!order)
		return err_set(err, FAULT_NOMEM, "no memory for an upload");
	servers_order(direct->servers, put->index, order);
	const unsigned servers = take_servers(put, shares, order);
	free(order);
	placement_init(&put->complete, shares, servers);
	placement_init(&put->expected, shares, servers);
	placement_init(&put->half, shares, servers);
	note_damage(put, put->body.damage);
	for (unsigned place = 0; place < servers; place++)
		if (is_full(put, place))
			refuse(put, place);
	for (unsigned share = 0; share < shares; share++) {
		put->at[share] = PLACEMENT_NONE;
		put->request[share].put = put;
	}
	return FAULT_NONE;
}

static struct direct_put *to_put(struct direct_own *own) { return (struct direct_put *)own; }

static void move_put(struct direct_own *own)
{
	struct direct_put *put = to_put(own);
	struct direct *direct = own->direct;
	if (cap_is_literal(&put->cap)) {
		succeed(put);
	} else if (put->begun) {
		put_write_on(put);
	} else {
		put->begun = true;
		put_plan(put);
	}
	put_ask_queued(direct);
}

static void fini_put(struct direct_own *own) { put_drop_all(to_put(own)); }

/* Its body has more, where that was waited for. */
static const struct direct_kind put_kind = {
	.size = sizeof(struct direct_put),
	.move = move_put,
	.resume = direct_own_due,
	.fini = fini_put,
};

struct store_call *direct_put(struct direct *direct, const struct store_body *body,
			      struct store_then then, struct err *err)
{
	const bool literal = is_literal(body);
	const unsigned count = literal        ? 0
			       : body->shares ? body->shares->count
					      : body->feed->params->n;
	struct direct_put *put = calloc(1, sizeof *put + count * sizeof put->request[0]);
	if (!put) {
		err_set(err, FAULT_NOMEM, "no memory for an upload");
		return NULL;
	}
	put->own = (struct direct_own){
		.kind = &put_kind,
		.direct = direct,
		.then = then,
		.health = health_begin(direct->health, direct->base.gateway,
				       literal ? HEALTH_NOTHING : HEALTH_STORING),
	};
	put->body = *body;
	if (literal)
		chk_literal(body->data, (size_t)body->size, &put->cap);
	else if (describe_shares(put, err) || find_places(put, count, err)) {
		direct_own_free(&put->own);
		return NULL;
	}
	direct_own_due(&put->own);
	return direct_own_add(&put->own);
}

void direct_watch_puts(struct direct *direct)
{
	const uint64_t now_ms = clock_ms();
	if (now_ms - direct->watched_ms < DIRECT_WATCH_MS)
		return;
	direct->watched_ms = now_ms;
	for (struct direct_own *own = direct->own; own; own = own->next)
		if (own->kind == &put_kind && !own->gateway)
			put_watch(to_put(own));
}
