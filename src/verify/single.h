/*
 * One file read and proven, in one thread: the way of pipes, and of files to be stored again.
 *
 *   first read -> key equals the cap's, or the store has proven the bytes: proven
 *              -> else second read, equal -> doubtful tail? that range alone, equal -> proven
 *
 * Where the hash of its bytes was noted when it was stored, it has to be that, and proves them.
 *
 * Place      barge get, src/read -> [single] -> calls/wait.h.  What it wrote counts only
 *            once it has returned well.
 * Ownership  everything is borrowed for the call.
 * Threads    the owner of the store.
 */
#pragma once

#include "calls/tries.h"
#include "tahoe/chk.h"
#include "tahoe/chunked.h"

struct single {
	struct tries tries;
	const struct chk_params *secret; /* the gateway's, or NULL: unknown */
	const unsigned char *content;    /* the XXH3-128 that was noted, or NULL: none was */
	/* Forgets what was written: another try begins. */
	enum fault (*begin)(void *context, struct err *err);
	/* Forgets what was written behind the first `kept` bytes, which are of earlier chunks; of
	 * single_read_chunks alone. */
	enum fault (*back)(void *context, uint64_t kept, struct err *err);
	enum fault (*write)(void *context, const void *data, size_t size, struct err *err);
	void *context; /* of all three */
};

/*
 * Reads the file of `cap` into `write`.  Sleeps, trying again what may go well.  Faults: those of
 * store_get (RETRY after the last try, also when the bytes could not be proven), of `begin` and of
 * `write`; USAGE when the cap is not one to read a file by; CORRUPT when its bytes are not those
 * that were noted.
 */
MUST_USE enum fault single_read(struct single *single, const struct cap *cap, struct err *err);

/* Reads the chunks of a file one after the other, each proven before the next, and each with tries
 * of its own.  Otherwise as single_read. */
MUST_USE enum fault single_read_chunks(const struct single *single, const struct chunked *chunked,
				       struct err *err);
