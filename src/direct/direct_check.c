#include "direct/direct_check_parts.h"

#include "base/secret.h"
#include "direct/secret_line.h"
#include "queue/core/thread.h"
#include "tahoe/base32.h"

enum {
	CHECK_REPLY_MAX = 8192, /* bytes */
	CHECK_PATH_SIZE = 96,
	STATUS_NO_CONTENT = 204, /* the range is beyond the end */
	STATUS_OUT_OF_RANGE = 416,
};

/* ---- ends ---- */

/* Ends the check with what was found here. */
static void check_end(struct direct_check *check)
{
	const struct store_reply reply = { .answered = true, .health = check->result };
	health_well(check->own.direct->health, &check->own.health);
	direct_own_end(&check->own, &reply);
}

/* What nobody can reach was not found by the gateway either. */
static void check_gateway_done(void *context, const struct store_reply *reply)
{
	struct direct_check *check = context;
	check->own.gateway = NULL;
	if (reply->fault == FAULT_UNAVAILABLE)
		check_end(check);
	else
		direct_own_end(&check->own, reply);
}

static void check_ask_gateway(struct direct_check *check)
{
	struct err err;
	check->wanted.cap = &check->cap;
	check->own.gateway = store_check(check->own.direct->base.behind, &check->wanted,
					 (struct store_then){ check_gateway_done, check }, &err);
	if (!check->own.gateway)
		check_end(check);
}

/* ---- the count ---- */

static void check_count(struct direct_check *check)
{
	if (cap_is_literal(&check->cap))
		check->result = (struct store_health){
			.healthy = true,
			.recoverable = true,
			.literal = true,
		};
	else if (check_sum(check)) {
		check_ask_gateway(check);
		return;
	}
	check_end(check);
}

/* ---- requests ---- */

static void slot_go_on(struct check_slot *slot);

/* Notes that the request has ended, and what that says of its server. */
static void slot_ended(struct check_slot *slot, const struct http_reply *reply, enum fault fault)
{
	struct direct *direct = slot->check->own.direct;
	slot->http = NULL;
	direct_judge_server(direct, slot->server, fault, reply->err.slow);
	if (!fault)
		direct_learn(direct, reply->received, reply->took_ms);
}

static const char *kind_of(const struct direct_check *check)
{
	return check->is_mutable ? "mutable" : "immutable";
}

/* Starts `http` for `what`, below the kind or "lease" and the storage index. */
static bool slot_start(struct check_slot *slot, struct http_request *http, const char *kind,
		       const char *what)
{
	const struct direct_check *check = slot->check;
	struct direct *direct = check->own.direct;
	char path[CHECK_PATH_SIZE], index[2 * CAP_KEY_SIZE];
	struct err err;
	base32_encode(check->index, CAP_KEY_SIZE, index);
	snprintf(path, sizeof path, "storage/v1/%s/%s%s", kind, index, what);
	http->peer = direct->server[slot->server].peer;
	http->path = path;
	http->wait_ms = DIRECT_WAIT_MS;
	http->floor = &direct->floor;
	http->context = slot;
	slot->http = http_start(gateway_http(direct->base.behind), http, &err);
	return slot->http;
}

/* ---- which shares? ---- */

/* Which version a share is of stands in it. */
static bool reads_shares(const struct direct_check *check)
{
	return check->wanted.verify || check->is_mutable;
}

static void slot_take_numbers(struct check_slot *slot, const struct http_reply *reply)
{
	struct direct_check *check = slot->check;
	struct check_finding *finding = &check->finding[slot->server];
	struct err err;
	if (share_numbers_read(reply->body, reply->body_size, slot->found, &err)) {
		direct_judge_server(check->own.direct, slot->server, FAULT_RETRY, false);
		return;
	}
	finding->answered = true;
	slot->stage = STAGE_LEASE;
	for (unsigned i = 0; i < check_shares(check) && !reads_shares(check); i++)
		if (slot->found[i])
			share_set_add(&finding->good, i);
}

static void on_numbers(void *context, const struct http_reply *reply)
{
	struct check_slot *slot = context;
	slot_ended(slot, reply, reply->fault);
	if (!reply->fault)
		slot_take_numbers(slot, reply);
	if (slot->stage == STAGE_NUMBERS)
		slot->stage = STAGE_IDLE;
	slot_go_on(slot);
}

