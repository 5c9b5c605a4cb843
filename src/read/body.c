#include "read/body.h"

#include "queue/core/ring.h"

#include <assert.h>
#include <stdatomic.h>

struct stream {
	struct ring *empty, *full; /* of struct body_piece, BODY_PIECES each */
	struct body_piece piece[BODY_PIECES];
	struct body_piece *peeked; /* the sender's */
	body_wake *wake;
	void *wake_context;
	atomic_bool ended; /* set by the reader after `err` and the body's proof */
	atomic_bool abandoned;
	struct err err;
};

/* A body with what only this file needs. */
struct counted_body {
	struct body body;
	atomic_uint owners;
	struct gate *gate; /* NULL once left */
	uint64_t share;
};

static struct counted_body *counted(struct body *body)
{
	return (struct counted_body *)body; /* its first member */
}

uint64_t body_share(uint64_t size)
{
	return size <= BODY_WHOLE_MAX ? max_u64(size, 1) : BODY_PIECES * BODY_PIECE_SIZE;
}

static void ring_empty_and_free(struct ring *ring)
{
	if (!ring)
		return;
	while (ring_try_pop(ring))
		;
	ring_free(ring);
}

static void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	ring_empty_and_free(stream->empty);
	ring_empty_and_free(stream->full);
	for (int i = 0; i < BODY_PIECES; i++)
		free(stream->piece[i].data);
	free(stream);
}

static struct stream *stream_new(void)
{
	struct stream *stream = calloc(1, sizeof *stream);
	if (!stream)
		return NULL;
	stream->empty = ring_new(BODY_PIECES);
	stream->full = ring_new(BODY_PIECES);
	bool complete = stream->empty && stream->full;
	for (int i = 0; i < BODY_PIECES && complete; i++) {
		stream->piece[i].data = malloc(BODY_PIECE_SIZE);
		complete = stream->piece[i].data && ring_push(stream->empty, &stream->piece[i]);
	}
	if (complete)
		return stream;
	stream_free(stream);
	return NULL;
}

struct body *body_new(struct work *work, uint64_t size, struct gate *gate)
{
	struct counted_body *made = calloc(1, sizeof *made);
	if (!made)
		return NULL;
	struct body *body = &made->body;
	body->work = work;
	body->size = size;
	if (size <= BODY_WHOLE_MAX)
		body->data = malloc(max_u64(size, 1));
	else
		body->stream = stream_new();
	if (!body->data && !body->stream) {
		free(made);
		return NULL;
	}
	atomic_init(&made->owners, 1);
	made->gate = gate;
	made->share = body_share(size);
	return body;
}

void body_charge(struct body *body, uint64_t more) { counted(body)->share += more; }

void body_drop(struct body *body)
{
	free(body->data);
	body->data = NULL;
	chk_shares_free(body->shares);
	body->shares = NULL;
	stream_free(body->stream);
	body->stream = NULL;
	struct counted_body *c = counted(body);
	if (c->gate)
		gate_leave(c->gate, c->share);
	c->gate = NULL;
}

void body_ref(struct body *body)
{
	atomic_fetch_add_explicit(&counted(body)->owners, 1, memory_order_relaxed);
}

void body_unref(struct body *body)
{
	if (!body ||
	    atomic_fetch_sub_explicit(&counted(body)->owners, 1, memory_order_acq_rel) != 1)
		return;
	body_drop(body);
	struct counted_body *gone = counted(body);
	explicit_bzero(gone, sizeof *gone); /* proof and flight key hold the convergence key */
	free(gone);
}

void body_set_wake(struct body *body, body_wake *wake, void *context)
{
	body->stream->wake = wake;
	body->stream->wake_context = context;
}

struct body_piece *body_room(struct body *body)
{
	struct body_piece *piece = ring_pop(body->stream->empty);
	/* A closed ring still gives what it holds. */
	if (!piece || atomic_load_explicit(&body->stream->abandoned, memory_order_acquire))
		return NULL;
	piece->size = 0;
	return piece;
}

static void wake(struct stream *stream)
{
	if (stream->wake)
		stream->wake(stream->wake_context);
}

void body_push(struct body *body, struct body_piece *piece)
{
	/* There are as many places as pieces, so this never sleeps; a refusal means: abandoned. */
	if (ring_push(body->stream->full, piece))
		wake(body->stream);
}

void body_finish(struct body *body, const struct body_proof *proof, const struct err *err)
{
	struct stream *stream = body->stream;
	if (proof)
		body->proof = *proof;
	if (err)
		stream->err = *err;
	atomic_store_explicit(&stream->ended, true, memory_order_release);
	wake(stream);
}

struct body_piece *body_peek(struct body *body)
{
	struct stream *stream = body->stream;
	if (!stream->peeked)
		stream->peeked = ring_try_pop(stream->full);
	return stream->peeked;
}

void body_pop(struct body *body)
{
	struct stream *stream = body->stream;
	assert(stream->peeked);
	struct body_piece *piece = stream->peeked;
	stream->peeked = NULL;
	/* Refused once abandoned; the piece is the stream's in any case. */
	(void)!ring_push(stream->empty, piece);
}

bool body_verdict(struct body *body, struct err *err)
{
	if (!atomic_load_explicit(&body->stream->ended, memory_order_acquire))
		return false;
	*err = body->stream->err;
	return true;
}

void body_abandon(struct body *body)
{
	atomic_store_explicit(&body->stream->abandoned, true, memory_order_release);
	ring_close(body->stream->full);
	ring_close(body->stream->empty);
}
