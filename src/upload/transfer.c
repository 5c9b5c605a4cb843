#include "upload/transfer.h"

#include "base/digest.h"
#include "queue/core/kill.h"
#include "queue/core/retry.h"
#include "queue/core/thread.h"
#include "read/duplicate.h"

struct transfer {
	struct lane_task lane_task; /* first: the lanes know it by this */
	struct transfers *owner;
	struct store *store;
	struct body *body;
	struct store_call *call; /* the one in flight, or NULL */
	size_t used;             /* bytes of the piece at hand that were sent */
	bool paused;
	bool stored;     /* the put has answered well */
	bool overwrites; /* what `cap` names, from the start */
	struct cap cap;
	unsigned met, remaining;  /* levels of verification */
	struct content_hash hash; /* of what is read back */
	uint64_t read_back;
};

static void prove(struct transfer *transfer);

static struct transfer *transfer_of(struct lane_task *lane_task)
{
	return (struct transfer *)lane_task;
}

/* Frees the transfer.  `fault` tells the lane about the gateway. */
static void transfer_end(struct transfer *transfer, enum fault fault)
{
	if (transfer->body->stream)
		body_abandon(transfer->body);
	body_unref(transfer->body);
	content_hash_fini(&transfer->hash);
	lane_task_end(&transfer->lane_task, fault);
	cap_wipe(&transfer->cap);
	free(transfer);
}

/* Whether this try was the last, and if not, how long to wait. */
static bool try_again(const struct err *err, unsigned attempts, uint64_t seed, uint32_t *delay_ms)
{
	struct err judged = *err;
	if (judged.fault == FAULT_CORRUPT) /* a wrong reply may be an accident of that reply */
		judged.fault = FAULT_RETRY;
	uint64_t random = seed ^ clock_ms();
	return retry_again(&retry_default, &judged, attempts, &random, delay_ms);
}

static uint8_t reason_of(enum fault fault)
{
	switch (fault) {
	case FAULT_CORRUPT:
		return REASON_MISMATCH;
	case FAULT_CHANGED:
		return REASON_CHANGED;
	case FAULT_IO:
		return REASON_IO;
	default:
		return REASON_GATEWAY;
	}
}

/* Ends the transfer without success: given back for another try, or failed. */
static void transfer_fail(struct transfer *transfer, const struct err *err)
{
	struct body *body = transfer->body;
	struct work *work = body->work;
	unsigned attempts = work->task->attempts;
	uint32_t delay_ms = 0;
	duplicate_end(transfer->owner->flight, body, NULL);
	if (err->fault == FAULT_UNAVAILABLE || err->fault == FAULT_CANCELLED)
		work_again(work, 0, attempts);
	else if (try_again(err, attempts + 1, work->task->id, &delay_ms))
		work_again(work, delay_ms, attempts + 1);
	else
		work_fail(work, reason_of(err->fault), attempts + 1, err);
	transfer_end(transfer, err->fault);
}

static void succeed(struct transfer *transfer)
{
	struct body *body = transfer->body;
	struct outcome outcome = {
		.level = (uint8_t)transfer->met,
		.attempts = (uint8_t)min_u64(body->work->task->attempts + 1u, UINT8_MAX),
	};
	struct err err;
	if (!cap_pack(&transfer->cap, outcome.cap, &outcome.cap_size, &outcome.cap_kind)) {
		err_set(&err, FAULT_CORRUPT, "the gateway's cap is of a kind that is not kept");
		transfer_fail(transfer, &err);
		return;
	}
	duplicate_outcome(&body->meta, body->size, &body->proof, &outcome);
	if (transfer->owner->moved)
		transfer->owner->moved(transfer->owner->context, body->size);
	duplicate_end(transfer->owner->flight, body, &outcome);
	work_settle(body->work, &outcome, NULL);
	explicit_bzero(&outcome, sizeof outcome);
	transfer_end(transfer, FAULT_NONE);
}

/* ---- read back ---- */

static bool take_back(void *context, const void *data, size_t size)
{
	struct transfer *transfer = context;
	content_hash_update(&transfer->hash, data, size);
	transfer->read_back += size;
	return true;
}

static void got_back(void *context, const struct store_reply *reply)
{
	struct transfer *transfer = context;
	struct err err;
	transfer->call = NULL;
	if (reply->fault) {
		err = reply->err;
		err_wrap(&err, "read back");
		transfer_fail(transfer, &err);
		return;
	}
	unsigned char content[CONTENT_HASH_SIZE];
	content_hash_final(&transfer->hash, content);
	if (transfer->read_back != transfer->body->size ||
	    memcmp(content, transfer->body->proof.content, sizeof content) != 0) {
		err_set(&err, FAULT_CORRUPT, "read back, the bytes are not the ones sent");
		transfer_fail(transfer, &err);
		return;
	}
	transfer->met |= VERIFY_READ;
	transfer->remaining &= ~(unsigned)VERIFY_READ;
	prove(transfer);
}

