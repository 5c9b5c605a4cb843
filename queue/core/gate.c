#include "queue/core/gate.h"

#include "queue/core/thread.h"

#include <assert.h>

/* Somebody asleep in gate_enter, on whose stack it is. */
struct waiter {
	struct waiter *next; /* came after it */
	struct cond turn;    /* wakes it alone: admitted, or closed */
	uint64_t share;
	bool admitted; /* by whoever left, who has also counted it */
};

struct gate {
	struct mutex lock;
	uint64_t tasks_max;           /* fixed by gate_new */
	uint64_t bytes_max;           /* fixed by gate_new */
	uint64_t tasks GUARDED;       /* inside */
	uint64_t bytes GUARDED;       /* inside */
	struct waiter *first GUARDED; /* in the order they came */
	struct waiter **last GUARDED; /* where the next one hangs */
	bool closed GUARDED;          /* never falls back to false */
};

struct gate *gate_new(uint64_t tasks, uint64_t bytes) UNCHECKED
{
	assert(tasks >= 1 && bytes >= 1);
	struct gate *gate = calloc(1, sizeof *gate);
	if (!gate)
		return NULL;
	mutex_init(&gate->lock);
	gate->last = &gate->first;
	gate->tasks_max = tasks;
	gate->bytes_max = bytes;
	return gate;
}

static bool fits(const struct gate *gate, uint64_t share) REQUIRES(gate->lock)
{
	return gate->tasks < gate->tasks_max && share <= gate->bytes_max - gate->bytes;
}

static void let_in(struct gate *gate, uint64_t share) REQUIRES(gate->lock)
{
	gate->tasks++;
	gate->bytes += share;
}

/*
 * Admits those whose turn it is, but nobody before a quarter of the tasks has left: then each finds
 * room for many without sleeping again.  One in for one out would be a change of threads a task.
 */
static void admit(struct gate *gate) REQUIRES(gate->lock)
{
	if (gate->tasks > gate->tasks_max - (gate->tasks_max + 3) / 4)
		return;
	while (gate->first && fits(gate, gate->first->share)) {
		struct waiter *waiter = gate->first;
		gate->first = waiter->next;
		if (!gate->first)
			gate->last = &gate->first;
		let_in(gate, waiter->share);
		waiter->admitted = true;
		cond_wake_one(&waiter->turn);
	}
}

/* Sleeps until admitted or closed.  Returns whether admitted. */
static bool wait_for_turn(struct gate *gate, uint64_t share) REQUIRES(gate->lock)
{
	struct waiter waiter = { .share = share };
	cond_init(&waiter.turn);
	*gate->last = &waiter;
	gate->last = &waiter.next;
	while (!waiter.admitted && !gate->closed)
		cond_wait(&waiter.turn, &gate->lock);
	cond_fini(&waiter.turn);
	return waiter.admitted;
}

bool gate_enter(struct gate *gate, uint64_t bytes)
{
	uint64_t share = min_u64(bytes, gate->bytes_max);
	bool admitted = false;
	mutex_lock(&gate->lock);
	if (!gate->closed && !gate->first && fits(gate, share)) {
		let_in(gate, share);
		admitted = true;
	} else if (!gate->closed) {
		admitted = wait_for_turn(gate, share);
	}
	mutex_unlock(&gate->lock);
	return admitted;
}

void gate_leave(struct gate *gate, uint64_t bytes)
{
	uint64_t share = min_u64(bytes, gate->bytes_max);
	mutex_lock(&gate->lock);
	assert(gate->tasks >= 1 && gate->bytes >= share);
	gate->tasks--;
	gate->bytes -= share;
	admit(gate);
	mutex_unlock(&gate->lock);
}

void gate_close(struct gate *gate)
{
	mutex_lock(&gate->lock);
	gate->closed = true;
	for (struct waiter *waiter = gate->first; waiter; waiter = waiter->next)
		cond_wake_one(&waiter->turn);
	gate->first = NULL;
	gate->last = &gate->first;
	mutex_unlock(&gate->lock);
}

void gate_free(struct gate *gate) UNCHECKED
{
	if (!gate)
		return;
	assert(gate->tasks == 0 && gate->bytes == 0);
	mutex_fini(&gate->lock);
	free(gate);
}
