#include "commit/below.h"

#include "base/meta.h"
#include "base/utf8.h"
#include "decide/entry.h"

struct below {
	struct lane_task lane_task; /* first: the lanes know it by this */
	struct work *work;
	struct cap directory;
	struct bytes name; /* NFC */
	struct cap found;
};

static void below_free(struct below *below)
{
	cap_wipe(&below->directory);
	cap_wipe(&below->found);
	bytes_fini(&below->name);
	free(below);
}

/* Hears of each child of the directory; keeps the cap of the one that has the task's name. */
static bool below_child(void *context, const struct store_child *child)
{
	struct below *below = context;
	if (child->name_size == below->name.size &&
	    memcmp(child->name, below->name.data, child->name_size) == 0)
		below->found = child->node.rw.kind ? child->node.rw : child->node.ro;
	return true;
}

/* What stands in the listing of its directory, which is done, decides. */
static struct decision decide_found(const struct below *below)
{
	const struct outcome none = { .state = OUTCOME_NONE };
	const struct decide_known lost = { .state = OUTCOME_DAMAGED };
	const struct decide_policy policy = { .to_local = false };
	const struct decide_source source = decide_source_of(below->work->task, &none);
	const bool is_chunks =
		entry_is_chunked(below->work->task->kind, (uint8_t)below->found.kind);
	const struct decide_there there = {
		.kind = cap_is_directory(&below->found) && !is_chunks ? DECIDE_DIRECTORY
			: below->found.kind                           ? DECIDE_FILE
								      : DECIDE_NOTHING,
	};
	return decide(&policy, &source, &there, &lost);
}

/* What was listed is done at the level of that listing: its directory had been proven. */
static void settle_found(const struct below *below)
{
	const struct task *task = below->work->task;
	struct meta meta;
	struct outcome outcome = { .state = OUTCOME_DONE, .attempts = 1, .length = task->bytes };
	if (task->meta_size > 0 && meta_unpack(task->meta, task->meta_size, &meta))
		meta_pack_outcome(&meta, outcome.meta);
	if (cap_pack(&below->found, outcome.cap, &outcome.cap_size, &outcome.cap_kind))
		work_settle(below->work, &outcome, NULL);
	else
		work_fail(below->work, REASON_LOST, task->attempts + 1u, NULL);
}

/* The end of the lane task: the outcome, or the work given back. */
static void below_listed(void *context, const struct store_reply *reply)
{
	struct below *below = context;
	struct work *work = below->work;
	lane_task_end(&below->lane_task, &reply->err);
	if (!reply->fault && decide_found(below).action == DECIDE_DONE)
		settle_found(below);
	else if (!reply->fault)
		work_fail(work, REASON_LOST, work->task->attempts + 1u, NULL);
	else
		work_retry(work, REASON_LOST, &reply->err);
	below_free(below);
}

/* Lists the directory, whose children below_child hears. */
static void below_start(struct lane_task *lane_task, struct store *store)
{
	struct below *below = (struct below *)lane_task;
	struct err err;
	const struct store_list list = {
		.cap = &below->directory, .child = below_child, .context = below, .written = true
	};
	if (store_list(store, &list, (struct store_then){ below_listed, below }, &err))
		return;
	lane_task_end(lane_task, &err);
	work_fail(below->work, REASON_LOST, below->work->task->attempts + 1u, &err);
	below_free(below);
}

static void below_refuse(struct lane_task *lane_task)
{
	struct below *below = (struct below *)lane_task;
	work_again(below->work, 0, below->work->task->attempts);
	below_free(below);
}

/* Finds the name as the grid keeps it, and the cap of the directory it lies in. */
static enum fault below_prepare(const struct below_options *options, struct below *below,
				struct err *err)
{
	const struct task *task = below->work->task;
	struct outcome slot;
	bytes_init(&below->name, MANIFEST_NAME_MAX * 4);
	enum fault fault = name_to_nfc(&below->name, task->name, task->name_size);
	if (fault)
		return bytes_err(fault, err, "a name");
	if (task->directory == 0) {
		below->directory = *options->root;
		return FAULT_NONE;
	}
	if (outcomes_read(options->outcomes, task->directory, 1, &slot, err))
		return err->fault;
	if (!cap_unpack(slot.cap, slot.cap_size, slot.cap_kind, &below->directory))
		return err_set(err, FAULT_CORRUPT, "the slot of its directory holds no cap");
	return FAULT_NONE;
}

void below_submit(const struct below_options *options, struct lanes *lanes, struct work *work)
{
	struct err err;
	struct below *below = calloc(1, sizeof *below);
	if (!below) {
		work_again(work, 1000, work->task->attempts);
		return;
	}
	below->work = work;
	below->lane_task = (struct lane_task){
		.kind = LANE_TASK_DIRECTORY,
		.works = HEALTH_LISTING,
		.start = below_start,
		.refuse = below_refuse,
	};
	if (below_prepare(options, below, &err)) {
		if (err.fault == FAULT_IO)
			options->broken(options->context, &err);
		work_fail(work, REASON_LOST, work->task->attempts + 1u, &err);
		below_free(below);
		return;
	}
	lanes_submit(lanes, &below->lane_task);
}
