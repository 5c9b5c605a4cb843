/*
 * A file of a grid, read and proven before it is stored again: the copy that a reader goes on with.
 *
 * What can change is never linked but copied, as `tahoe cp` does.  The copy lies in memory while it
 * is small, else in an unlinked file.  The same store lists the chunks of a file at the target,
 * with which a local one is compared.
 *
 * Place      under the readers: the slot of a source -> [replica] -> verify/single.h.
 * Ownership  a replica owns its store, opened when first wanted, and the last copy.
 * Threads    a replica belongs to one thread.
 */
#pragma once

#include "base/spool.h"
#include "calls/away.h"
#include "queue/outcomes.h"
#include "queue/queue.h"
#include "store/store.h"
#include "tahoe/chk.h"

#include <stdatomic.h>

struct replica_options {
	struct outcomes *sources; /* slot N: the cap of task N's source; NULL: all are local */
	enum fault (*open)(void *context, struct store **store, struct err *err);
	/* Hears that the gateway stayed away, which ends the job. */
	void (*gave_up)(void *context, const struct err *err);
	void *context;                   /* of both */
	struct away *away;               /* NULL: a gateway that is away is not waited for */
	const struct chk_params *secret; /* the gateway's, or NULL: unknown */
	const char *directory;           /* for the unlinked files */
};

struct replica;
struct chunked;

/* Makes one; the options and `cancel`, which ends a read, are borrowed.  NULL: no memory. */
struct replica *replica_new(const struct replica_options *options, const atomic_bool *cancel);
void replica_free(struct replica *replica);

/*
 * Copies the source of `task` if it is on a grid, and stores the copy, valid until the next call;
 * NULL: the source is local.  Sleeps, trying again what may go well.  Faults: those of single_read
 * (UNAVAILABLE after `gave_up` was told), of `open`, and of the disk.
 */
MUST_USE enum fault replica_make(struct replica *replica, const struct task *task,
				 const struct spool **copy, struct err *err);

/*
 * Finds the chunks of the directory `cap`, which is a file of `bytes` bytes, to be freed; none
 * where it is not, or cannot be listed.  Sleeps.  Faults: UNAVAILABLE after `gave_up` was told, and
 * others that concern all files.
 */
MUST_USE enum fault replica_chunks(struct replica *replica, const struct cap *cap, uint64_t bytes,
				   struct chunked *chunked, struct err *err);
