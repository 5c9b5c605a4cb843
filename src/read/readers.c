#include "read/readers.h"

#include "queue/core/ring.h"
#include "queue/core/thread.h"
#include "read/duplicate.h"
#include "read/reader.h"

enum { READERS_MAX = 64, RING_WORKS = 256 /* works decoded ahead; a few hundred bytes each */ };

struct readers {
	struct readers_options options;
	struct ring *ring;
	atomic_uint doubts;
	unsigned started;
	struct thread thread[READERS_MAX];
	struct reader *reader[READERS_MAX];
};

struct reader_start {
	struct readers *readers;
	struct reader *reader;
};

static void readers_run(void *context)
{
	struct reader_start start = *(struct reader_start *)context;
	free(context);
	for (struct work *work; (work = ring_pop(start.readers->ring));)
		reader_take(start.reader, work);
}

/* A reader must not sleep for room that only readers make. */
static bool offer(void *offered, struct work *work)
{
	return ring_try_push(((struct readers *)offered)->ring, work);
}

static enum fault start_one(struct readers *readers, struct err *err)
{
	struct reader_start *start = malloc(sizeof *start);
	struct reader *reader;
	if (!start)
		return err_set(err, FAULT_NOMEM, "no memory for a reader");
	if (reader_new(&readers->options, &reader, err)) {
		free(start);
		return err->fault;
	}
	*start = (struct reader_start){ readers, reader };
	unsigned number = readers->started;
	if (!thread_start(&readers->thread[number], "reader", readers_run, start)) {
		free(start);
		reader_free(reader);
		return err_set(err, FAULT_NOMEM, "cannot start a reader thread");
	}
	readers->reader[number] = reader;
	readers->started++;
	return FAULT_NONE;
}

enum fault readers_new(const struct readers_options *options, struct readers **readers,
		       struct err *err)
{
	struct readers *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for readers");
	made->options = *options;
	made->options.doubts = &made->doubts;
	made->options.offer = offer;
	made->options.offered = made;
	made->ring = ring_new(RING_WORKS);
	enum fault fault = FAULT_NONE;
	if (!made->ring)
		fault = err_set(err, FAULT_NOMEM, "no memory for readers");
	for (unsigned i = 0; i < options->threads && i < READERS_MAX && !fault; i++)
		fault = start_one(made, err);
	if (fault == FAULT_NOMEM && made->started > 0) /* fewer are only slower */
		fault = FAULT_NONE;
	if (fault) {
		readers_free(made);
		return fault;
	}
	*readers = made;
	return FAULT_NONE;
}

void readers_push(struct readers *readers, struct work *work)
{
	if (!ring_push(readers->ring, work))
		work_again(work, 0, work->task->attempts);
}

void readers_free(struct readers *readers)
{
	if (!readers)
		return;
	if (readers->ring)
		ring_close(readers->ring);
	for (unsigned i = 0; i < readers->started; i++) {
		thread_join(&readers->thread[i]);
		reader_free(readers->reader[i]);
	}
	ring_free(readers->ring);
	free(readers);
}
