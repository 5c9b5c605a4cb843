/*
 * The temporary file of a download: bytes that have come are hashed and written by worker threads,
 * and pieces that an earlier attempt left are read there, so that no lane waits for a disk.
 *
 *   lane     partial_push -> jobs, in this order             partial_close -> the arrival completes
 *   worker                   hash, write, read, judge                         or fails
 *   lane     partial_done <- those with a result, or failed
 *
 * After the first failure later jobs fail with it.  What waits to be written is bounded by the
 * lane: where partial_is_full it pauses the transfer, and it is woken once there is room.
 *
 * Place      src/download -> [partial] -> src/land/arrival.h.
 * Ownership  a partial owns its arrival, and the jobs from partial_push until partial_done returns
 *            them; it frees itself some time after partial_close.  The proof of a slot belongs to
 *            the workers from the job that is FIRST of it until the one that is LAST is done.
 * Threads    all functions belong to one thread; `wake` runs in the workers'.
 */
#pragma once

#include "land/arrival.h"
#include "queue/core/workers.h"
#include "verify/proof.h"

enum {
	PARTIAL_SLOTS = 2,            /* pieces that come at the same time */
	PARTIAL_BLOCK_SIZE = 1 << 18, /* bytes of a file in one job */
};

/* What is to be done, in this order. */
enum partial_step {
	PARTIAL_TAKE = 1u << 0,  /* the data are the next of the reading in `slot`: hashed */
	PARTIAL_FIRST = 1u << 1, /* and the first of it */
	PARTIAL_WHOLE = 1u << 2, /* they are the next of the whole file too */
	PARTIAL_WRITE = 1u << 3, /* they are written at `offset` */
	PARTIAL_LAST = 1u << 4,  /* they end the reading: `content` is stored */
	PARTIAL_CHECK = 1u << 5, /* whether the piece of `size` bytes at `offset` is `content`; if
				    not, the job ends there */
	PARTIAL_ADD = 1u << 6,   /* that piece is the next of the whole file */
	PARTIAL_FINISH =
		1u << 7, /* the whole file is there: judged by its cap, and cut behind it */
};

struct partial_job {
	unsigned steps;    /* enum partial_step */
	unsigned slot;     /* of the piece that is read */
	uint64_t number;   /* the lane's */
	uint64_t offset;   /* in the file */
	uint64_t size;     /* of the data, or of the piece that is checked or added */
	uint64_t capacity; /* of `data` */
	struct err err;    /* why it failed */
	bool secret;       /* the data are wiped */
	bool kept;         /* CHECK: it is */
	bool proven;       /* FINISH: the key says so */
	unsigned char content[CONTENT_HASH_SIZE];
	struct partial_job *next;
	unsigned char data[];
};

struct partial_options {
	struct workers *workers;
	struct arrival *arrival;         /* begun, not opened */
	const struct cap *cap;           /* whose bytes are to come; copied */
	const struct chk_params *secret; /* the gateway's, or NULL: unknown */
	uint64_t queue_max;              /* bytes that may wait */
	void (*wake)(void *context); /* hears that there is a result, or room again; NULL: nobody
					waits for any */
	void *context;
};

struct partial;

/* Makes one.  On failure (NOMEM) the arrival stays the caller's. */
MUST_USE enum fault partial_new(const struct partial_options *options, struct partial **partial,
				struct err *err);

/* Makes a job with room for `capacity` bytes.  NULL: no memory. */
struct partial_job *partial_job_new(unsigned steps, uint64_t capacity);

/* Frees a job that was not pushed, or was returned.  NULL is allowed. */
void partial_job_free(struct partial_job *job);

/* Hands over a job. */
void partial_push(struct partial *partial, struct partial_job *job);

/* Returns a job that is done and has LAST, CHECK, ADD or FINISH, or was the first to fail; NULL:
 * none now. */
struct partial_job *partial_done(struct partial *partial);

/* Returns whether too much waits to be written; then `wake` comes when half of it is. */
bool partial_is_full(struct partial *partial);

/* Returns the proof of the piece last read in the slot. */
const struct proof *partial_proof(const struct partial *partial, unsigned slot);

/*
 * Ends it behind the jobs that were pushed.  With `err` the arrival fails; without it completes,
 * unless a job has failed, with length and content of the whole file (which is finished if it was
 * not); the rest of its outcome the caller has filled.  `drop`: nothing of it is good for the next
 * attempt.  The partial is not to be used any more.
 */
void partial_close(struct partial *partial, const struct err *err, bool drop);
