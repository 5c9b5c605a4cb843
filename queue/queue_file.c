#include "queue/queue_file.h"

#include "queue/queue_file_state.h"

enum fault queue_file_broken(struct queue_file *file, struct err *err)
{
	if (file->broken.fault != FAULT_NONE && err)
		*err = file->broken;
	return file->broken.fault;
}

enum fault queue_file_break(struct queue_file *file, const struct err *err)
{
	mutex_lock(&file->lock);
	if (file->broken.fault == FAULT_NONE)
		file->broken = *err;
	enum fault fault = file->broken.fault;
	cond_wake_all(&file->work);
	mutex_unlock(&file->lock);
	return fault;
}

static void commit_failed(void *context, const struct err *err) { queue_file_break(context, err); }

static void stop(struct queue *queue)
{
	struct queue_file *file = (struct queue_file *)queue;
	mutex_lock(&file->lock);
	file->stopped = true;
	cond_wake_all(&file->work);
	mutex_unlock(&file->lock);
}

static void free_waiting(struct waiting_heap *heap)
{
	for (struct waiting_task *waiting; (waiting = waiting_take(heap, UINT64_MAX));)
		waiting_free(waiting);
}

/* Frees what is there; the commit thread has ended. */
static void file_free(struct queue_file *file) UNCHECKED
{
	while (file->leased) {
		struct hold *next = file->leased->newer;
		hold_unref(file->leased);
		file->leased = next;
	}
	for (size_t i = 0; i < SEGMENT_KINDS; i++)
		free_waiting(&file->waiting[i]);
	ledger_fini(&file->ledger);
	cursor_free(file->cursor);
	lookup_close(file->lookup);
	cond_fini(&file->work);
	mutex_fini(&file->lock);
	free(file);
}

static enum fault close_file(struct queue *queue, struct err *err)
{
	struct queue_file *file = (struct queue_file *)queue;
	struct err own;
	if (commit_close(file->commit, &own) != FAULT_NONE)
		queue_file_break(file, &own);
	mutex_lock(&file->lock);
	enum fault fault = queue_file_broken(file, err);
	mutex_unlock(&file->lock);
	file_free(file);
	return fault;
}

static const struct queue_backend backend = {
	.lease = queue_file_lease,
	.record = queue_file_record,
	.release = queue_file_release,
	.extend = queue_file_extend,
	.stop = stop,
	.close = close_file,
};

static enum fault open_parts(struct queue_file *file, struct err *err)
{
	struct commit_options commit = { .outcomes = file->options.catalog->outcomes,
					 .written = queue_file_written,
					 .durable = queue_file_durable,
					 .dropped = queue_file_dropped,
					 .failed = commit_failed,
					 .context = file };
	enum fault fault = lookup_open(file->options.catalog, &file->lookup, err);
	if (fault == FAULT_NONE)
		fault = cursor_new(file->options.catalog, &file->cursor, err);
	if (fault == FAULT_NONE)
		fault = queue_file_root(file, err);
	if (fault == FAULT_NONE)
		fault = commit_open(&commit, &file->commit, err);
	return fault;
}

enum fault queue_file_open(const struct queue_file_options *options, struct queue **queue,
			   struct err *err) UNCHECKED
{
	struct queue_file *file = calloc(1, sizeof *file);
	if (!file)
		return err_set(err, FAULT_NOMEM, "out of memory");
	file->queue = (struct queue){ &backend, options->lease_ms };
	file->options = *options;
	file->durable = options->durable;
	file->complete = options->complete;
	mutex_init(&file->lock);
	cond_init(&file->work);
	enum fault fault = open_parts(file, err);
	if (fault == FAULT_NONE)
		*queue = &file->queue;
	else
		file_free(file);
	return fault;
}

void queue_file_publish(struct queue *queue, struct listing_id durable, bool complete)
{
	struct queue_file *file = (struct queue_file *)queue;
	mutex_lock(&file->lock);
	file->durable.value = max_u64(file->durable.value, durable.value);
	file->complete = file->complete || complete;
	file->at_edge = false;
	cond_wake_all(&file->work);
	mutex_unlock(&file->lock);
}

uint64_t queue_file_damaged(struct queue *queue)
{
	struct queue_file *file = (struct queue_file *)queue;
	mutex_lock(&file->lock);
	uint64_t damaged = file->damaged;
	mutex_unlock(&file->lock);
	return damaged;
}
