/*
 * One object of a grid by its cap: read, brought into a file, looked at.
 *
 *   there is a beginning here -> its bytes and those behind it, together, have the cap's key
 *                                  `-> no: all of it is read from the grid
 *
 * Place      keys.c, chunk_grid.c, git-annex's exports -> [whole] -> verify.
 * Ownership  everything is borrowed for the call.
 * Threads    the owner of the operation.
 */
#pragma once

#include "chunk/chunk.h"
#include "keys/operation.h"
#include "verify/likeness.h"

/* An object, and what is here of its beginning. */
struct whole {
	const struct cap *cap;
	const unsigned char *content; /* the XXH3-128 that was noted; NULL: none, or `here` > 0 */
	uint64_t offset;              /* of its first byte, as the sink counts */
	uint64_t here;                /* bytes that may be its beginning; 0: none */
	likeness_read *read;
	void *context; /* of read */
};

/* Reads the object, or what is missing of it, into the sink, and proves it.  Faults: those of
 * single_read. */
MUST_USE enum fault whole_read(struct operation *operation, const struct whole *whole,
			       const struct chunk_sink *sink, struct err *err);

/* Brings the file of the cap to `path`, going on with what is there. */
MUST_USE enum fault whole_get(struct operation *operation, const struct cap *cap, const char *path,
			      const struct keys_progress *progress, struct err *err);

/* Looks where its shares are, or does what else `check` says; its cap does not count. */
MUST_USE enum fault whole_health(struct operation *operation, const struct cap *cap,
				 const struct store_check *check, struct store_health *health,
				 struct err *err);

/* Says whether the bytes of the cap can be read; `err` says why that is unknown. */
enum key_presence whole_check(struct operation *operation, const struct cap *cap, struct err *err);
