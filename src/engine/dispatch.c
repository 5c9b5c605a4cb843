#include "engine/dispatch.h"

#include "queue/core/thread.h"

struct dispatch {
	struct dispatch_options options;
	struct thread thread;
};

static bool is_transfer(uint8_t kind)
{
	return kind == MANIFEST_FILE || kind == MANIFEST_SYMLINK || kind == MANIFEST_LINKED;
}

/* A file or symlink is transferred; what lies below a directory that is done is looked up there. */
static void hand_out(void *context, struct work *work)
{
	struct dispatch *dispatch = context;
	const struct dispatch_options *options = &dispatch->options;
	struct err err;
	if (work->task->flags & TASK_BELOW_DONE) {
		options->below(options->context, work);
	} else if (is_transfer(work->task->kind)) {
		options->file(options->context, work);
	} else {
		err_set(&err, FAULT_USAGE, "this version cannot transfer an entry of this kind");
		work_fail(work, REASON_SPECIAL, work->task->attempts + 1u, &err);
	}
}

static void dispatch_run(void *context)
{
	struct dispatch *dispatch = context;
	lease_each(&dispatch->options.lease, SEGMENT_TRANSFERS, hand_out, dispatch);
}

enum fault dispatch_start(const struct dispatch_options *options, struct dispatch **dispatch,
			  struct err *err)
{
	struct dispatch *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for the dispatcher");
	made->options = *options;
	if (!thread_start(&made->thread, "dispatch", dispatch_run, made)) {
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
