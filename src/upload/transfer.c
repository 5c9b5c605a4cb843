#include "upload/transfer.h"

#include "decide/entry.h"
#include "read/duplicate.h"
#include "upload/put.h"
#include "upload/sending.h"

/*
 *   delivered -> (a lane) -> put: request -> stored -> [stream: the reader's verdict] -> proofs
 *      refused, or not admitted: the work goes back      (a poke, if it is not there yet)
 *   put has ended -> the flight lands -> the work is settled, given back or failed
 */
struct transfer {
	struct lane_task lane_task; /* first: the lanes know it by this */
	struct transfers *owner;
	struct body *body;
	struct put put;
	struct sending sending;
	bool unjudged; /* the bytes are stored, and the reader has not said yet what they are */
};

/* Hears of bytes of a stream (a sending_watch). */
static void gone(void *context, int64_t bytes)
{
	const struct transfers *owner = ((struct transfer *)context)->owner;
	if (owner->moved && bytes > 0)
		owner->moved(owner->context, (uint64_t)bytes);
	if (owner->underway)
		owner->underway(owner->context, bytes);
}

/* ---- ends ---- */

/* Ends the transfer, whose work has ended.  `err` tells the lane about the gateway. */
static void transfer_end(struct transfer *transfer, const struct err *err)
{
	sending_end(&transfer->sending);
	if (transfer->body->stream)
		body_abandon(transfer->body);
	body_unref(transfer->body);
	lane_task_end(&transfer->lane_task, err);
	put_fini(&transfer->put);
	free(transfer);
}

/* Ends without success: given back for another try, or failed. */
static void transfer_fail(struct transfer *transfer, const struct err *err)
{
	struct body *body = transfer->body;
	duplicate_end(transfer->owner->flight, body, NULL);
	work_retry(body->work, REASON_NONE, err);
	transfer_end(transfer, err);
}

static void succeed(struct transfer *transfer)
{
	const struct put *put = &transfer->put;
	struct body *body = transfer->body;
	struct outcome outcome = {
		.level = (uint8_t)put->met,
		.attempts = (uint8_t)min_u64(body->work->task->attempts + 1u, UINT8_MAX),
	};
	struct err err;
	if (!cap_pack(&put->cap, outcome.cap, &outcome.cap_size, &outcome.cap_kind)) {
		err_wrong(&err, "the gateway's cap is of a kind that is not kept");
		transfer_fail(transfer, &err);
		return;
	}
	duplicate_outcome(&body->meta, body->size, &body->proof, &outcome);
	if (transfer->owner->moved && !body->stream)
		transfer->owner->moved(transfer->owner->context, body->size);
	duplicate_end(transfer->owner->flight, body, &outcome);
	work_settle(body->work, &outcome, NULL);
	explicit_bzero(&outcome, sizeof outcome);
	transfer_end(transfer, NULL);
}

/* Gives the body back to be sent later, as if it had not been tried. */
static void postpone(struct transfer *transfer, uint32_t delay_ms)
{
	const struct err again = { .fault = FAULT_RETRY }; /* it says nothing about the gateway */
	struct work *work = transfer->body->work;
	duplicate_end(transfer->owner->flight, transfer->body, NULL);
	work_again(work, delay_ms, work->task->attempts);
	transfer_end(transfer, &again);
}

/* Hears how the put has ended (a put_options.ended). */
static void ended(void *context, enum put_end end, const struct err *reason)
{
	struct transfer *transfer = context;
	struct body *body = transfer->body;
	struct err err = reason ? *reason : (struct err){ 0 }, verdict;
	if (end == PUT_PROVEN) {
		succeed(transfer);
		return;
	}
	if (end == PUT_POSTPONED) {
		postpone(transfer, transfer->put.delay_ms);
		return;
	}
	/* When the reader gave up, that is the reason, not what became of the request. */
	if (body->stream && body_verdict(body, &verdict) && verdict.fault) {
		err = verdict;
	} else if (end == PUT_FOREIGN) {
		transfer->owner->broken(transfer->owner->context, &err);
		err.fault = FAULT_CANCELLED;
	} else if (end == PUT_HOPELESS) {
		err.fault = FAULT_USAGE; /* the gateway's last word on this file */
	}
	transfer_fail(transfer, &err);
}

