#include "queue/queue_file_state.h"

#include <inttypes.h>

/* Where the leased segment of this number and epoch hangs, or the end of the list. */
static struct hold **find_leased(struct queue_file *file, const struct segment *segment)
	REQUIRES(file->lock)
{
	struct hold **at = &file->leased;
	while (*at &&
	       ((*at)->segment.number != segment->number || (*at)->segment.epoch != segment->epoch))
		at = &(*at)->newer;
	return at;
}

/* The leased segment, or NULL when its lease has ended. */
static struct hold *held(struct queue_file *file, const struct segment *segment)
	REQUIRES(file->lock)
{
	struct hold *hold = *find_leased(file, segment);
	return hold && !hold->superseded ? hold : NULL;
}

static enum fault stale(struct err *err)
{
	return err_set(err, FAULT_CHANGED, "the lease of the segment has ended");
}

static bool *ended_at(const struct hold *hold, const struct task *task)
{
	return &hold->ended[task - hold->segment.task];
}

/* Whether the outcome ends its task: a chunk's slot and a plan do not. */
static bool ends_task(const struct outcome *outcome, const struct task *task)
{
	return outcome->id == task->id && outcome_is_settled(outcome);
}

/* Whether the segment has the task, open, and the outcome makes sense. */
static enum fault check(const struct hold *hold, const struct outcome *outcome, struct err *err)
{
	const struct task *task = hold_find(hold, outcome->id);
	if (!task || *ended_at(hold, task))
		return err_set(err, FAULT_USAGE, "task %" PRIu64 " %s", outcome->id,
			       task ? "is settled already" : "is not of the segment");
	if (outcome->state < OUTCOME_PLANNED || outcome->state > OUTCOME_FAILED ||
	    outcome->cap_size > OUTCOME_CAP_MAX)
		return err_set(err, FAULT_USAGE, "task %" PRIu64 " has no such outcome",
			       outcome->id);
	return FAULT_NONE;
}

/* Marks the outcome's task as ended, or takes that back. */
static void mark(struct queue_file *file, struct hold *hold, const struct outcome *outcome,
		 bool ended) REQUIRES(file->lock)
{
	const struct task *task = hold_find(hold, outcome->id);
	if (!ends_task(outcome, task))
		return;
	*ended_at(hold, task) = ended;
	hold->open += ended ? (size_t)-1 : 1;
	file->unsettled[hold->segment.kind] += ended ? (uint64_t)-1 : 1;
}

/* Checks and marks all of the outcomes, with a reference for each, or none. */
static enum fault accept(struct queue_file *file, struct hold *hold, const struct outcome *outcome,
			 size_t count, struct err *err) REQUIRES(file->lock)
{
	size_t marked = 0;
	enum fault fault = FAULT_NONE;
	for (; marked < count; marked++) {
		fault = check(hold, &outcome[marked], err);
		if (fault != FAULT_NONE)
			break;
		mark(file, hold, &outcome[marked], true);
	}
	while (fault != FAULT_NONE && marked > 0)
		mark(file, hold, &outcome[--marked], false);
	if (file->unsettled[hold->segment.kind] == 0)
		cond_wake_all(&file->work);
	for (size_t i = 0; i < marked; i++)
		hold_ref(hold);
	return fault;
}

/* What fails or is skipped keeps what was planned for it, so that it can be taken up again.  Best
 * effort: without, it is taken up as if nothing had been at the target. */
static void keep_planned(struct queue_file *file, struct commit_item *item)
{
	struct outcome *outcome = &item->outcome, planned;
	struct err err;
	bool lost = outcome->state == OUTCOME_FAILED || outcome->state == OUTCOME_SKIPPED;
	if (!lost || outcome->id != item->task->id || outcome->cap_kind != 0 ||
	    (!item->task->existing && item->task->kind != MANIFEST_DIRECTORY) ||
	    outcomes_read(file->options.catalog->outcomes, outcome->id, 1, &planned, &err))
		return;
	if (planned.state == OUTCOME_PLANNED && planned.reason == REASON_NONE) {
		planned.state = outcome->state;
		planned.reason = outcome->reason;
		planned.attempts = outcome->attempts;
		*outcome = planned;
	}
	explicit_bzero(&planned, sizeof planned);
}

enum fault queue_file_record(struct queue *queue, const struct segment *segment,
			     const struct outcome *outcome, size_t count, struct err *err)
{
	struct queue_file *file = (struct queue_file *)queue;
	mutex_lock(&file->lock);
	struct hold *hold = held(file, segment);
	enum fault fault = queue_file_broken(file, err);
	if (fault == FAULT_NONE)
		fault = hold ? accept(file, hold, outcome, count, err) : stale(err);
	mutex_unlock(&file->lock);
	if (fault != FAULT_NONE)
		return fault;
	/* After a failure the rest is put as well: the commit gives its references back. */
	for (size_t i = 0; i < count; i++) {
		struct commit_item item = { .outcome = outcome[i],
					    .task = hold_find(hold, outcome[i].id),
					    .hold = hold };
		keep_planned(file, &item);
		enum fault put = commit_put(file->commit, &item, fault == FAULT_NONE ? err : NULL);
		fault = fault == FAULT_NONE ? put : fault;
		explicit_bzero(&item.outcome, sizeof item.outcome);
	}
	return fault;
}

