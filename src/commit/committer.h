/*
 * The committer: makes each directory once all its children are settled, bottom-up, and links the
 * tree into the target last.
 *
 * Place      queue (directory segments) -> [committer] -> store calls in lanes; outcomes go back to
 *            the queue.
 * Threads    runs one that reads files and builds requests; the requests run in lanes.
 *
 *   immutable  mkdir-immutable; the reply must be the predicted cap, or the directory is listed and
 *              compared
 *   mutable    intent durable -> mkdir-with-children with our own key -> listed and compared.
 *              A repeat answers UncoordinatedWriteError and changes nothing: then the listing by
 *              the key's cap decides
 *   merge      set_children into a directory that is there: first what is new, replacing nothing,
 *              then what replaces files that were there when it was planned -> listed and compared
 *
 * Directories that were merged into and files that were overwritten are linked already.  A backup's
 * directory that an earlier one has made is done without a request (known/reuse.h).
 *
 * Inside, in this order for each directory:
 *   committer.c  the thread: leases it, chooses how, hands it to a lane, takes it back
 *   assembly.c   reads its listing and its children's slots; builds the requests and what must be
 *                listed afterwards
 *   keyring.c    has a key for it (mutable); intents.c makes that durable first
 *   directory.c  the lane task: requests, proofs, outcome
 * Files in chunks are immutable directories, too, made by directory.c as soon as the last chunk is
 * stored, beside those that are leased.
 * Beside it below.c settles tasks below a directory that is done, whose own slots were lost.
 */
#pragma once

#include "calls/lanes.h"
#include "calls/patience.h"
#include "queue/catalog.h"
#include "queue/lease.h"
#include "verify/policy.h"

#include <stdatomic.h>

struct keyring;
struct intents;
struct reuse;
struct split;

struct committer_options {
	struct lease_options lease;
	struct catalog *catalog; /* with outcomes */
	struct lanes *lanes;
	struct policy *policy;
	struct patience *patience; /* with uploads that were cut off, or NULL */
	struct keyring *keyring;   /* NULL with `immutable` */
	struct intents *intents;   /* NULL with `immutable`, unless there is one of task 0 */
	struct cap root;           /* the directory at the target: what task 0 merges into, or,
				      where there is an intent of it, makes */
	bool immutable;
	bool encodes;        /* new directories are stored past the gateway */
	struct reuse *reuse; /* of a backup, which shares them with earlier ones; else NULL */
	const char *tags;    /* of its snapshot, which the link of that gets; NULL or "": none */
	/* Asked when only task 0 is left: true keeps the last link back.  May sleep.  May be NULL.
	 */
	bool (*withhold)(void *context);
	const atomic_bool *cancel;
	unsigned in_flight; /* directories assembled at once */
	/* Tells something worth a line to people.  May be NULL. */
	void (*tell)(void *context, const char *text);
	void *context; /* of withhold and tell; lease has its own */
};

struct committer;

/* Starts the thread.  Faults: those of catalog_reader_new, and NOMEM. */
MUST_USE enum fault committer_start(const struct committer_options *options,
				    struct committer **committer, struct err *err);

/* Waits until there is no directory more to make (task 0 settled, or the queue stopped) and all in
 * flight have ended. */
void committer_join(struct committer *committer);

/* Returns how many directories may be left behind on the grid without a link. */
uint64_t committer_unreferenced(const struct committer *committer);

/* Frees.  NULL is allowed. */
void committer_free(struct committer *committer);

/*
 * Makes the directory of a file all of whose chunks are stored, and ends its work.  Takes the
 * split.  Any thread, as long as the lanes are there.
 */
void committer_chunks(struct committer *committer, struct split *chunks);

/*
 * Settles a task below a directory that is done, from that directory's listing: there, done; not
 * there, failed(lost).  Takes the work.  Any thread; reads one slot.
 */
void committer_below(struct committer *committer, struct work *work);
