/*
 * A file's bytes on their way from a reader to a request: whole in memory, as a stream of two
 * buffers, or as a stream of what its sender asks for.
 *
 * Place      src/read fills -> [body] -> src/upload sends, or src/land writes.  It holds its
 *            share of the one byte budget.
 * Ownership  counted: a whole body has one owner, a stream is held by its reader and by whoever
 *            sends.
 * Threads    the stream's reader and its sender are two threads; each calls only the functions of
 *            its side.
 *
 *   reader   body_room -> fill -> body_push ... body_finish
 *   sender   body_peek -> copy -> body_pop  ... body_verdict, or body_abandon at any moment
 *
 * A stream that is asked for is made in passes over the file, each from the first byte to the last:
 *
 *   sender   body_want ------> what came of an earlier pass is gone; then as above
 *   reader   body_wanted ---> BYTES or SHARES: fill, push, finish ---> body_wanted ... NO_MORE
 */
#pragma once

#include "base/meta.h"
#include "queue/core/flight.h"
#include "queue/core/gate.h"
#include "queue/lease.h"
#include "tahoe/slab.h"

enum {
	BODY_WHOLE_MAX =
		64 * 1024, /* bytes; larger files are streamed.  libcurl sends so much at once */
	BODY_PIECE_SIZE = 1024 * 1024, /* bytes of one buffer of a stream */
	BODY_PIECES = 2,               /* buffers of a stream */
};

struct body_piece {
	unsigned char *data;
	size_t size;
	uint64_t offset;   /* of its first byte in the file; of a slab, of that behind the last of
			      which it was made */
	struct slab *slab; /* what is sent in a pass that makes shares; else NULL */
	unsigned pass;
};

/* What a pass over a file is to make. */
enum body_want {
	BODY_WANT_BYTES,
	BODY_WANT_SHARES,
	BODY_WANT_NO_MORE,
};

/* What a reader knows of the bytes once all of them were read and the file had not changed. */
struct body_proof {
	unsigned char content[16]; /* xxh3-128 */
	unsigned char key[16];     /* convergence key, with the job's parameters */
};

struct body {
	struct work *work;
	struct meta meta;        /* at the transfer */
	uint64_t size;           /* bytes, at the transfer */
	bool sparse;             /* a local file with holes */
	struct outcome existing; /* the slot of what has the name at the target; state none:
				       nothing, or nothing that matters to whoever sends */
	unsigned char *data;     /* whole bodies only */
	struct stream *stream;   /* streams only */
	struct body_proof proof; /* whole bodies: from the start; streams: after body_verdict */
	bool predicted; /* `cap_hash` is set: whole bodies, and streams whose shares were made */
	unsigned char cap_hash[32]; /* the part of the cap that does not follow from the key */
	struct chk_shares *shares; /* of whole bodies, where they are to be stored past the gateway;
				       else NULL */
	bool asked_for;            /* a stream that is made in passes; its proof is known ahead */
	bool flying;               /* flight_end is owed for `flight_key` */
	unsigned char flight_key[FLIGHT_KEY_SIZE];
};

/* Returns what a body of `size` bytes takes of the byte budget. */
uint64_t body_share(uint64_t size);

/*
 * Makes a body for `work`, whole when `size` is at most BODY_WHOLE_MAX.  The share of `gate`, which
 * the caller has entered with body_share(size), is given back when the body goes, or by body_drop.
 * Returns NULL when out of memory.
 */
struct body *body_new(struct work *work, uint64_t size, struct gate *gate);

/* The same for a stream that is asked for, whose shares go in such slabs. */
uint64_t body_share_encoded(const struct slab_shape *shape);
struct body *body_new_encoded(struct work *work, const struct slab_shape *shape, struct gate *gate);

/* Notes that the body's owner has entered the gate with `more` on top, which it gives back too. */
void body_charge(struct body *body, uint64_t more);

/* Frees the bytes early and leaves the gate; a parked body keeps only what describes it.  Whole
 * bodies, and streams nobody shares. */
void body_drop(struct body *body);

/* Adds an owner; body_unref takes one away and frees with the last.  NULL is allowed for unref. */
void body_ref(struct body *body);
void body_unref(struct body *body);

/* ---- the reader's side of a stream ---- */

/* Hears that there is something new for the sender.  To be set by the reader's thread, before or
 * while it fills. */
typedef void body_wake(void *context);
void body_set_wake(struct body *body, body_wake *wake, void *context);

/* Of a stream that is asked for: sleeps until the sender says what the next pass is to make, and
 * stores which shares, where it is those. */
enum body_want body_wanted(struct body *body, bool shares[ERASURE_BLOCKS_MAX]);

/* Returns an empty buffer of BODY_PIECE_SIZE, or of the size of a file that is asked for and less.
 * Sleeps until there is one; NULL once the sender has abandoned the body, or wants another pass. */
struct body_piece *body_room(struct body *body);

/* Takes a buffer back that is not to be sent. */
void body_return(struct body *body, struct body_piece *piece);

/* Gives a filled buffer to the sender. */
void body_push(struct body *body, struct body_piece *piece);

/* Ends the stream, or the pass: `err` NULL and a proof (NULL: it is set already), or why it cannot
 * go on. */
void body_finish(struct body *body, const struct body_proof *proof, const struct err *err);

/* ---- the sender's side ---- */

/* Of a stream that is asked for: has a pass begun that makes these `shares`, or (NULL) bytes.
 * Takes back what was peeked. */
void body_want(struct body *body, const bool *shares);

/* Returns the oldest filled buffer, which stays the body's, or NULL when there is none now. */
struct body_piece *body_peek(struct body *body);

/* Gives the buffer last peeked back to the reader. */
void body_pop(struct body *body);

/* Returns whether the reader has ended the stream; then `err` tells (fault NONE: well) and `proof`
 * of the body is set. */
bool body_verdict(struct body *body, struct err *err);

/* Tells the reader that nobody wants the rest.  Idempotent. */
void body_abandon(struct body *body);