static struct store_call *start_read(struct transfer *transfer, struct err *err)
{
	if (!transfer->hash.state && content_hash_init(&transfer->hash, err))
		return NULL;
	content_hash_start(&transfer->hash);
	transfer->read_back = 0;
	const struct store_get get = {
		.cap = &transfer->cap,
		.length = UINT64_MAX,
		.sink = take_back,
		.context = transfer,
	};
	return store_get(transfer->store, &get, (struct store_then){ got_back, transfer }, err);
}

static void checked(void *context, const struct store_reply *reply)
{
	struct transfer *transfer = context;
	struct err err = reply->err;
	transfer->call = NULL;
	if (!reply->fault && !reply->health.healthy)
		err_set(&err, FAULT_CORRUPT, "checked, it is not healthy: %u of %u shares are good",
			reply->health.good_shares, reply->health.expected);
	if (err.fault) {
		transfer_fail(transfer, &err);
		return;
	}
	transfer->met |= VERIFY_CHECK;
	transfer->remaining &= ~(unsigned)VERIFY_CHECK;
	prove(transfer);
}

/* Starts the next proof that is owed, or ends with success. */
static void prove(struct transfer *transfer)
{
	struct err err = { 0 };
	KILL_POINT("transfer-stored");
	if (transfer->remaining & VERIFY_CHECK)
		transfer->call = store_check(transfer->store, &transfer->cap, true,
					     (struct store_then){ checked, transfer }, &err);
	else if (transfer->remaining & VERIFY_READ)
		transfer->call = start_read(transfer, &err);
	else
		succeed(transfer);
	if (err.fault)
		transfer_fail(transfer, &err);
}

/* ---- put ---- */

/* The bytes are in a mutable file, whose cap says nothing of them: they are read back. */
static void judge_overwritten(struct transfer *transfer)
{
	unsigned levels = policy_levels(transfer->owner->policy);
	transfer->remaining = (levels & VERIFY_CHECK) | VERIFY_READ;
	prove(transfer);
}

/* What the gateway was to answer to a body whose reader has predicted it. */
static struct cap predicted_cap(const struct transfer *transfer)
{
	const struct chk_params *params = policy_params(transfer->owner->policy);
	const struct body *body = transfer->body;
	struct cap cap = {
		.kind = CAP_CHK,
		.needed = params->k,
		.total = params->n,
		.size = body->size,
	};
	memcpy(cap.key, body->proof.key, sizeof cap.key);
	memcpy(cap.hash, body->cap_hash, sizeof cap.hash);
	return cap;
}

static void judge(struct transfer *transfer)
{
	struct err err = { 0 };
	struct cap whole = predicted_cap(transfer);
	enum fault fault = policy_judge(transfer->owner->policy, store_gateway(transfer->store),
					transfer->body->proof.key, transfer->body->size,
					transfer->body->predicted ? &whole : NULL, &transfer->cap,
					&transfer->met, &transfer->remaining, &err);
	cap_wipe(&whole);
	if (fault == FAULT_USAGE) {
		transfer->owner->broken(transfer->owner->context, &err);
		err.fault = FAULT_CANCELLED;
	}
	if (fault)
		transfer_fail(transfer, &err);
	else
		prove(transfer);
}

/* A stream counts only when its reader says that the file stayed what it was.  Waits for a poke if
 * it has not said so yet. */
static void judge_stream(struct transfer *transfer)
{
	struct err err;
	if (!body_verdict(transfer->body, &err))
		return;
	if (err.fault)
		transfer_fail(transfer, &err);
	else if (transfer->overwrites)
		judge_overwritten(transfer);
	else
		judge(transfer);
}

/* Gives the body back to be sent later, as if it had not been tried. */
static void postpone(struct transfer *transfer, uint32_t delay_ms)
{
	struct work *work = transfer->body->work;
	duplicate_end(transfer->owner->flight, transfer->body, NULL);
	work_again(work, delay_ms, work->task->attempts);
	transfer_end(transfer, FAULT_RETRY);
}

static void put_done(void *context, const struct store_reply *reply)
{
	struct transfer *transfer = context;
	uint32_t delay_ms;
	transfer->call = NULL;
	if (patience_asks(transfer->owner->patience, reply, &delay_ms)) {
		postpone(transfer, delay_ms);
		return;
	}
	if (reply->fault) {
		struct err err = reply->err, verdict;
		/* When the reader gave up, that is the reason, not what became of the request. */
		if (transfer->body->stream && body_verdict(transfer->body, &verdict) &&
		    verdict.fault)
			err = verdict;
		else if (reply->trouble == STORE_TROUBLE_OTHER &&
			 transfer->body->work->task->attempts > 0)
			err.fault = FAULT_USAGE; /* the gateway fails on this file: final */
		transfer_fail(transfer, &err);
		return;
	}
	transfer->cap = reply->cap;
	transfer->stored = true;
	if (transfer->body->stream)
		judge_stream(transfer);
	else if (transfer->overwrites)
		judge_overwritten(transfer);
	else
		judge(transfer);
}