static bool slot_ask_numbers(struct check_slot *slot)
{
	struct http_request http = {
		.method = HTTP_GET,
		.reply_max = CHECK_REPLY_MAX,
		.done = on_numbers,
	};
	return slot_start(slot, &http, kind_of(slot->check), "/shares");
}

/* ---- the lease ---- */

/* A lease that the server did not take is one less, and no share less. */
static void on_lease(void *context, const struct http_reply *reply)
{
	struct check_slot *slot = context;
	slot_ended(slot, reply, reply->fault);
	if (reply->fault)
		slot->check->finding[slot->server].answered = false;
	slot_go_on(slot);
}

static bool has_any(const struct check_slot *slot)
{
	return memchr(slot->found, true, sizeof slot->found);
}

/* Returns false when there is nothing to be asked. */
static bool slot_ask_lease(struct check_slot *slot)
{
	const struct direct_check *check = slot->check;
	const struct direct *direct = check->own.direct;
	const struct server *server = &direct->servers->server[slot->server];
	char line[2][SECRET_LINE_SIZE];
	const char *header[2] = { line[0], line[1] };
	struct lease_secrets secrets;
	if (!check->wanted.add_lease || !server->has_id || !has_any(slot))
		return false;
	lease_secrets_of(direct->lease_secret, check->index, server->id, &secrets);
	secret_line(line[0], "lease-renew-secret", secrets.renew);
	secret_line(line[1], "lease-cancel-secret", secrets.cancel);
	struct http_request http = {
		.method = HTTP_PUT,
		.header = header,
		.header_count = ARRAY_COUNT(header),
		.reply_max = CHECK_REPLY_MAX,
		.done = on_lease,
	};
	bool started = slot_start(slot, &http, "lease", "");
	secret_wipe(&secrets, sizeof secrets);
	secret_wipe(line, sizeof line);
	return started;
}

/* ---- the shares ---- */

static bool on_piece(void *context, const void *data, size_t size)
{
	struct check_slot *slot = context;
	if (size > slot->asked - slot->got) {
		err_set(&slot->wrong, FAULT_RETRY, "the server sends more than was asked for");
		return false;
	}
	slot->got += size;
	return check_share_take(slot, data, size);
}

/* A piece that is shorter than it should be is the end of the share. */
static void on_piece_end(void *context, const struct http_reply *reply)
{
	struct check_slot *slot = context;
	bool ended = reply->status == STATUS_NO_CONTENT || reply->status == STATUS_OUT_OF_RANGE;
	bool ours = slot->wrong.fault || ended;
	slot_ended(slot, reply, ours ? FAULT_NONE : reply->fault);
	if (reply->fault && !ours)
		slot->wrong = reply->err;
	if (reply->fault == FAULT_CORRUPT && !ours) /* no answer to what was asked */
		slot->wrong.fault = FAULT_RETRY;
	slot->at += slot->got;
	ended = slot->got == 0 || check_share_left(slot) == 0;
	if (!slot->wrong.fault && ended)
		check_share_end(slot);
	if (slot->wrong.fault || ended)
		check_share_close(slot);
	slot_go_on(slot);
}

/* Asks for the next piece of the share at hand. */
static bool slot_ask_piece(struct check_slot *slot)
{
	char what[16];
	slot->asked = check_share_piece(slot);
	slot->got = 0;
	struct http_request http = {
		.method = HTTP_GET,
		.ranged = true,
		.offset = slot->at,
		.length = slot->asked,
		.sink = on_piece,
		.done = on_piece_end,
	};
	snprintf(what, sizeof what, "/%u", slot->share);
	return slot_start(slot, &http, kind_of(slot->check), what);
}

/* Goes on with the share at hand, or with the next one that the server has.  False: none. */
static bool slot_ask_share(struct check_slot *slot)
{
	const struct direct_check *check = slot->check;
	while (reads_shares(check) && slot->share < check_shares(check)) {
		if (!check_share_begun(slot)) {
			if (!slot->found[slot->share]) {
				slot->share++;
				continue;
			}
			check_share_begin(slot);
		}
		if (check_share_begun(slot) && slot_ask_piece(slot))
			return true;
		if (!slot->wrong.fault)
			err_set(&slot->wrong, FAULT_NOMEM, "no memory for a request");
		check_share_close(slot);
	}
	return false;
}

