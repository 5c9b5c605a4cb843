/*
 * One directory on its way to the grid: the lane task that makes or merges it and proves the
 * result.
 *
 * Place      inside src/commit: the committer prepares it, a lane runs it, `ended` gives it back.
 * Ownership  a directory belongs to the lane from directory_submit until it was pushed into
 *            `ended`.
 */
#pragma once

#include "calls/lanes.h"
#include "calls/patience.h"
#include "commit/assembly.h"
#include "queue/core/ring.h"
#include "queue/lease.h"
#include "tahoe/mutable.h"
#include "verify/policy.h"
#include "verify/proving.h"

#include <stdatomic.h>

struct reuse;
struct split;

enum directory_how {
	DIRECTORY_IMMUTABLE,
	DIRECTORY_MUTABLE,
	DIRECTORY_MERGE,
};

struct directory {
	struct lane_task lane_task; /* first: the lanes know it by this */
	struct work *work;          /* gone once settled or given back */
	uint64_t work_id;           /* of its task */
	enum directory_how how;
	uint8_t condemned; /* the planner could not list it to its end: why */
	struct assembly assembly;
	struct mutable_key key; /* DIRECTORY_MUTABLE */
	struct cap cap; /* MERGE: the directory; MUTABLE: what follows from the key; else what was
			   answered */
	struct policy *policy;
	struct patience *patience; /* may be NULL */
	struct reuse *reuse;       /* of a backup's immutable directory; else NULL */
	struct cap kept; /* what an earlier one made, which the servers are to be asked for first;
			    or none */
	struct split *chunks; /* it is a file whose chunks these are, and frees itself; else
				     NULL */
	struct ring *ended;   /* NULL: of chunks */
	void (*tell)(void *context, const char *text);
	void *context;

	/* the lane's */
	struct store *store;
	struct proving proving; /* of `kept` */
	struct cap other;       /* MUTABLE: a cap answered that is not the key's */
	bool used_before;       /* the key made a directory already */
	unsigned merged;        /* MERGE: requests of the assembly that are behind it */
	bool conflict;          /* MERGE: refused, because something has one of the names */
	bool blocked;     /* MERGE: listed, a directory has the name of what replaces a file */
	bool over_chunks; /* MERGE: files in chunks are replaced, which are directories there */
	bool key_spent;   /* out: the key must not be used again */
	bool settled;     /* out: the task has an outcome, */
	bool done;        /* out: and that is done */
	bool stays_bad;   /* out: it is `kept`, with bad shares, and is to be asked for again */
	unsigned met;
};

/* Hands the directory to a lane. */
void directory_submit(struct directory *directory, struct lanes *lanes);

/* Wipes and frees.  NULL is allowed. */
void directory_free(struct directory *directory);
