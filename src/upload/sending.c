#include "upload/sending.h"

/* Notes that the first `offset` bytes of the file have gone, and no more. */
static void gone_up_to(struct sending *sending, uint64_t offset)
{
	const int64_t more = (int64_t)(offset - sending->gone);
	sending->gone = offset;
	if (more != 0 && sending->watch.gone)
		sending->watch.gone(sending->watch.context, more);
}

void sending_end(struct sending *sending) { gone_up_to(sending, 0); }

/* ---- bytes ---- */

static void want_bytes(struct sending *sending)
{
	body_want(sending->body, NULL);
	sending->begun = true;
	sending->encodes = false;
	sending->used = 0;
	sending_end(sending);
}

static size_t feed(void *context, void *buffer, size_t size)
{
	struct sending *sending = context;
	struct err err;
	if (sending->body->asked_for && (!sending->begun || sending->encodes))
		want_bytes(sending);
	struct body_piece *piece = body_peek(sending->body);
	if (!piece) {
		bool over = body_verdict(sending->body, &err);
		piece = body_peek(sending->body); /* it may have come in between */
		if (!piece && over)
			return STORE_READ_ABORT;
		sending->paused = !piece;
		if (!piece)
			return STORE_READ_PAUSE;
	}
	size_t count = (size_t)min_u64(size, piece->size - sending->used);
	memcpy(buffer, piece->data + sending->used, count);
	sending->used += count;
	gone_up_to(sending, piece->offset + sending->used);
	if (sending->used == piece->size) {
		sending->used = 0;
		body_pop(sending->body);
	}
	return count;
}

/* Possible while the first piece is still the one at hand, or where it is read again. */
static bool rewind_body(void *context)
{
	struct sending *sending = context;
	if (sending->body->asked_for) {
		want_bytes(sending);
		return true;
	}
	const struct body_piece *piece = body_peek(sending->body);
	if (!piece || piece->offset != 0)
		return false;
	sending->used = 0;
	sending_end(sending);
	return true;
}

/* ---- shares ---- */

static void begin_shares(void *context, const bool *wanted)
{
	struct sending *sending = context;
	body_want(sending->body, wanted);
	sending->begun = sending->encodes = true;
	sending_end(sending);
}

static const struct slab *peek_slab(void *context)
{
	struct sending *sending = context;
	const struct body_piece *piece = body_peek(sending->body);
	sending->paused = !piece;
	return piece ? piece->slab : NULL;
}

static void pop_slab(void *context)
{
	struct sending *sending = context;
	const struct body_piece *piece = body_peek(sending->body);
	gone_up_to(sending, piece->offset + piece->size);
	body_pop(sending->body);
}

static bool shares_are_over(void *context, struct cap *cap, struct err *err)
{
	struct sending *sending = context;
	if (!body_verdict(sending->body, err))
		return false;
	if (body_peek(sending->body)) /* it has come in between */
		return false;
	if (!err->fault)
		sending_predicted(sending->body, sending->feed.params, cap);
	return true;
}

/* ---- the body ---- */

void sending_predicted(const struct body *body, const struct chk_params *params, struct cap *cap)
{
	*cap = (struct cap){
		.kind = CAP_CHK,
		.needed = params->k,
		.total = params->n,
		.size = body->size,
	};
	memcpy(cap->key, body->proof.key, sizeof cap->key);
	memcpy(cap->hash, body->cap_hash, sizeof cap->hash);
}

struct store_body sending_start(struct sending *sending, struct body *body,
				const struct chk_params *params)
{
	sending_end(sending);
	*sending = (struct sending){ .body = body, .watch = sending->watch };
	if (!body->stream)
		return (struct store_body){
			.data = body->data,
			.size = body->size,
			.shares = body->shares,
		};
	if (body->asked_for) {
		sending->feed = (struct store_feed){
			.params = params,
			.begin = begin_shares,
			.peek = peek_slab,
			.pop = pop_slab,
			.over = shares_are_over,
			.context = sending,
		};
		sending_predicted(body, params, &sending->feed.cap);
	}
	return (struct store_body){
		.size = body->size,
		.read = feed,
		.rewind = rewind_body,
		.context = sending,
		.feed = body->asked_for ? &sending->feed : NULL,
	};
}
