#include "queue/waiting.h"

struct waiting_task *waiting_new(const struct task *task, uint64_t due_ms)
{
	struct waiting_task *waiting = malloc(sizeof *waiting + task->name_size + task->meta_size);
	if (!waiting)
		return NULL;
	*waiting = (struct waiting_task){ .task = *task, .due_ms = due_ms };
	if (task->name_size > 0)
		memcpy(waiting->bytes, task->name, task->name_size);
	if (task->meta_size > 0)
		memcpy(waiting->bytes + task->name_size, task->meta, task->meta_size);
	waiting->task.name = (const char *)waiting->bytes;
	waiting->task.meta = waiting->bytes + task->name_size;
	waiting->task.segment = NULL;
	return waiting;
}

void waiting_free(struct waiting_task *waiting) { free(waiting); }

static bool before(const struct waiting_task *a, const struct waiting_task *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->task.id < b->task.id;
}

/* A pairing heap: each node's children form a list and are not due before it. */
static struct waiting_task *meld(struct waiting_task *a, struct waiting_task *b)
{
	if (!a || !b)
		return a ? a : b;
	struct waiting_task *first = before(b, a) ? b : a;
	struct waiting_task *second = first == a ? b : a;
	second->sibling = first->child;
	first->child = second;
	return first;
}

/* Melds a list of siblings in two passes, pairs first, which is what keeps the heap shallow. */
static struct waiting_task *meld_all(struct waiting_task *list)
{
	struct waiting_task *pairs = NULL, *all = NULL;
	while (list) {
		struct waiting_task *a = list;
		struct waiting_task *b = a->sibling;
		list = b ? b->sibling : NULL;
		a->sibling = NULL;
		if (b)
			b->sibling = NULL;
		struct waiting_task *pair = meld(a, b);
		pair->sibling = pairs;
		pairs = pair;
	}
	while (pairs) {
		struct waiting_task *next = pairs->sibling;
		pairs->sibling = NULL;
		all = meld(all, pairs);
		pairs = next;
	}
	return all;
}

void waiting_put(struct waiting_heap *heap, struct waiting_task *waiting)
{
	heap->first = meld(heap->first, waiting);
}

struct waiting_task *waiting_take(struct waiting_heap *heap, uint64_t now_ms)
{
	struct waiting_task *taken = heap->first;
	if (!taken || taken->due_ms > now_ms)
		return NULL;
	heap->first = meld_all(taken->child);
	taken->child = NULL;
	return taken;
}