/* ---- what the bytes are ---- */

/* Hears that the bytes are stored (a put_options.stored).  A stream counts only when its reader
 * says that the file stayed what it was. */
static void stored(void *context)
{
	struct transfer *transfer = context;
	const struct body *body = transfer->body;
	struct err verdict = { 0 };
	transfer->unjudged = body->stream && !body_verdict(transfer->body, &verdict);
	if (transfer->unjudged)
		return;
	if (verdict.fault) {
		put_refuse(&transfer->put, &verdict);
		return;
	}
	struct cap whole;
	sending_predicted(body, policy_params(transfer->owner->policy), &whole);
	const struct put_content known = {
		.key = body->proof.key,
		.content = body->proof.content,
		.whole = body->predicted ? &whole : NULL,
	};
	put_go_on(&transfer->put, &known);
	cap_wipe(&whole);
}

/* ---- the request ---- */

/* Takes the cap of the mutable file that is to hold the bytes, if there is one. */
static void find_place(struct transfer *transfer)
{
	const struct outcome *slot = &transfer->body->existing;
	transfer->put.overwrites =
		entry_link_of(slot) == ENTRY_KEEP &&
		cap_unpack(slot->cap, slot->cap_size, slot->cap_kind, &transfer->put.cap);
}

static void transfer_start(struct lane_task *lane_task, struct store *store)
{
	struct transfer *transfer = (struct transfer *)lane_task;
	const struct transfers *owner = transfer->owner;
	struct body *body = transfer->body;
	struct err err;
	const struct put_options options = {
		.store = store,
		.policy = owner->policy,
		.patience = owner->patience,
		.body = sending_start(&transfer->sending, body, policy_params(owner->policy)),
		.attempts = body->work->task->attempts,
		.stored = stored,
		.ended = ended,
		.context = transfer,
	};
	if (!owner->admits || owner->admits(owner->context, body->size)) {
		put_start(&transfer->put, &options);
		return;
	}
	err_set(&err, FAULT_CANCELLED, "nothing more is to be begun");
	transfer_fail(transfer, &err);
}

static void poke(struct lane_task *lane_task, struct store *store)
{
	struct transfer *transfer = (struct transfer *)lane_task;
	if (transfer->sending.paused && transfer->put.call) {
		transfer->sending.paused = false;
		store_resume(store, transfer->put.call);
	} else if (transfer->unjudged) {
		stored(transfer);
	}
}

static void refuse(struct lane_task *lane_task)
{
	struct transfer *transfer = (struct transfer *)lane_task;
	struct body *body = transfer->body;
	duplicate_end(transfer->owner->flight, body, NULL);
	work_again(body->work, 0, body->work->task->attempts);
	if (body->stream)
		body_abandon(body);
	body_unref(body);
	put_fini(&transfer->put);
	free(transfer);
}

/* What is read back, or may be, needs both. */
static unsigned works_of(const struct transfer *transfer)
{
	const struct policy *policy = transfer->owner->policy;
	bool reads =
		!policy_predicts(policy) || policy_levels(policy) & (VERIFY_CHECK | VERIFY_READ);
	if (transfer->put.overwrites)
		return HEALTH_WRITING | HEALTH_READING;
	return HEALTH_STORING | (reads ? HEALTH_READING : 0u);
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
	transfer->sending.watch = (struct sending_watch){ gone, transfer };
	transfer->body = body;
	find_place(transfer);
	transfer->lane_task.in_place = transfer->put.overwrites;
	transfer->lane_task.works = works_of(transfer);
	bool streamed = body->stream;
	struct lane *lane = lanes_submit(transfers->lanes, &transfer->lane_task);
	/* A stream is held by its reader, whose thread this is, so it is there even if the transfer
	 * is over. */
	if (streamed)
		body_set_wake(body, wake_lane, lane);
}
