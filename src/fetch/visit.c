#include "fetch/visit.h"

static void forget(struct visit *visit)
{
	leaves_free(visit->found);
	visit->found = NULL;
	visit->count = 0;
	visit->nomem = false;
}

static bool find(void *context, const struct store_child *child)
{
	struct visit *visit = context;
	struct leaf *leaf = leaf_new(child->name, child->name_size, &child->node);
	if (!leaf) {
		visit->nomem = true;
		return false;
	}
	leaf->next = visit->found;
	visit->found = leaf;
	visit->count++;
	return true;
}

static void listed(void *context, const struct store_reply *reply)
{
	struct visit *visit = context;
	struct err err = reply->err;
	if (visit->nomem)
		err_set(&err, FAULT_NOMEM, "no memory for the children of a directory");
	else if (!err.fault && reply->node.kind != STORE_DIRECTORY)
		err_set(&err, FAULT_CORRUPT, "the gateway says that it is no directory");
	if (err.fault)
		forget(visit);
	crew_end(&visit->task, err.fault ? &err : NULL);
}

static void start(struct crew_task *task)
{
	struct visit *visit = (struct visit *)task;
	struct err err;
	forget(visit);
	enum fault fault = leaf_cap(visit->folder->self, &visit->cap, &err);
	if (!fault && !cap_is_directory(&visit->cap))
		fault = err_set(&err, FAULT_USAGE, "its cap is not one of a directory");
	const struct store_list list = { .cap = &visit->cap, .child = find, .context = visit };
	if (!fault)
		task->call =
			store_list(task->store, &list, (struct store_then){ listed, visit }, &err);
	if (!task->call)
		crew_end(task, &err);
}

struct visit *visit_new(struct folder *folder)
{
	struct visit *visit = calloc(1, sizeof *visit);
	if (visit) {
		visit->task.start = start;
		visit->folder = folder;
	}
	return visit;
}

void visit_free(struct visit *visit)
{
	if (!visit)
		return;
	forget(visit);
	cap_wipe(&visit->cap);
	free(visit);
}

bool visit_is(const struct crew_task *task) { return task->start == start; }
