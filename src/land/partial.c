#include "land/partial.h"

#include "base/secret.h"
#include "measure/activity.h"
#include "queue/core/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
	WRITE_OUT = 4 << 20, /* bytes of a file that are sent to the disk together */
	HAS_RESULT = PARTIAL_LAST | PARTIAL_CHECK | PARTIAL_ADD | PARTIAL_FINISH,
};

struct partial {
	struct worker_task task; /* first: the workers know it by this */
	struct partial_options options;
	struct arrival *arrival;
	struct cap cap;

	/* the workers' */
	struct proof whole; /* over all bytes in order, as far as they were given */
	struct proof piece[PARTIAL_SLOTS];
	bool finished;     /* `whole` is over, and kept */
	struct err failed; /* of the first job that did */

	struct mutex lock;
	struct partial_job *first GUARDED; /* to be done, oldest first */
	struct partial_job **last GUARDED;
	struct partial_job *done GUARDED; /* with results, oldest first */
	struct partial_job **done_last GUARDED;
	uint64_t queued GUARDED; /* bytes in jobs to be done */
	bool waiting GUARDED;    /* the lane waits for room */
	bool closed GUARDED;
	bool drop GUARDED;
	struct err verdict GUARDED; /* of closing */
};

/* ---- what a worker does ---- */

/* Has the kernel begin to write what has come, so that the sync at the end finds little left. */
static void write_out(const struct partial *partial, uint64_t offset, uint64_t size)
{
	uint64_t from = offset / WRITE_OUT, to = (offset + size) / WRITE_OUT;
	if (from < to)
		(void)sync_file_range(partial->arrival->fd, (off_t)(from * WRITE_OUT),
				      (off_t)((to - from) * WRITE_OUT), SYNC_FILE_RANGE_WRITE);
}

/* Takes the data of a piece that is being read. */
static enum fault take(struct partial *partial, struct partial_job *job)
{
	struct proof *piece = &partial->piece[job->slot];
	size_t size = (size_t)job->size;
	struct err *err = &job->err;
	if (job->steps & PARTIAL_FIRST && proof_start(piece, &partial->cap, NULL, err))
		return err->fault;
	if (proof_update(piece, job->data, size, err))
		return err->fault;
	if (job->steps & PARTIAL_WHOLE && proof_update(&partial->whole, job->data, size, err))
		return err->fault;
	if (job->steps & PARTIAL_WRITE) {
		activity_end(ACTIVITY_HASHING); /* what writes is counted as that */
		enum fault fault =
			arrival_write(partial->arrival, job->offset, job->data, size, err);
		activity_begin(ACTIVITY_HASHING);
		if (fault)
			return fault;
		write_out(partial, job->offset, size);
	}
	if (job->steps & PARTIAL_LAST) {
		proof_keep(piece);
		memcpy(job->content, piece->first, sizeof job->content);
	}
	return FAULT_NONE;
}

/* Reads a piece from the file, adding it to `whole` unless that is NULL.  NOT_FOUND: it is not all
 * there; CHANGED: it is not what had come. */
