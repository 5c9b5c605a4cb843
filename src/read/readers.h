/*
 * Reader threads: open, check, read and hash files, and hand their bodies on.
 *
 * Inside: readers.c (the threads) -> reader.c (one work: try it whole, as a stream, or not at all)
 * -> attempt.c (the file opened and checked; replica.c for one on a grid).  What comes of it is a
 * body.c, in single flight with its equals by duplicate.c.
 *
 *   works -> [ring of 256] -> a reader: open, decide
 *      -> gate: a share of the byte budget, which the body holds until it is gone
 *      -> up to 64 KiB: read, compute -> a whole body -> deliver
 *      -> else in passes over the file, which see the same bytes or fail (attempt.h)
 *            [ahead: what must be known before the first byte is sent]
 *            send: body_room -> read 1 MiB -> compute -> body_push -> [2 pieces] -> the sender
 *      -> or, where shares may be wanted: ahead, and then what the sender asks for (passes.h)
 *      -> of a file planned in chunks: these, as works for whichever reader is free (chunks.h)
 *
 * Whatever is computed between reading and sending is computed here, in threads that are neither
 * the dispatcher's nor curl's: hashes, keys, predicted caps, shares.
 *
 * Place      leased works -> [readers] -> bodies for src/upload or src/land.  What needs no request
 *            ends here: literals, content that is known, and files that cannot be read.
 * Ownership  a work pushed belongs to the readers until it is settled, given back, parked or handed
 *            on in a body.
 * Threads    readers_push from one thread; the readers run their own.
 *
 * A source on a grid that is to be copied is read and proven first (read/replica.h), and then
 * treated like a local file.  What fstat says at the start of a transfer is what is stored; a
 * change between the first and the last byte is tried again (RETRY_CHANGED_ATTEMPTS), then
 * failed(changed).  Equal content is decided by the convergence key: a file in memory waits for an
 * equal one in flight; a streamed one waits for one of its size and first 64 KiB, and is hashed
 * before it is sent when one such was sent before.
 */
#pragma once

#include "decide/decide.h"
#include "files/source_tree.h"
#include "read/body.h"
#include "read/replica.h"
#include "verify/policy.h"

#include <stdatomic.h>

struct split;

struct readers_options {
	struct source_tree_options tree;
	struct replica_options replica;
	struct outcomes *existing;   /* slot N: what task N finds at the target; NULL: nothing */
	struct decide_policy decide; /* of what it finds there.  With checksum `policy` has the
					gateway's secret */
	unsigned threads;            /* 1..64 */
	bool plain; /* bodies go to a local target: no literals, no flights, no content keys */
	struct gate *gate;           /* the byte budget */
	struct flight *flight;       /* of content, shared with the pool; NULL when plain */
	const struct policy *policy; /* of content keys and predicted caps; borrowed; NULL when
					plain */
	bool encodes;      /* bodies get their shares, to be stored past the gateway: whole ones at
			      once, larger ones when their sender asks for them, */
	uint64_t slab_max; /* in slabs of so many bytes, more or less */
	const atomic_bool *cancel; /* true: works are given back unread, streams cut off */
	const atomic_bool *enough; /* true: no more is begun.  May be NULL */
	atomic_uint *doubts;       /* files that could not be read since one could; the
					readers' */
	void (*deliver)(void *context,
			struct body *body); /* takes the body; streams are filled on */
	/* Takes a file all of whose chunks are stored (a split_options.whole).  NULL: files are
	 * not divided. */
	void (*whole)(void *context, struct split *split);
	void (*underway)(void *context, int64_t bytes); /* as of struct split_options */
	void *context;
	/* Takes a work for another reader, if one has room; the readers'. */
	bool (*offer)(void *offered, struct work *work);
	void *offered;
};

struct readers;

/* Starts the threads.  Faults: those of source_tree_new, and NOMEM. */
MUST_USE enum fault readers_new(const struct readers_options *options, struct readers **readers,
				struct err *err);

/* Hands a work to the next free reader.  Sleeps while all are behind. */
void readers_push(struct readers *readers, struct work *work);

/* Lets the threads end what they have, joins them and frees.  NULL is allowed. */
void readers_free(struct readers *readers);