static size_t feed(void *context, void *buffer, size_t size)
{
	struct transfer *transfer = context;
	struct err err;
	struct body_piece *piece = body_peek(transfer->body);
	if (!piece) {
		bool over = body_verdict(transfer->body, &err);
		piece = body_peek(transfer->body); /* it may have come in between */
		if (!piece && over)
			return STORE_READ_ABORT;
		transfer->paused = !piece;
		if (!piece)
			return STORE_READ_PAUSE;
	}
	size_t count = (size_t)min_u64(size, piece->size - transfer->used);
	memcpy(buffer, piece->data + transfer->used, count);
	transfer->used += count;
	if (transfer->used == piece->size) {
		transfer->used = 0;
		body_pop(transfer->body);
	}
	return count;
}

/* Possible while the first piece is still the one at hand. */
static bool rewind_body(void *context)
{
	struct transfer *transfer = context;
	const struct body_piece *piece = body_peek(transfer->body);
	if (!piece || piece->offset != 0)
		return false;
	transfer->used = 0;
	return true;
}

/* Takes the cap of the mutable file that is to hold the bytes, if there is one. */
static void find_place(struct transfer *transfer)
{
	const struct outcome *slot = &transfer->body->existing;
	struct cap cap;
	if (slot->state != OUTCOME_PLANNED ||
	    !cap_unpack(slot->cap, slot->cap_size, slot->cap_kind, &cap))
		return;
	transfer->overwrites = cap_is_file(&cap) && cap_is_writable(&cap);
	if (transfer->overwrites)
		transfer->cap = cap;
	cap_wipe(&cap);
}

static void transfer_start(struct lane_task *lane_task, struct store *store)
{
	struct transfer *transfer = transfer_of(lane_task);
	struct body *body = transfer->body;
	struct err err;
	const struct store_body whole = { .data = body->data, .size = body->size };
	const struct store_body stream = {
		.size = body->size,
		.read = feed,
		.rewind = rewind_body,
		.context = transfer,
	};
	const struct store_body *bytes = body->stream ? &stream : &whole;
	const struct store_then then = { put_done, transfer };
	const struct transfers *owner = transfer->owner;
	if (owner->admits && !owner->admits(owner->context, body->size)) {
		err_set(&err, FAULT_CANCELLED, "nothing more is to be begun");
		transfer_fail(transfer, &err);
		return;
	}
	transfer->store = store;
	transfer->call = transfer->overwrites
				 ? store_overwrite(store, &transfer->cap, bytes, then, &err)
				 : store_put(store, bytes, then, &err);
	if (!transfer->call)
		transfer_fail(transfer, &err);
}

static void poke(struct lane_task *lane_task, struct store *store)
{
	struct transfer *transfer = transfer_of(lane_task);
	if (!transfer->body->stream)
		return;
	if (transfer->call && transfer->paused) {
		transfer->paused = false;
		store_resume(store, transfer->call);
	} else if (transfer->stored && !transfer->call) {
		judge_stream(transfer);
	}
}

static void refuse(struct lane_task *lane_task)
{
	struct transfer *transfer = transfer_of(lane_task);
	struct body *body = transfer->body;
	duplicate_end(transfer->owner->flight, body, NULL);
	work_again(body->work, 0, body->work->task->attempts);
	if (body->stream)
		body_abandon(body);
	body_unref(body);
	cap_wipe(&transfer->cap);
	free(transfer);
}

static void wake_lane(void *context) { lane_wake(context); }

void transfer_deliver(void *context, struct body *body)
{
	struct transfers *transfers = context;
	struct transfer *transfer = calloc(1, sizeof *transfer);
	if (!transfer) {
		duplicate_end(transfers->flight, body, NULL);
		work_again(body->work, 1000, body->work->task->attempts + 1u);
		if (body->stream)
			body_abandon(body);
		body_unref(body);
		return;
	}
	transfer->lane_task = (struct lane_task){
		.kind = LANE_TASK_TRANSFER,
		.start = transfer_start,
		.poke = poke,
		.refuse = refuse,
	};
	transfer->owner = transfers;
	transfer->body = body;
	find_place(transfer);
	transfer->lane_task.in_place = transfer->overwrites;
	bool streamed = body->stream;
	struct lane *lane = lanes_submit(transfers->lanes, &transfer->lane_task);
	/* A stream is held by its reader, whose thread this is, so it is there even if the transfer
	 * is over. */
	if (streamed)
		body_set_wake(body, wake_lane, lane);
}