static enum fault read_piece(const struct partial *partial, const struct partial_job *job,
			     struct proof *whole, struct err *err)
{
	struct content_hash check = { 0 };
	unsigned char found[CONTENT_HASH_SIZE];
	unsigned char *block = malloc(PARTIAL_BLOCK_SIZE);
	enum fault fault = block ? content_hash_init(&check, err)
				 : err_set(err, FAULT_NOMEM, "no memory for a download");
	if (fault) {
		free(block);
		return fault;
	}
	content_hash_start(&check);
	for (uint64_t done = 0; done < job->size && !fault;) {
		size_t want = (size_t)min_u64(job->size - done, PARTIAL_BLOCK_SIZE);
		ssize_t got = pread(partial->arrival->fd, block, want, (off_t)(job->offset + done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			fault = err_set(err, FAULT_NOT_FOUND, "a part of the file is not there");
		else if (whole)
			fault = proof_update(whole, block, (size_t)got, err);
		if (!fault)
			content_hash_update(&check, block, (size_t)got);
		done += got > 0 ? (uint64_t)got : 0;
	}
	content_hash_final(&check, found);
	content_hash_fini(&check);
	free(block);
	if (!fault && memcmp(found, job->content, sizeof found) != 0)
		fault = err_set(err, FAULT_CHANGED, "a part of the file is not what was written");
	return fault;
}

/* Ends the whole: are these the bytes of the cap?  Cuts what an earlier attempt has left behind. */
static enum fault finish(struct partial *partial, bool *proven, struct err *err)
{
	if (proof_end(&partial->whole, &partial->cap, proven, err))
		return err->fault;
	proof_keep(&partial->whole);
	partial->finished = true;
	if (partial->arrival->resumes &&
	    ftruncate(partial->arrival->fd, (off_t)partial->whole.size) != 0)
		return err_os(err, FAULT_IO, errno, "cannot cut what stands behind the file");
	return FAULT_NONE;
}

static enum fault open_file(const struct partial *partial, struct err *err)
{
	if (arrival_open(partial->arrival, err))
		return err->fault;
	if (partial->cap.kind == CAP_CHK)
		arrival_extend(partial->arrival, partial->cap.size);
	return FAULT_NONE;
}

static enum fault do_job(struct partial *partial, struct partial_job *job)
{
	struct err *err = &job->err;
	struct err ignored;
	if (partial->arrival->fd < 0 && open_file(partial, err))
		return err->fault;
	if (job->steps & PARTIAL_CHECK) {
		job->kept = !read_piece(partial, job, NULL, &ignored);
		if (!job->kept)
			return FAULT_NONE;
	}
	if (job->steps & PARTIAL_ADD && read_piece(partial, job, &partial->whole, err))
		return err->fault;
	if (job->steps & PARTIAL_TAKE && take(partial, job))
		return err->fault;
	return job->steps & PARTIAL_FINISH ? finish(partial, &job->proven, err) : FAULT_NONE;
}

/* ---- between lane and workers ---- */

/* Returns the next job; NULL: none now, and `closed` tells whether there never will be. */
static struct partial_job *next_job(struct partial *partial, bool *closed)
{
	mutex_lock(&partial->lock);
	struct partial_job *job = partial->first;
	if (job)
		partial->first = job->next;
	if (!partial->first)
		partial->last = &partial->first;
	*closed = partial->closed && !job;
	mutex_unlock(&partial->lock);
	return job;
}

/* Gives the job back if its result is wanted, and tells the lane what it waits for. */
static void give_back(struct partial *partial, struct partial_job *job, bool fails)
{
	bool result = (fails || job->steps & HAS_RESULT);
	mutex_lock(&partial->lock);
	partial->queued -= job->capacity;
	bool room = partial->waiting && partial->queued <= partial->options.queue_max / 2;
	if (room)
		partial->waiting = false;
	result = result && !partial->closed;
	if (result) {
		job->next = NULL;
		*partial->done_last = job;
		partial->done_last = &job->next;
	}
	bool wakes = (result || room) && !partial->closed && partial->options.wake;
	mutex_unlock(&partial->lock);
	if (!result)
		partial_job_free(job);
	if (wakes)
		partial->options.wake(partial->options.context);
}

static void partial_free(struct partial *partial) UNCHECKED
{
	while (partial->done) {
		struct partial_job *job = partial->done;
		partial->done = job->next;
		partial_job_free(job);
	}
	for (size_t i = 0; i < PARTIAL_SLOTS; i++)
		proof_fini(&partial->piece[i]);
	proof_fini(&partial->whole);
	mutex_fini(&partial->lock);
	secret_wipe(partial, sizeof *partial);
	free(partial);
}

/* All jobs are done, and nobody looks any more. */
static void end(struct partial *partial) UNCHECKED
{
	struct arrival *arrival = partial->arrival;
	struct err err = partial->failed.fault ? partial->failed : partial->verdict;
	bool proven;
	enum fault fault = err.fault;
	if (!fault && !partial->finished)
		fault = finish(partial, &proven, &err);
	if (partial->drop)
		arrival->resumes = false;
	arrival->outcome.length = partial->whole.size;
	memcpy(arrival->outcome.content, partial->whole.first, sizeof arrival->outcome.content);
	partial_free(partial);
	if (fault)
		arrival_fail(arrival, &err);
	else
		arrival_complete(arrival);
}

static bool partial_run(struct worker_task *task)
{
	struct partial *partial = (struct partial *)task;
	bool closed;
	for (struct partial_job *job; (job = next_job(partial, &closed));) {
		bool dropped = partial->failed.fault;
		activity_begin(ACTIVITY_HASHING);
		bool fails = !dropped && do_job(partial, job);
		activity_end(ACTIVITY_HASHING);
		if (fails)
			partial->failed = job->err;
		if (dropped)
			job->err = partial->failed;
		give_back(partial, job, fails);
	}
	if (closed)
		end(partial);
	return !closed;
}

/* ---- the lane's side ---- */

static void partial_init(struct partial *partial, const struct partial_options *options) UNCHECKED
{
	partial->task.run = partial_run;
	partial->options = *options;
	partial->arrival = options->arrival;
	partial->cap = *options->cap;
	mutex_init(&partial->lock);
	partial->last = &partial->first;
	partial->done_last = &partial->done;
}

enum fault partial_new(const struct partial_options *options, struct partial **partial,
		       struct err *err)
{
	struct partial *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for a download");
	partial_init(made, options);
	if (proof_start(&made->whole, options->cap, options->secret, err)) {
		partial_free(made);
		return err->fault;
	}
	*partial = made;
	return FAULT_NONE;
}

struct partial_job *partial_job_new(unsigned steps, uint64_t capacity)
{
	struct partial_job *job = malloc(sizeof *job + (size_t)capacity);
	if (job)
		*job = (struct partial_job){ .steps = steps, .capacity = capacity };
	return job;
}

void partial_job_free(struct partial_job *job)
{
	if (job && job->secret)
		secret_wipe(job->data, (size_t)job->capacity);
	free(job);
}

void partial_push(struct partial *partial, struct partial_job *job)
{
	mutex_lock(&partial->lock);
	job->next = NULL;
	*partial->last = job;
	partial->last = &job->next;
	partial->queued += job->capacity;
	mutex_unlock(&partial->lock);
	workers_wake(partial->options.workers, &partial->task);
}

struct partial_job *partial_done(struct partial *partial)
{
	mutex_lock(&partial->lock);
	struct partial_job *job = partial->done;
	if (job)
		partial->done = job->next;
	if (!partial->done)
		partial->done_last = &partial->done;
	mutex_unlock(&partial->lock);
	return job;
}

bool partial_is_full(struct partial *partial)
{
	mutex_lock(&partial->lock);
	bool full = partial->queued >= partial->options.queue_max;
	partial->waiting |= full;
	mutex_unlock(&partial->lock);
	return full;
}

const struct proof *partial_proof(const struct partial *partial, unsigned slot)
{
	return &partial->piece[slot];
}

void partial_close(struct partial *partial, const struct err *err, bool drop)
{
	mutex_lock(&partial->lock);
	partial->closed = true;
	partial->drop = drop;
	if (err)
		partial->verdict = *err;
	/* Under the lock: once it is free, a worker may end the partial. */
	workers_wake(partial->options.workers, &partial->task);
	mutex_unlock(&partial->lock);
}
