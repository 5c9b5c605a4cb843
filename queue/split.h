/*
 * One task done in parts: a large file, stored as chunks.  Each part is a work of its own for
 * whoever does works; its outcome is kept in the slot of the chunk, and the task goes on.
 *
 *   split_new -> split_believe: what earlier tries have proven
 *             -> split_part ... split_part -> split_close: no more of them
 *   a part ends: done      -> work_note: the chunk's slot
 *                failed    -> the task fails for that reason, once all parts begun have ended
 *                given back-> the task is given back, once all parts begun have ended
 *   all parts are proven   -> `whole` takes the split and is to end the task
 *
 * So a try that ends early has lost only the parts in flight.  One that has proven something does
 * not count as a failed one: what fails for ever is in the end all that is left.
 *
 * Place      inside queue/lease.h: work_settle and whatever gives a work back end a part here.
 * Ownership  a split owns its parts until each has ended, and is freed with the last, or by whoever
 *            `whole` has given it to.
 * Threads    parts end concurrently; the others are called by the thread that made the split, until
 *            it has closed it.
 */
#pragma once

#include "queue/lease.h"
#include "queue/retry.h"

struct split;

struct split_options {
	struct work *work;                     /* of the task, which the split takes over */
	uint64_t size;                         /* of the file, as it is now */
	uint64_t part_size;                    /* of all parts but the last */
	unsigned char meta[OUTCOME_META_SIZE]; /* of the file: a part of another one is none */
	void (*whole)(void *context, struct split *split);
	/* Hears how many bytes more of it are proven; they are taken back (negative) when the split
	 * goes.  May be NULL. */
	void (*underway)(void *context, int64_t bytes);
	void *context; /* of both */
};

/* The bytes of a part, and of which file. */
struct split_range {
	uint64_t offset, size;
	uint64_t file_size;
	const unsigned char *meta; /* OUTCOME_META_SIZE */
};

/* What came of a part. */
struct split_cap {
	uint8_t kind, size; /* as in struct outcome */
	unsigned char bytes[OUTCOME_CAP_MAX];
};

/*
 * Returns the size of the parts that a file of `size` bytes gets, of a task that was planned with
 * `chunk_size` and `bytes`: that size, or a larger one where the task has no ids for so many.
 */
uint64_t split_part_size(const struct task *task, uint64_t size);

/* Makes one, of at least two parts.  NULL: out of memory, and nothing was taken. */
struct split *split_new(const struct split_options *options);

/* Returns how many parts there are. */
uint64_t split_count(const struct split *split);

/* Takes the slot of part `number`, from 0, if it is the outcome of that part of this file. */
void split_believe(struct split *split, uint64_t number, const struct outcome *slot);

/* Returns whether part `number` is still to be done. */
bool split_lacks(const struct split *split, uint64_t number);

/* Returns whether there is a reason to begin further parts: none has failed or was given back. */
bool split_goes_on(struct split *split);

/* Returns a work for part `number`, or NULL when out of memory. */
struct work *split_part(struct split *split, uint64_t number);

/* Says that no more parts will be begun.  The split may be gone afterwards. */
void split_close(struct split *split);

/* Returns the range of a work that is a part. */
struct split_range split_range_of(const struct work *work);

/* ---- for `whole` ---- */

const struct split_options *split_about(const struct split *split);
const struct split_cap *split_cap_of(const struct split *split, uint64_t number);

/* Returns the levels of verification that all parts have met. */
unsigned split_level(const struct split *split);

/* Wipes and frees. */
void split_free(struct split *split);

/* ---- for lease.c ---- */

/* Ends a work that is a part. */
void split_settle(struct work *part, const struct outcome *outcome, const struct err *err);
void split_give_back(struct work *part, const struct retry_state *state, uint32_t delay_ms);
