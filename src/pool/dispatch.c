#include "pool/dispatch.h"

#include "queue/thread.h"

struct dispatch {
	struct dispatch_options options;
	struct thread thread;
};

static void hand_out(struct dispatch *dispatch, struct work *work)
{
	const struct dispatch_options *options = &dispatch->options;
	struct err err;
	if (work->task->flags & TASK_BELOW_DONE) {
		options->below(options->context, work);
	} else if (work->task->kind == MANIFEST_FILE) {
		options->file(options->context, work);
	} else {
		err_set(&err, FAULT_USAGE, "this version cannot transfer an entry of this kind");
		work_fail(work, REASON_SPECIAL, work->task->attempts + 1u, &err);
	}
}

static void run(void *context)
{
	struct dispatch *dispatch = context;
	const struct lease_options *options = &dispatch->options.lease;
	for (;;) {
		struct segment *segment;
		struct err err;
		if (queue_lease(options->queue, SEGMENT_TRANSFERS, &segment, &err)) {
			options->broken(options->context, &err);
			return;
		}
		if (!segment)
			return;
		size_t count = segment->count;
		struct lease *lease = lease_new(options, segment);
		if (!lease) {
			err_set(&err, FAULT_NOMEM, "no memory for leased tasks");
			options->broken(options->context, &err);
			return;
		}
		struct work *work = lease_works(lease);
		for (size_t i = 0; i < count; i++)
			hand_out(dispatch, &work[i]);
	}
}

enum fault dispatch_start(const struct dispatch_options *options, struct dispatch **dispatch,
			  struct err *err)
{
	struct dispatch *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for the dispatcher");
	made->options = *options;
	if (!thread_start(&made->thread, "dispatch", run, made)) {
		free(made);
		return err_set(err, FAULT_NOMEM, "cannot start the dispatcher thread");
	}
	*dispatch = made;
	return FAULT_NONE;
}

void dispatch_join(struct dispatch *dispatch)
{
	if (!dispatch)
		return;
	thread_join(&dispatch->thread);
	free(dispatch);
}
