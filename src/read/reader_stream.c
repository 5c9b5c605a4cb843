#include "read/reader_parts.h"

#include "files/holes.h"
#include "read/duplicate.h"

struct streaming {
	struct reader *reader;
	const struct attempt *attempt;
	struct body *body;
	struct body_piece *piece; /* at hand, and not used yet */
	bool delivered;
	bool ahead; /* `proof` is known before the first byte is sent */
	struct body_proof proof;
};

static struct body_piece *same_room(void *context) { return ((struct streaming *)context)->piece; }

static struct body_piece *next_room(void *context)
{
	struct streaming *streaming = context;
	struct body_piece *piece = streaming->piece;
	streaming->piece = NULL;
	return piece ? piece : body_room(streaming->body);
}

static enum fault hash_piece(void *context, struct body_piece *piece, struct err *err)
{
	struct streaming *streaming = context;
	return reader_hash_add(streaming->reader, piece->data, piece->size, err);
}

/* The place of whatever is computed between reading and sending in order: hashes. */
static enum fault send_piece(void *context, struct body_piece *piece, struct err *err)
{
	struct streaming *streaming = context;
	const struct readers_options *options = streaming->reader->options;
	if (hash_piece(context, piece, err))
		return err->fault;
	body_push(streaming->body, piece);
	if (streaming->delivered)
		return FAULT_NONE;
	streaming->delivered = true;
	body_ref(streaming->body);
	options->deliver(options->context, streaming->body);
	return FAULT_NONE;
}

/* Reads all bytes, and stores their proof. */
static enum fault pass(struct streaming *streaming, struct body_piece *(*room)(void *context),
		       enum fault (*take)(void *context, struct body_piece *piece, struct err *err),
		       struct body_proof *proof, struct err *err)
{
	struct reader *reader = streaming->reader;
	const struct attempt_pass reading = {
		.room = room,
		.take = take,
		.context = streaming,
		.cancel = reader->options->cancel,
	};
	if (reader_hash_start(reader, streaming->attempt->size, err) ||
	    attempt_pass(streaming->attempt, &reading, err))
		return err->fault;
	return reader_hash_end(reader, proof, err);
}

/* Computes the proof of a file before it is sent: one of its size and beginning was sent before.
 * Stores whether it is to be sent: else its work has ended or is parked. */
static enum fault look_ahead(struct streaming *streaming, bool *send, struct err *err)
{
	struct body *body = streaming->body;
	if (pass(streaming, same_room, hash_piece, &streaming->proof, err))
		return err->fault;
	streaming->ahead = true;
	duplicate_whole_key(streaming->proof.key, body->size, body->flight_key);
	*send = reader_begin_flight(streaming->reader, streaming->attempt, &streaming->proof,
				    body->flight_key, &body->flying);
	return FAULT_NONE;
}

/* Stores whether the stream is to be sent now: else its work has ended or is parked. */
static enum fault begin_stream(struct streaming *streaming, bool *send, struct err *err)
{
	struct reader *reader = streaming->reader;
	const struct attempt *attempt = streaming->attempt;
	struct body *body = streaming->body;
	unsigned char value[FLIGHT_VALUE_SIZE];
	unsigned char *data = streaming->piece->data;
	struct body_proof proof;
	*send = true;
	if (!reader->keyed)
		return FAULT_NONE;
	if (attempt_read(attempt, 0, data, BODY_WHOLE_MAX, err) ||
	    reader_hash_start(reader, BODY_WHOLE_MAX, err) ||
	    reader_hash_add(reader, data, BODY_WHOLE_MAX, err) ||
	    reader_hash_end(reader, &proof, err))
		return err->fault;
	duplicate_prefix_key(proof.key, attempt->size, body->flight_key);
	struct duplicate *duplicate =
		duplicate_new(attempt->work, &attempt->meta, attempt->size, NULL);
	if (!duplicate)
		return FAULT_NONE;
	switch (flight_begin(reader->options->flight, body->flight_key, duplicate, value)) {
	case FLIGHT_PARKED:
		*send = false;
		return FAULT_NONE;
	case FLIGHT_FIRST:
		body->flying = true;
		break;
	case FLIGHT_NOMEM:
		break;
	case FLIGHT_KNOWN:
		free(duplicate);
		return look_ahead(streaming, send, err);
	}
	free(duplicate);
	return FAULT_NONE;
}

/* Sends the bytes in step with the sender.  What was computed ahead must have been of these. */
static enum fault stream(struct streaming *streaming, struct err *err)
{
	struct body_proof proof;
	enum fault fault = pass(streaming, next_room, send_piece, &proof, err);
	if (!fault && streaming->ahead && memcmp(&proof, &streaming->proof, sizeof proof) != 0)
		fault = err_set(err, FAULT_CHANGED, "read twice, it was not the same");
	streaming->proof = proof;
	explicit_bzero(&proof, sizeof proof);
	return fault;
}

enum try_end reader_try_stream(struct reader *reader, struct attempt *attempt, struct err *err)
{
	struct body *body = body_new(attempt->work, attempt->size, reader->options->gate);
	if (!body) {
		gate_leave(reader->options->gate, body_share(attempt->size));
		err_set(err, FAULT_NOMEM, "no memory for a stream");
		return TRY_FAULT;
	}
	body->meta = attempt->meta;
	body->existing = attempt->existing;
	body->sparse = holes_are_in(&attempt->status);
	struct streaming streaming = { reader, attempt, body, .piece = body_room(body) };
	bool send;
	enum fault fault = begin_stream(&streaming, &send, err);
	if (!fault && send)
		fault = stream(&streaming, err);
	if (fault && streaming.delivered)
		reader_judge_doubt(reader, err);
	if (streaming.delivered)
		body_finish(body, fault ? NULL : &streaming.proof, fault ? err : NULL);
	else if (fault)
		duplicate_end(reader->options->flight, body, NULL);
	explicit_bzero(&streaming.proof, sizeof streaming.proof);
	body_unref(body);
	return fault && !streaming.delivered ? TRY_FAULT : TRY_ENDED;
}
