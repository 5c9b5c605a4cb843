#include "land/local_writer.h"

#include "queue/core/ring.h"
#include "queue/core/thread.h"

enum {
	THREADS = 2,
	STREAMS = 64, /* delivered and not begun */
	LOOK_MS = 50, /* between questions whether to stop */
};

/* A thread that writes one stream after the other, and sleeps until there is more of any. */
struct writer {
	struct local_writer *local_writer;
	struct thread thread;
	struct mutex lock;
	struct cond more;
	bool woken GUARDED;
};

struct local_writer {
	struct local_writer_options options;
	struct ring *streams;
	struct mutex lock; /* of the target tree */
	struct tree *target_tree;
	unsigned started;
	struct writer writer[THREADS];
};

/* ---- where ---- */

static enum fault open_spot(struct local_writer *local_writer, const struct task *task,
			    struct tree_dir **target_dir, struct err *err)
{
	mutex_lock(&local_writer->lock);
	enum fault fault = tree_open(local_writer->target_tree, task->listing, target_dir, err);
	mutex_unlock(&local_writer->lock);
	return fault;
}

/* Begins the arrival of a body.  NULL: the work has ended. */
static struct arrival *begin(struct local_writer *local_writer, const struct body *body)
{
	struct work *work = body->work;
	const struct local_writer_options *options = &local_writer->options;
	struct tree_dir *target_dir;
	struct err err;
	if (open_spot(local_writer, work->task, &target_dir, &err)) {
		arrivals_fail(work, &err);
		return NULL;
	}
	struct arrival *arrival =
		arrival_begin(local_writer->options.arrivals, work, target_dir, NULL);
	if (!arrival)
		return NULL;
	arrival->sparse |= body->sparse;
	/* Asked last: once a thread hears no, arrivals that have not begun are stopped. */
	if (options->admits && !options->admits(options->context, work->task->bytes))
		err_set(&err, FAULT_CANCELLED, "nothing more is to be begun");
	else if (!arrival_open(arrival, &err)) {
		arrival_extend(arrival, body->size);
		return arrival;
	}
	arrival_fail(arrival, &err);
	return NULL;
}

bool local_writer_keeps(struct local_writer *local_writer, struct work *work)
{
	struct tree_dir *target_dir;
	struct err err;
	if (open_spot(local_writer, work->task, &target_dir, &err)) {
		arrivals_fail(work, &err);
		return true;
	}
	bool keeps = arrivals_keep(local_writer->options.arrivals, work, target_dir);
	tree_dir_unref(target_dir);
	return keeps;
}

/* ---- the pace ---- */

/* Sleeps until `size` bytes more may be written. */
static enum fault wait_turn(const struct local_writer *local_writer, uint64_t size, struct err *err)
{
	const struct local_writer_options *options = &local_writer->options;
	uint64_t due_ms = pace_ask(options->pace, size, clock_ms());
	for (uint64_t now_ms; (now_ms = clock_ms()) < due_ms;) {
		if (atomic_load_explicit(options->cancel, memory_order_acquire))
			return err_set(err, FAULT_CANCELLED, "asked to stop");
		uint64_t ms = min_u64(due_ms - now_ms, LOOK_MS);
		const struct timespec rest = { .tv_nsec = (long)ms * 1000000 };
		(void)nanosleep(&rest, NULL);
	}
	return FAULT_NONE;
}

/* Tells that `bytes` more of a file are there, or that it has ended (as many fewer). */
static void tell_there(const struct local_writer *local_writer, int64_t bytes)
{
	const struct local_writer_options *options = &local_writer->options;
	if (options->moved && bytes > 0)
		options->moved(options->context, (uint64_t)bytes);
	if (options->underway)
		options->underway(options->context, bytes);
}

/* Writes the piece into the arrival's file, no faster than the pace allows, and adds to `there`
 * what was told. */
static enum fault write_paced(const struct local_writer *local_writer,
			      const struct arrival *arrival, const struct body_piece *piece,
			      uint64_t *there, struct err *err)
{
	const struct pace *pace = local_writer->options.pace;
	size_t chunk = pace ? pace_chunk(pace) : piece->size;
	enum fault fault = FAULT_NONE;
	for (size_t done = 0; done < piece->size && !fault; done += chunk) {
		size_t size = (size_t)min_u64(chunk, piece->size - done);
		if (pace)
			fault = wait_turn(local_writer, size, err);
		if (!fault)
			fault = arrival_write(arrival, piece->offset + done, piece->data + done,
					      size, err);
		if (!fault) {
			tell_there(local_writer, (int64_t)size);
			*there += size;
		}
	}
	return fault;
}

/* ---- bodies ---- */

