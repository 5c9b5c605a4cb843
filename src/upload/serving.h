/*
 * A thread that reads a file for its sender, as often as that wants: its shares, or its bytes.
 *
 *   serving_start -> sending_start -> a put ... serving_look, now and then ... -> serving_end
 *
 * Place      upload, for a file that lies where it can be read again -> [serving] -> read/passes.
 * Ownership  the spool, the hashes and the store are borrowed until serving_end.
 * Threads    the owner of the store; the other thread is inside.
 */
#pragma once

#include "base/spool.h"
#include "queue/core/thread.h"
#include "read/passes.h"
#include "store/store.h"
#include "upload/sending.h"

struct serving_options {
	const struct spool *spool;
	struct store *store; /* is woken when there is more */
	const struct chk_params *params;
	const struct body_proof *proof;
	const struct piece_hashes *hashes;
	/* Whether the file is what it was, as of upload.h.  May be NULL. */
	enum fault (*unchanged)(void *context, struct err *err);
	void *context;
};

struct serving {
	struct serving_options options;
	struct body *body; /* NULL: not started */
	struct chk_encoder *encoder;
	unsigned char *scratch;
	struct thread thread;
	atomic_bool news, cancel;
};

/* Starts the thread.  FAULT_NOMEM. */
MUST_USE enum fault serving_start(struct serving *serving, const struct serving_options *options,
				  struct err *err);

/* Lets the put go on where it waits for what has come. */
void serving_look(struct serving *serving, struct sending *sending, struct store_call *call);

/* Ends the pass that is on its way, as CANCELLED. */
void serving_stop(struct serving *serving);

/* Ends the thread and frees.  All zeros are allowed. */
void serving_end(struct serving *serving);

/* Reads the bytes of a spool at `offset`, all of them.  Faults of spool_read. */
MUST_USE enum fault serving_read(const struct spool *spool, uint64_t offset, unsigned char *data,
				 size_t size, struct err *err);