/* ---- giving back ---- */

/* Makes the unsettled `task` wait, in `list`. */
static enum fault give_back(struct hold *hold, const struct task *task,
			    const struct task_return *how, struct waiting_task **list,
			    struct err *err)
{
	if (*ended_at(hold, task))
		return FAULT_NONE;
	struct waiting_task *waiting = waiting_new(task, how->retry_at_ms);
	if (!waiting)
		return err_set(err, FAULT_NOMEM, "out of memory");
	waiting->task.attempts = how->attempts;
	waiting->task.trouble = how->trouble;
	waiting->sibling = *list;
	*list = waiting;
	*ended_at(hold, task) = true;
	return FAULT_NONE;
}

/* Makes records for the tasks of `rest`, and for those that are neither ended nor in it. */
static enum fault give_back_all(struct hold *hold, const struct task_return *rest, size_t count,
				struct waiting_task **list, struct err *err)
{
	enum fault fault = FAULT_NONE;
	for (size_t i = 0; i < count && fault == FAULT_NONE; i++)
		fault = give_back(hold, hold_find(hold, rest[i].id), &rest[i], list, err);
	for (size_t i = 0; i < hold->segment.count && fault == FAULT_NONE; i++) {
		const struct task *task = &hold->segment.task[i];
		struct task_return as_it_was = { .id = task->id,
						 .attempts = task->attempts,
						 .trouble = task->trouble };
		fault = give_back(hold, task, &as_it_was, list, err);
	}
	return fault;
}

/* Whether all of `rest` are tasks of the segment. */
static enum fault check_rest(const struct hold *hold, const struct task_return *rest, size_t count,
			     struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct task *task = hold_find(hold, rest[i].id);
		if (!task || task->id != rest[i].id)
			return err_set(err, FAULT_USAGE, "task %" PRIu64 " is not of the segment",
				       rest[i].id);
	}
	return FAULT_NONE;
}

static void put_all(struct queue_file *file, enum segment_kind kind, struct waiting_task *list)
	REQUIRES(file->lock)
{
	while (list) {
		struct waiting_task *next = list->sibling;
		list->sibling = NULL;
		waiting_put(&file->waiting[kind], list);
		list = next;
	}
}

enum fault queue_file_release(struct queue *queue, struct segment *segment,
			      const struct task_return *rest, size_t count, struct err *err)
{
	struct queue_file *file = (struct queue_file *)queue;
	mutex_lock(&file->lock);
	struct hold **at = find_leased(file, segment);
	struct hold *hold = *at;
	bool lost = !hold || hold->superseded;
	enum fault fault = lost ? stale(err) : check_rest(hold, rest, count, err);
	if (hold && (fault == FAULT_NONE || lost))
		*at = hold->newer;
	mutex_unlock(&file->lock);
	if (lost) {
		if (hold)
			hold_unref(hold);
		return fault;
	}
	if (fault != FAULT_NONE)
		return fault;
	struct waiting_task *list = NULL;
	struct err own;
	if (give_back_all(hold, rest, count, &list, &own) != FAULT_NONE)
		queue_file_break(file, &own);
	mutex_lock(&file->lock);
	put_all(file, hold->segment.kind, list);
	file->unsettled[hold->segment.kind] -= hold->open;
	cond_wake_all(&file->work);
	fault = queue_file_broken(file, err);
	mutex_unlock(&file->lock);
	hold_unref(hold);
	return fault;
}

enum fault queue_file_extend(struct queue *queue, const struct segment *segment, struct err *err)
{
	struct queue_file *file = (struct queue_file *)queue;
	mutex_lock(&file->lock);
	struct hold *hold = held(file, segment);
	if (hold)
		hold->until_ms = queue_file_until_ms(file);
	mutex_unlock(&file->lock);
	return hold ? FAULT_NONE : stale(err);
}

/* ---- what the commit thread says ---- */

/* Directories are counted down as soon as slots are written: who makes one reads those. */

void queue_file_written(void *context, const struct commit_item *item, size_t count)
{
	struct queue_file *file = context;
	bool wake = false;
	mutex_lock(&file->lock);
	for (size_t i = 0; i < count; i++) {
		const struct task *task = item[i].task;
		if (!ends_task(&item[i].outcome, task))
			continue;
		if (task->kind == MANIFEST_DIRECTORY)
			ledger_settle(&file->ledger, task->id);
		if (task->id != 0 && ledger_child_settled(&file->ledger, task->directory))
			wake = true;
	}
	if (wake || file->ledger.open == 0)
		cond_wake_all(&file->work);
	mutex_unlock(&file->lock);
}

void queue_file_durable(void *context, const struct commit_item *item)
{
	struct queue_file *file = context;
	if (file->options.settled && ends_task(&item->outcome, item->task))
		file->options.settled(file->options.context, item->task, &item->outcome);
	hold_unref(item->hold);
}

void queue_file_dropped(void *context, const struct commit_item *item)
{
	(void)context;
	hold_unref(item->hold);
}