static void complete(struct arrival *arrival, const struct body *body)
{
	struct outcome *outcome = &arrival->outcome;
	arrival->meta = body->meta;
	outcome->length = body->size;
	memcpy(outcome->content, body->proof.content, sizeof outcome->content);
	arrival_complete(arrival);
}

static void write_whole(struct local_writer *local_writer, struct arrival *arrival,
			const struct body *body)
{
	struct err err;
	const struct body_piece whole = { .data = body->data, .size = (size_t)body->size };
	uint64_t there = 0;
	if (write_paced(local_writer, arrival, &whole, &there, &err))
		arrival_fail(arrival, &err);
	else
		complete(arrival, body);
	tell_there(local_writer, -(int64_t)there);
}

/* A reader has more of one of the streams.  It is not known whose, so every writer looks. */
static void wake(void *context)
{
	struct local_writer *local_writer = context;
	for (unsigned i = 0; i < THREADS; i++) {
		struct writer *writer = &local_writer->writer[i];
		mutex_lock(&writer->lock);
		writer->woken = true;
		cond_wake_one(&writer->more);
		mutex_unlock(&writer->lock);
	}
}

static void sleep_until_woken(struct writer *writer)
{
	mutex_lock(&writer->lock);
	while (!writer->woken)
		cond_wait(&writer->more, &writer->lock);
	writer->woken = false;
	mutex_unlock(&writer->lock);
}

/* Writes pieces as they come until the reader has ended the stream. */
static enum fault write_pieces(struct writer *writer, const struct arrival *arrival,
			       struct body *body, uint64_t *there, struct err *err)
{
	for (;;) {
		bool over = body_verdict(body, err);
		struct body_piece *piece = body_peek(body);
		if (piece) {
			if (write_paced(writer->local_writer, arrival, piece, there, err))
				return err->fault;
			body_pop(body);
		} else if (over) {
			return err->fault;
		} else {
			sleep_until_woken(writer);
		}
	}
}

static void write_stream(struct writer *writer, struct body *body)
{
	struct local_writer *local_writer = writer->local_writer;
	struct err err;
	struct arrival *arrival = begin(local_writer, body);
	uint64_t there = 0;
	if (arrival && write_pieces(writer, arrival, body, &there, &err))
		arrival_fail(arrival, &err);
	else if (arrival)
		complete(arrival, body);
	tell_there(local_writer, -(int64_t)there);
	body_abandon(body);
	body_unref(body);
}

static void local_writer_run(void *context)
{
	struct writer *writer = context;
	for (struct body *body; (body = ring_pop(writer->local_writer->streams));)
		write_stream(writer, body);
}

void local_writer_deliver(void *context, struct body *body)
{
	struct local_writer *local_writer = context;
	if (body->stream) {
		body_set_wake(body, wake, local_writer);
		ring_push(local_writer->streams, body);
		return;
	}
	struct arrival *arrival = begin(local_writer, body);
	if (arrival)
		write_whole(local_writer, arrival, body);
	body_unref(body);
}

/* ---- lifetime ---- */

static enum fault start_writers(struct local_writer *local_writer, struct err *err) UNCHECKED
{
	for (; local_writer->started < THREADS; local_writer->started++) {
		struct writer *writer = &local_writer->writer[local_writer->started];
		writer->local_writer = local_writer;
		mutex_init(&writer->lock);
		cond_init(&writer->more);
		if (!thread_start(&writer->thread, "writer", local_writer_run, writer)) {
			cond_fini(&writer->more);
			mutex_fini(&writer->lock);
			return err_set(err, FAULT_NOMEM, "cannot start a thread for writing files");
		}
	}
	return FAULT_NONE;
}

enum fault local_writer_new(const struct local_writer_options *options,
			    struct local_writer **local_writer, struct err *err)
{
	struct local_writer *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for writing files");
	made->options = *options;
	mutex_init(&made->lock);
	made->streams = ring_new(STREAMS);
	enum fault fault = FAULT_NONE;
	if (!made->streams)
		fault = err_set(err, FAULT_NOMEM, "no memory for writing files");
	if (!fault)
		fault = target_tree_new(options->catalog, options->root, options->opened,
					&made->target_tree, err);
	if (!fault)
		fault = start_writers(made, err);
	if (fault)
		local_writer_free(made);
	else
		*local_writer = made;
	return fault;
}

void local_writer_free(struct local_writer *local_writer) UNCHECKED
{
	if (!local_writer)
		return;
	if (local_writer->streams)
		ring_close(local_writer->streams);
	for (unsigned i = 0; i < local_writer->started; i++) {
		thread_join(&local_writer->writer[i].thread);
		cond_fini(&local_writer->writer[i].more);
		mutex_fini(&local_writer->writer[i].lock);
	}
	tree_free(local_writer->target_tree);
	ring_free(local_writer->streams);
	mutex_fini(&local_writer->lock);
	free(local_writer);
}
