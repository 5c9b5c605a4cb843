#include "queue/heartbeat.h"

#include "queue/core/thread.h"

#include <assert.h>

struct heartbeat {
	struct thread thread;

	struct mutex lock;
	struct cond change;          /* wakes the thread: somebody is due earlier, or stopping */
	struct cond called;          /* wakes heartbeat_remove: a call has returned */
	struct beat *first GUARDED;  /* a handful: one for each lease under way */
	struct beat *active GUARDED; /* being called */
	uint64_t hurry_ms GUARDED;   /* what it wants to be called again at, said during the call */
	uint64_t asleep_ms GUARDED;  /* until when the thread sleeps; 0 while awake */
	bool stopping GUARDED;
};

static struct beat *find_next(const struct heartbeat *heartbeat) REQUIRES(heartbeat->lock)
{
	struct beat *next = heartbeat->first;
	for (struct beat *beat = next; beat; beat = beat->next)
		if (beat->due_ms < next->due_ms)
			next = beat;
	return next;
}

/* Sleeps until `due_ms`, or until something changes. */
static void sleep_until(struct heartbeat *heartbeat, uint64_t due_ms, uint64_t now_ms)
	REQUIRES(heartbeat->lock)
{
	heartbeat->asleep_ms = due_ms;
	if (due_ms == UINT64_MAX)
		cond_wait(&heartbeat->change, &heartbeat->lock);
	else
		cond_wait_ms(&heartbeat->change, &heartbeat->lock,
			     (uint32_t)min_u64(due_ms - now_ms, 60000));
	heartbeat->asleep_ms = 0;
}

/* Calls without the lock, so that those called may hurry others and be hurried. */
static void call(struct heartbeat *heartbeat, struct beat *beat) REQUIRES(heartbeat->lock)
{
	heartbeat->active = beat;
	heartbeat->hurry_ms = UINT64_MAX;
	mutex_unlock(&heartbeat->lock);
	uint64_t due_ms = beat->call(beat->context);
	mutex_lock(&heartbeat->lock);
	beat->due_ms = min_u64(due_ms, heartbeat->hurry_ms);
	heartbeat->active = NULL;
	cond_wake_all(&heartbeat->called);
}

static void heartbeat_run(void *context)
{
	struct heartbeat *heartbeat = context;
	mutex_lock(&heartbeat->lock);
	while (!heartbeat->stopping) {
		struct beat *next = find_next(heartbeat);
		uint64_t due_ms = next ? next->due_ms : UINT64_MAX;
		uint64_t now_ms = clock_ms();
		if (next && due_ms <= now_ms)
			call(heartbeat, next);
		else
			sleep_until(heartbeat, due_ms, now_ms);
	}
	mutex_unlock(&heartbeat->lock);
}

static void heartbeat_free(struct heartbeat *heartbeat) UNCHECKED
{
	assert(!heartbeat->first);
	cond_fini(&heartbeat->called);
	cond_fini(&heartbeat->change);
	mutex_fini(&heartbeat->lock);
	free(heartbeat);
}

enum fault heartbeat_start(struct heartbeat **heartbeat, struct err *err)
{
	struct heartbeat *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for the heartbeat");
	mutex_init(&made->lock);
	cond_init(&made->change);
	cond_init(&made->called);
	if (!thread_start(&made->thread, "heartbeat", heartbeat_run, made)) {
		heartbeat_free(made);
		return err_set(err, FAULT_NOMEM, "cannot start the heartbeat's thread");
	}
	*heartbeat = made;
	return FAULT_NONE;
}

void heartbeat_stop(struct heartbeat *heartbeat)
{
	if (!heartbeat)
		return;
	mutex_lock(&heartbeat->lock);
	heartbeat->stopping = true;
	cond_wake_one(&heartbeat->change);
	mutex_unlock(&heartbeat->lock);
	thread_join(&heartbeat->thread);
	heartbeat_free(heartbeat);
}

/* Wakes the thread if it would sleep beyond `due_ms`. */
static void wake_for(struct heartbeat *heartbeat, uint64_t due_ms) REQUIRES(heartbeat->lock)
{
	if (heartbeat->asleep_ms <= due_ms)
		return;
	heartbeat->asleep_ms = due_ms;
	cond_wake_one(&heartbeat->change);
}

void heartbeat_add(struct heartbeat *heartbeat, struct beat *beat, uint64_t due_ms)
{
	mutex_lock(&heartbeat->lock);
	beat->due_ms = due_ms;
	beat->next = heartbeat->first;
	heartbeat->first = beat;
	wake_for(heartbeat, due_ms);
	mutex_unlock(&heartbeat->lock);
}

void heartbeat_hurry(struct heartbeat *heartbeat, struct beat *beat, uint64_t due_ms)
{
	mutex_lock(&heartbeat->lock);
	if (heartbeat->active == beat)
		heartbeat->hurry_ms = min_u64(heartbeat->hurry_ms, due_ms);
	else
		beat->due_ms = min_u64(beat->due_ms, due_ms);
	wake_for(heartbeat, due_ms);
	mutex_unlock(&heartbeat->lock);
}

void heartbeat_remove(struct heartbeat *heartbeat, struct beat *beat)
{
	mutex_lock(&heartbeat->lock);
	while (heartbeat->active == beat)
		cond_wait(&heartbeat->called, &heartbeat->lock);
	struct beat **at = &heartbeat->first;
	while (*at != beat)
		at = &(*at)->next;
	*at = beat->next;
	mutex_unlock(&heartbeat->lock);
}
