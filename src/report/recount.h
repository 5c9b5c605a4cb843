/*
 * Counting from the files alone: what became of a plan, whatever a program claims about it.
 *
 * Place      a catalog -> [recount] -> the end of each job, `barge jobs show`.
 * Ownership  plain data.
 * Threads    any; each call has a reader of its own.
 *
 * Plan and outcomes are read in step, once, in order; memory is constant.  Ids are depth first,
 * so what lies below a failed directory is one range: all of it counts as failed(unlinked).  The
 * root, which is no entry, is `linked`; when it failed, so did all below it.
 */
#pragma once

#include "queue/catalog.h"

enum { RECOUNT_REASONS = 32, RECOUNT_KINDS = 5 };

enum recount_asked {
	RECOUNT_ASKED_SYMLINKS = 1u << 0, /* --symlinks was given: skipped symlinks are no loss */
	RECOUNT_ASKED_SPECIALS = 1u << 1, /* --specials was given */
};

/* Whether an option said to skip for this reason; `asked` is enum recount_asked. */
bool recount_is_asked(unsigned asked, uint8_t reason);

struct recount_kind {
	uint64_t planned, done, skipped, failed, left; /* left: not settled */
	uint64_t asked; /* of those skipped: an option said so, or it is there already */
};

struct recount {
	struct recount_kind all;
	struct recount_kind kind[RECOUNT_KINDS]; /* by enum manifest_kind */
	uint64_t reason[RECOUNT_REASONS];        /* of skipped and failed, by enum outcome_reason */
	uint64_t retriable; /* failed, or skipped and not asked to be, when they were carried out */
	uint64_t unlisted;  /* of these: directories that were not listed; that is for a new plan */
	uint64_t bytes_planned, bytes_done;
	/* Of those done: linked, not copied; of a backup: shared with an earlier one. */
	uint64_t linked_files, linked_directories, linked_symlinks;
	uint64_t bytes_linked; /* of those files */
	uint64_t damaged;      /* slots that did not check; they count as left */
	bool plan_complete;    /* the trailer was there and agrees with the entries */
	bool linked;           /* the root's slot says done */
	bool root_settled;
	uint8_t root_reason;
};

/*
 * Counts a job; `asked` is enum recount_asked.  Sleeps for as long as reading takes.  Faults:
 * CORRUPT (also totals that disagree with the entries), IO, NOMEM.
 */
MUST_USE enum fault recount_job(struct catalog *catalog, unsigned asked, struct recount *counts,
				struct err *err);

/*
 * Returns the exit status of a job that came to its end: 4 when there is a conflict at the target,
 * else 1 when an entry or the last link failed, or something was skipped that no option asked to
 * skip, else 0.
 */
int recount_status(const struct recount *counts);
