#include "land/shelf.h"

#include "queue/core/ring.h"
#include "queue/core/thread.h"

enum {
	THREADS = 2,
	STREAMS = 64, /* delivered and not begun */
	LOOK_MS = 50, /* between questions whether to stop */
};

/* A thread that writes one stream after the other, and sleeps until there is more of any. */
struct writer {
	struct shelf *shelf;
	struct thread thread;
	struct mutex lock;
	struct cond more;
	bool woken GUARDED;
};

struct shelf {
	struct shelf_options options;
	struct ring *streams;
	struct mutex lock; /* of the site */
	struct site *site;
	unsigned started;
	struct writer writer[THREADS];
};

/* ---- where ---- */

static enum fault open_spot(struct shelf *shelf, const struct task *task, struct spot **spot,
			    struct err *err)
{
	mutex_lock(&shelf->lock);
	enum fault fault = site_open(shelf->site, task->listing, spot, err);
	mutex_unlock(&shelf->lock);
	return fault;
}

/* Begins the arrival of a work.  NULL: the work has ended. */
static struct arrival *begin(struct shelf *shelf, struct work *work)
{
	const struct shelf_options *options = &shelf->options;
	struct spot *spot;
	struct err err;
	if (open_spot(shelf, work->task, &spot, &err)) {
		arrivals_fail(shelf->options.arrivals, work, &err);
		return NULL;
	}
	struct arrival *arrival = arrival_begin(shelf->options.arrivals, work, spot);
	if (!arrival)
		return NULL;
	/* Asked last: another thread that hears no stops the arrivals that have not begun. */
	if (options->admits && !options->admits(options->context, work->task->bytes))
		err_set(&err, FAULT_CANCELLED, "nothing more is to be begun");
	else if (!arrival_open(arrival, &err))
		return arrival;
	arrival_fail(arrival, &err);
	return NULL;
}

bool shelf_keeps(struct shelf *shelf, struct work *work)
{
	struct spot *spot;
	struct err err;
	if (open_spot(shelf, work->task, &spot, &err)) {
		arrivals_fail(shelf->options.arrivals, work, &err);
		return true;
	}
	bool keeps = arrivals_keep(shelf->options.arrivals, work, spot);
	spot_unref(spot);
	return keeps;
}

/* ---- the pace ---- */

/* Sleeps until `size` bytes more may be written. */
static enum fault wait_turn(const struct shelf *shelf, uint64_t size, struct err *err)
{
	const struct shelf_options *options = &shelf->options;
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

/* Writes all of `data` at `offset` of the arrival's file, no faster than the pace allows. */
static enum fault write_paced(const struct shelf *shelf, const struct arrival *arrival,
			      const struct piece *piece, struct err *err)
{
	const struct pace *pace = shelf->options.pace;
	size_t chunk = pace ? pace_chunk(pace) : piece->size;
	enum fault fault = FAULT_NONE;
	for (size_t done = 0; done < piece->size && !fault; done += chunk) {
		size_t size = (size_t)min_u64(chunk, piece->size - done);
		if (pace)
			fault = wait_turn(shelf, size, err);
		if (!fault)
			fault = beneath_write_at(arrival->fd, piece->offset + done,
						 piece->data + done, size, err);
	}
	return fault;
}

/* ---- bodies ---- */

static void complete(struct shelf *shelf, struct arrival *arrival, const struct body *body)
{
	struct outcome *outcome = &arrival->outcome;
	arrival->meta = body->meta;
	outcome->length = body->size;
	memcpy(outcome->content, body->proof.content, sizeof outcome->content);
	if (shelf->options.moved)
		shelf->options.moved(shelf->options.context, body->size);
	arrival_complete(arrival);
}

static void write_whole(struct shelf *shelf, struct arrival *arrival, const struct body *body)
{
	struct err err;
	const struct piece whole = { .data = body->data, .size = (size_t)body->size };
	if (write_paced(shelf, arrival, &whole, &err))
		arrival_fail(arrival, &err);
	else
		complete(shelf, arrival, body);
}

/* A reader has more of some stream; which writer has that is nobody's business here. */
static void wake(void *context)
{
	struct shelf *shelf = context;
	for (unsigned i = 0; i < THREADS; i++) {
		struct writer *writer = &shelf->writer[i];
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
			       struct body *body, struct err *err)
{
	for (;;) {
		bool over = body_verdict(body, err);
		struct piece *piece = body_peek(body);
		if (piece) {
			if (write_paced(writer->shelf, arrival, piece, err))
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
	struct shelf *shelf = writer->shelf;
	struct err err;
	struct arrival *arrival = begin(shelf, body->work);
	if (arrival && write_pieces(writer, arrival, body, &err))
		arrival_fail(arrival, &err);
	else if (arrival)
		complete(shelf, arrival, body);
	body_abandon(body);
	body_unref(body);
}

static void run(void *context)
{
	struct writer *writer = context;
	for (struct body *body; (body = ring_pop(writer->shelf->streams));)
		write_stream(writer, body);
}

void shelf_deliver(void *context, struct body *body)
{
	struct shelf *shelf = context;
	if (body->stream) {
		body_set_wake(body, wake, shelf);
		ring_push(shelf->streams, body);
		return;
	}
	struct arrival *arrival = begin(shelf, body->work);
	if (arrival)
		write_whole(shelf, arrival, body);
	body_unref(body);
}

/* ---- lifetime ---- */

static enum fault start_writers(struct shelf *shelf, struct err *err) UNCHECKED
{
	for (; shelf->started < THREADS; shelf->started++) {
		struct writer *writer = &shelf->writer[shelf->started];
		writer->shelf = shelf;
		mutex_init(&writer->lock);
		cond_init(&writer->more);
		if (!thread_start(&writer->thread, "shelf", run, writer)) {
			cond_fini(&writer->more);
			mutex_fini(&writer->lock);
			return err_set(err, FAULT_NOMEM, "cannot start a thread for writing files");
		}
	}
	return FAULT_NONE;
}

enum fault shelf_new(const struct shelf_options *options, struct shelf **shelf, struct err *err)
{
	struct shelf *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for writing files");
	made->options = *options;
	mutex_init(&made->lock);
	made->streams = ring_new(STREAMS);
	enum fault fault = FAULT_NONE;
	if (!made->streams)
		fault = err_set(err, FAULT_NOMEM, "no memory for writing files");
	if (!fault)
		fault = site_new(options->manifest, options->root, &made->site, err);
	if (!fault)
		fault = start_writers(made, err);
	if (fault)
		shelf_free(made);
	else
		*shelf = made;
	return fault;
}

void shelf_free(struct shelf *shelf) UNCHECKED
{
	if (!shelf)
		return;
	if (shelf->streams)
		ring_close(shelf->streams);
	for (unsigned i = 0; i < shelf->started; i++) {
		thread_join(&shelf->writer[i].thread);
		cond_fini(&shelf->writer[i].more);
		mutex_fini(&shelf->writer[i].lock);
	}
	site_free(shelf->site);
	ring_free(shelf->streams);
	mutex_fini(&shelf->lock);
	free(shelf);
}
