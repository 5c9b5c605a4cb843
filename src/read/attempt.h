/*
 * One try at the file of one task: opened, described, its bytes at hand.
 *
 * Place      inside src/read: the reader decides what becomes of the bytes.
 * Ownership  an attempt owns its descriptor from attempt_open until attempt_close; a copy is the
 *            replica's.
 * Threads    the reader's.
 */
#pragma once

#include "decide/entry.h"
#include "files/source_tree.h"
#include "queue/lease.h"
#include "read/body.h"
#include "read/replica.h"

struct attempt {
	struct work *work;
	int fd;       /* -1: there is a copy, or it is a symlink */
	bool is_link; /* a symlink kept as such: its bytes are in `target` */
	char target[SYMLINK_TARGET_MAX];
	const struct spool *copy; /* of a source on a grid, or NULL */
	struct stat status;       /* when opened; of a local file */
	uint64_t offset, size;    /* the bytes of the work: all, or those of a part */
	struct meta meta;         /* of the source */
	struct outcome
		existing; /* the slot of what has the name at the target; state none: nothing */
	struct decide_source source;
	struct decide_there there; /* the same as `existing` */
	struct decision decision;  /* of attempt_decide */
};

struct attempt_tools {
	struct source_tree *tree;
	struct replica *replica;
	struct outcomes *sources;  /* slot N: the cap of task N's source; NULL: all are local */
	struct outcomes *existing; /* slot N: what task N finds at the target; NULL: nothing */
};

/* Opens the file of `work`, or reads where its symlink leads.  Faults: those of replica_make,
 * source_tree_open_file, source_tree_read_link and outcomes_read; CHANGED where the work is a part,
 * and the file not the one that was divided. */
MUST_USE enum fault attempt_open(struct attempt *attempt, const struct attempt_tools *tools,
				 struct work *work, struct err *err);

/* Closes and wipes. */
void attempt_close(struct attempt *attempt);

/* What bytes are compared by. */
struct attempt_means {
	const struct chk_params *secret; /* the gateway's; NULL: unknown */
	struct replica *replica;         /* lists the chunks of what is there */
	const atomic_bool *cancel;       /* true: ends as CANCELLED */
};

/*
 * Decides what becomes of the file, comparing its bytes with the cap of what has the name at the
 * target where the decision is to do that.  Faults: those of attempt_read, attempt_check and
 * replica_chunks.
 */
MUST_USE enum fault attempt_decide(struct attempt *attempt, const struct decide_policy *policy,
				   const struct attempt_means *means, struct err *err);

/* Reads exactly `size` bytes of the work's.  FAULT_CHANGED when the file has become shorter; IO. */
MUST_USE enum fault attempt_read(const struct attempt *attempt, uint64_t offset,
				 unsigned char *data, size_t size, struct err *err);

/* One reading of all bytes. */
struct attempt_pass {
	/* Returns a buffer of BODY_PIECE_SIZE.  NULL: nobody wants the rest. */
	struct body_piece *(*room)(void *context);
	/* Takes it filled. */
	enum fault (*take)(void *context, struct body_piece *piece, struct err *err);
	void *context;
	const atomic_bool *cancel; /* true: ends as CANCELLED */
};

/*
 * Reads all bytes from the first to the last, and then makes sure that the file is still the one
 * that was opened, so that a later pass reads the same bytes: what has to be known of them before
 * the first is sent is computed in a pass of its own.  Faults: those of attempt_read, attempt_check
 * and `take`; CANCELLED also where nobody wants the rest.
 */
MUST_USE enum fault attempt_pass(const struct attempt *attempt, const struct attempt_pass *pass,
				 struct err *err);

/* After the last byte: FAULT_CHANGED when there is one more, or anything about the file is not what
 * it was.  IO. */
MUST_USE enum fault attempt_check(const struct attempt *attempt, struct err *err);
