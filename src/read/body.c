#include "read/body.h"

#include "queue/core/ring.h"
#include "queue/core/thread.h"

#include <assert.h>
#include <stdatomic.h>

struct stream {
	struct ring *empty, *full; /* of struct body_piece, BODY_PIECES each */
	struct body_piece piece[BODY_PIECES];
	struct body_piece *peeked; /* the sender's */
	body_wake *wake;
	void *wake_context;
	atomic_uint pass;  /* the one the sender wants, from 1 on */
	unsigned reading;  /* the one the reader is at */
	atomic_uint ended; /* the one that has ended: set by the reader after `err` and the proof */
	atomic_bool abandoned;
	struct err err;
	struct mutex lock;
	struct cond news;
	bool asked GUARDED; /* there is a pass that the reader has not begun */
	bool wants_shares GUARDED;
	bool shares[ERASURE_BLOCKS_MAX] GUARDED;
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

uint64_t body_share_encoded(const struct slab_shape *shape)
{
	/* The buffers for bytes and for shares, and one that the reader reads into. */
	return (BODY_PIECES + 1) * min_u64(shape->size, BODY_PIECE_SIZE) +
	       BODY_PIECES * slab_memory(shape);
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
	for (int i = 0; i < BODY_PIECES; i++) {
		free(stream->piece[i].data);
		slab_free(stream->piece[i].slab);
	}
	cond_fini(&stream->news);
	mutex_fini(&stream->lock);
	free(stream);
}

static struct stream *stream_new(size_t piece_size)
{
	struct stream *stream = calloc(1, sizeof *stream);
	if (!stream)
		return NULL;
	mutex_init(&stream->lock);
	cond_init(&stream->news);
	atomic_init(&stream->pass, 1);
	stream->reading = 1;
	stream->empty = ring_new(BODY_PIECES);
	stream->full = ring_new(BODY_PIECES);
	bool complete = stream->empty && stream->full;
	for (int i = 0; i < BODY_PIECES && complete; i++) {
		stream->piece[i].data = malloc(piece_size);
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
		body->stream = stream_new(BODY_PIECE_SIZE);
	if (!body->data && !body->stream) {
		free(made);
		return NULL;
	}
	atomic_init(&made->owners, 1);
	made->gate = gate;
	made->share = body_share(size);
	return body;
}

struct body *body_new_encoded(struct work *work, const struct slab_shape *shape, struct gate *gate)
{
	struct counted_body *made = calloc(1, sizeof *made);
	if (!made)
		return NULL;
	struct body *body = &made->body;
	body->work = work;
	body->size = shape->size;
	body->asked_for = true;
	body->stream = stream_new((size_t)min_u64(shape->size, BODY_PIECE_SIZE));
	bool complete = body->stream;
	for (int i = 0; i < BODY_PIECES && complete; i++)
		complete = (body->stream->piece[i].slab = slab_new(shape));
	if (!complete) {
		stream_free(body->stream);
		free(made);
		return NULL;
	}
	atomic_init(&made->owners, 1);
	made->gate = gate;
	made->share = body_share_encoded(shape);
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

enum body_want body_wanted(struct body *body, bool shares[ERASURE_BLOCKS_MAX])
{
	struct stream *stream = body->stream;
	mutex_lock(&stream->lock);
	while (!stream->asked && !atomic_load(&stream->abandoned))
		cond_wait(&stream->news, &stream->lock);
	stream->asked = false;
	stream->reading = atomic_load(&stream->pass);
	const bool wants_shares = stream->wants_shares;
	memcpy(shares, stream->shares, sizeof stream->shares);
	mutex_unlock(&stream->lock);
	if (atomic_load(&stream->abandoned))
		return BODY_WANT_NO_MORE;
	return wants_shares ? BODY_WANT_SHARES : BODY_WANT_BYTES;
}

struct body_piece *body_room(struct body *body)
{
	struct stream *stream = body->stream;
	struct body_piece *piece = ring_pop(stream->empty);
	/* A closed ring still gives what it holds. */
	if (!piece || atomic_load_explicit(&stream->abandoned, memory_order_acquire))
		return NULL;
	if (atomic_load_explicit(&stream->pass, memory_order_acquire) != stream->reading) {
		(void)!ring_push(stream->empty, piece); /* for the next pass */
		return NULL;
	}
	piece->size = 0;
	return piece;
}

/* Gives a buffer back to the reader.  Refused once abandoned; it is the stream's in any case. */
static void give_back(struct stream *stream, struct body_piece *piece)
{
	(void)!ring_push(stream->empty, piece);
}

void body_return(struct body *body, struct body_piece *piece) { give_back(body->stream, piece); }

static void wake(struct stream *stream)
{
	if (stream->wake)
		stream->wake(stream->wake_context);
}

void body_push(struct body *body, struct body_piece *piece)
{
	piece->pass = body->stream->reading;
	/* There are as many places as pieces, so this never sleeps; a refusal means: abandoned. */
	if (ring_push(body->stream->full, piece))
		wake(body->stream);
}

void body_finish(struct body *body, const struct body_proof *proof, const struct err *err)
{
	struct stream *stream = body->stream;
	if (proof)
		body->proof = *proof;
	stream->err = err ? *err : (struct err){ 0 };
	atomic_store_explicit(&stream->ended, stream->reading, memory_order_release);
	wake(stream);
}

void body_want(struct body *body, const bool *shares)
{
	struct stream *stream = body->stream;
	assert(body->asked_for);
	mutex_lock(&stream->lock);
	atomic_fetch_add(&stream->pass, 1);
	stream->asked = true;
	stream->wants_shares = shares;
	if (shares)
		memcpy(stream->shares, shares, sizeof stream->shares);
	/* What the reader fills from here on is of the new pass. */
	if (stream->peeked)
		give_back(stream, stream->peeked);
	stream->peeked = NULL;
	for (struct body_piece *piece; (piece = ring_try_pop(stream->full));)
		give_back(stream, piece);
	cond_wake_all(&stream->news);
	mutex_unlock(&stream->lock);
}

struct body_piece *body_peek(struct body *body)
{
	struct stream *stream = body->stream;
	const unsigned pass = atomic_load_explicit(&stream->pass, memory_order_relaxed);
	while (!stream->peeked && (stream->peeked = ring_try_pop(stream->full)) &&
	       stream->peeked->pass != pass) {
		give_back(stream, stream->peeked);
		stream->peeked = NULL;
	}
	return stream->peeked;
}

void body_pop(struct body *body)
{
	struct stream *stream = body->stream;
	assert(stream->peeked);
	struct body_piece *piece = stream->peeked;
	stream->peeked = NULL;
	give_back(stream, piece);
}

bool body_verdict(struct body *body, struct err *err)
{
	struct stream *stream = body->stream;
	if (atomic_load_explicit(&stream->ended, memory_order_acquire) !=
	    atomic_load_explicit(&stream->pass, memory_order_relaxed))
		return false;
	*err = stream->err;
	return true;
}

void body_abandon(struct body *body)
{
	struct stream *stream = body->stream;
	atomic_store_explicit(&stream->abandoned, true, memory_order_release);
	mutex_lock(&stream->lock);
	cond_wake_all(&stream->news);
	mutex_unlock(&stream->lock);
	ring_close(stream->full);
	ring_close(stream->empty);
}
