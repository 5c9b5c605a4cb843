/*
 * What a reader is made of.
 *
 *   reader.c          a work: settled as it is, divided, or one of the ways by its size
 *                     literal  no request at all: the file is its own cap
 *                     whole    in memory, with its proof
 *   reader_stream.c   a piece at a time, while it is sent
 *   reader_encoded.c  hashed first, and then read again for what its sender asks for
 *
 * Place      src/read/reader*.c; what they take a file with is read/attempt.h.
 * Threads    the reader's.
 */
#pragma once

#include "base/digest.h"
#include "read/attempt.h"
#include "read/reader.h"

struct reader {
	const struct readers_options *options;
	struct attempt_tools tools;
	bool keyed; /* the file at hand gets a content key, and may be like others */
	struct chk_key key;
	struct content_hash content;
	struct chk_encoder *encoder;
	atomic_uint own_doubts; /* where the readers count none */
	atomic_uint *doubts;
};

/* What a try came to.  The work is owed an end only after TRY_FAULT. */
enum try_end { TRY_ENDED, TRY_FAULT };

/* A disk that is gone fails every file, one after the other, or lacks them all: then that becomes
 * the fault in `err`. */
void reader_judge_doubt(struct reader *reader, struct err *err);

/* The proof of a body of `size` bytes, of all its bytes from first to last; a key of zeros where
 * the reader is not `keyed`.  Faults: those of chk_key_start, chk_key_update, chk_key_final. */
MUST_USE enum fault reader_hash_start(struct reader *reader, uint64_t size, struct err *err);
MUST_USE enum fault reader_hash_add(struct reader *reader, const void *data, size_t size,
				    struct err *err);
MUST_USE enum fault reader_hash_end(struct reader *reader, struct body_proof *proof,
				    struct err *err);

/*
 * Begins the flight of content with `key`; stores whether it flies.  Returns true when the caller
 * is to send it; else the work has ended or is parked.
 */
bool reader_begin_flight(struct reader *reader, const struct attempt *attempt,
			 const struct body_proof *proof, const unsigned char key[FLIGHT_KEY_SIZE],
			 bool *flying);

/* Hands a file on after its first piece and reads the others while it is sent. */
enum try_end reader_try_stream(struct reader *reader, struct attempt *attempt, struct err *err);

/* Whether shares of a large file can be made, and in slabs of which shape. */
bool reader_may_encode(const struct reader *reader, uint64_t size);
struct slab_shape reader_slab_shape(const struct reader *reader, uint64_t size);

/* Hashes a file, and hands it on to somebody who says what is to be made of it. */
enum try_end reader_try_encoded(struct reader *reader, struct attempt *attempt, struct err *err);
