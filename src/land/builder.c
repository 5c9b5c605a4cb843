#include "land/builder.h"

#include "base/meta.h"
#include "files/target_tree.h"
#include "land/hardlinks.h"
#include "land/presence.h"
#include "measure/activity.h"
#include "queue/core/thread.h"

#include <errno.h>
#include <fcntl.h>

struct builder {
	struct builder_options options;
	struct tree *target_tree;
	struct thread thread;
};

/* Gives the open directory the looks of its source, or those it had. */
static enum fault restore(const struct builder *builder, const struct task *task, int fd,
			  struct err *err)
{
	struct looks looks = { .mode = NULL };
	struct meta meta;
	unsigned lost = 0;
	if (builder->options.preserve && task->meta_size > 0 &&
	    meta_unpack(task->meta, task->meta_size, &meta)) {
		looks.mode = meta_has_mode(&meta) ? &meta.mode : NULL;
		looks.mtime_ns = meta_has_mtime(&meta) ? &meta.mtime_ns : NULL;
		looks.attributes_size =
			meta_attributes(task->meta, task->meta_size, &looks.attributes);
	}
	enum fault fault = restore_directory(fd, &looks, 0777 & ~builder->options.mask, &lost, err);
	losses_add(builder->options.losses, lost);
	if (!fault && restore_is_plainer(lost) && builder->options.plainer)
		builder->options.plainer(builder->options.context, task);
	return fault;
}

/* The target's own directory is the user's: it only gets back what it was given for the time being.
 * It is the last: then all that was done is looked for. */
static enum fault close_root(struct builder *builder, const struct task *task, struct err *err)
{
	struct tree_dir *target_dir;
	unsigned lost = 0;
	const struct hardlinks_options links = {
		.catalog = builder->options.catalog,
		.root = builder->options.path,
		.job = builder->options.job,
		.mask = builder->options.mask,
		.losses = builder->options.losses,
	};
	const struct looks as_it_was = { .mode = NULL };
	bool from_grid = builder->options.catalog->sources;
	if (tree_open(builder->target_tree, task->listing, &target_dir, err))
		return err->fault;
	enum fault fault = target_dir_check(target_dir, builder->options.path, err);
	if (!fault && builder->options.preserve && from_grid)
		fault = hardlinks_make(&links, err);
	if (!fault)
		fault = restore_directory(target_dir->fd, &as_it_was, DIRECTORY_MADE, &lost, err);
	tree_dir_unref(target_dir);
	return fault ? fault : presence_check(builder->options.catalog, builder->options.path, err);
}

static enum fault build(struct builder *builder, const struct task *task, struct err *err)
{
	struct tree_dir *target_dir;
	if (tree_open(builder->target_tree, task->listing, &target_dir, err))
		return err->fault;
	enum fault fault = target_dir_check(target_dir, builder->options.path, err);
	if (!fault)
		fault = restore(builder, task, target_dir->fd, err);
	tree_dir_unref(target_dir);
	return fault;
}

/* Stores why the planner could not list the directory to its end, or REASON_NONE. */
static enum fault look_condemned(const struct builder *builder, uint64_t id, uint8_t *reason,
				 struct err *err)
{
	struct outcome slot;
	enum fault fault = outcomes_read(builder->options.catalog->outcomes, id, 1, &slot, err);
	*reason = !fault && slot.state == OUTCOME_PLANNED ? slot.reason : REASON_NONE;
	return fault;
}

/* A fault of the whole target is no verdict: the job goes on when that is there again. */
static void end_failed(struct builder *builder, struct work *work, const struct err *err)
{
	const struct lease_options *lease = &builder->options.lease;
	struct err sorted = *err;
	if (err->fault != FAULT_EXISTS) /* what is damaged is the plan */
		err_sort(&sorted, err->fault == FAULT_CORRUPT ? ERR_JOB : ERR_TARGET);
	if (work->task->id == 0) {
		lease->broken(lease->context, &sorted);
		work_again(work, 0, work->task->attempts);
	} else {
		work_retry(work, REASON_NONE, &sorted);
	}
}

static void build_one(void *context, struct work *work)
{
	struct builder *builder = context;
	const struct task *task = work->task;
	struct outcome outcome = { .state = OUTCOME_DONE, .attempts = 1 };
	struct err err = { 0 };
	uint8_t reason = REASON_NONE;
	activity_begin(ACTIVITY_COMMITTING);
	if (task->id == 0)
		err.fault = close_root(builder, task, &err);
	else if (!look_condemned(builder, task->id, &reason, &err) && !reason)
		err.fault = build(builder, task, &err);
	activity_end(ACTIVITY_COMMITTING);
	if (reason)
		work_fail(work, reason, task->attempts + 1u, NULL);
	else if (err.fault)
		end_failed(builder, work, &err);
	else
		work_settle(work, &outcome, NULL);
}

static void builder_run(void *context)
{
	struct builder *builder = context;
	lease_each(&builder->options.lease, SEGMENT_DIRECTORIES, build_one, builder);
}

enum fault builder_start(const struct builder_options *options, struct builder **builder,
			 struct err *err)
{
	struct builder *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for the target's directories");
	made->options = *options;
	enum fault fault = target_tree_new(options->catalog, options->root, options->opened,
					   &made->target_tree, err);
	if (!fault && !thread_start(&made->thread, "builder", builder_run, made))
		fault = err_set(err, FAULT_NOMEM, "cannot start the builder thread");
	if (fault) {
		tree_free(made->target_tree);
		free(made);
		return fault;
	}
	*builder = made;
	return FAULT_NONE;
}

void builder_join(struct builder *builder)
{
	if (!builder)
		return;
	thread_join(&builder->thread);
	tree_free(builder->target_tree);
	free(builder);
}