/* ---- from one to the next ---- */

/* Takes the next server that is to be asked.  One that is left alone just now is silent. */
static bool slot_take_server(struct check_slot *slot)
{
	struct direct_check *check = slot->check;
	const struct direct *direct = check->own.direct;
	while (check->begun < direct->servers->count && !cap_is_literal(&check->cap)) {
		slot->server = (unsigned)check->begun++;
		if (direct_server_answers(direct, slot->server))
			return true;
	}
	return false;
}

/* Has something asked by the slot.  False: there is nothing left for it. */
static bool slot_ask(struct check_slot *slot)
{
	for (;;) {
		switch (slot->stage) {
		case STAGE_IDLE:
			if (!slot_take_server(slot))
				return false;
			slot->stage = STAGE_NUMBERS;
			slot->share = 0;
			if (slot_ask_numbers(slot))
				return true;
			slot->stage = STAGE_IDLE;
			break;
		case STAGE_NUMBERS: /* in flight */
			return true;
		case STAGE_LEASE:
			slot->stage = STAGE_SHARE;
			if (slot_ask_lease(slot))
				return true;
			break;
		case STAGE_SHARE:
			if (slot_ask_share(slot))
				return true;
			slot->stage = STAGE_IDLE;
			break;
		}
	}
}

/* May end the check, and free it. */
static void slot_go_on(struct check_slot *slot)
{
	struct direct_check *check = slot->check;
	if (slot_ask(slot))
		return;
	for (unsigned i = 0; i < CHECK_SLOTS; i++)
		if (check->slot[i].http)
			return;
	check_count(check);
}

/* ---- the beginning ---- */

bool direct_can_check(const struct direct *direct, const struct store_check *wanted)
{
	const struct cap *cap = wanted->cap;
	const bool counts = cap_is_chk(cap) || (cap_is_mutable(cap) && !direct->servers->partial);
	return cap_is_literal(cap) ||
	       (counts && !wanted->repair && (direct->lease_secret || !wanted->add_lease));
}

/* Fills the slots; one that finds nothing to do is the last only where none is at work. */
static void move_check(struct direct_own *own)
{
	struct direct_check *check = (struct direct_check *)own;
	bool asks = true;
	for (unsigned i = 0; i < CHECK_SLOTS && asks; i++)
		asks = slot_ask(&check->slot[i]);
	if (!check->slot[0].http)
		check_count(check);
}

static void fini_check(struct direct_own *own)
{
	struct direct_check *check = (struct direct_check *)own;
	for (unsigned i = 0; i < CHECK_SLOTS; i++) {
		check_share_free(&check->slot[i]);
		if (check->slot[i].http)
			http_cancel(check->slot[i].http);
	}
}

static const struct direct_kind check_kind = {
	.size = sizeof(struct direct_check),
	.move = move_check,
	.fini = fini_check,
};

struct store_call *direct_check(struct direct *direct, const struct store_check *wanted,
				struct store_then then, struct err *err)
{
	struct direct_check *check =
		calloc(1, sizeof *check + direct->servers->count * sizeof check->finding[0]);
	if (!check ||
	    (!cap_is_literal(wanted->cap) && !cap_storage_index(wanted->cap, check->index))) {
		free(check);
		err_set(err, FAULT_NOMEM, "no memory for a check");
		return NULL;
	}
	const enum health_work work =
		cap_is_directory(wanted->cap) ? HEALTH_LISTING : HEALTH_READING;
	check->own = (struct direct_own){
		.kind = &check_kind,
		.direct = direct,
		.then = then,
		.health = health_begin(direct->health, direct->base.gateway, work),
	};
	check->wanted = *wanted;
	check->cap = *wanted->cap;
	check->is_mutable = cap_is_mutable(wanted->cap);
	for (unsigned i = 0; i < CHECK_SLOTS; i++)
		check->slot[i].check = check;
	direct_own_due(&check->own);
	return direct_own_add(&check->own);
}
