#include "queue/core/workers.h"

#include "queue/core/thread.h"

#include <assert.h>

enum task_state {
	TASK_IDLE = 0,
	TASK_QUEUED,
	TASK_RUNNING,
	TASK_WOKEN, /* while it runs */
};

struct workers {
	struct mutex lock;
	struct cond more;                  /* something is queued, or closed */
	struct worker_task *first GUARDED; /* queued, oldest first */
	struct worker_task **last GUARDED;
	bool closed GUARDED;
	unsigned count;
	struct thread thread[WORKERS_MAX];
};

static void enqueue(struct workers *workers, struct worker_task *task) REQUIRES(workers->lock)
{
	task->state = TASK_QUEUED;
	task->next = NULL;
	*workers->last = task;
	workers->last = &task->next;
	cond_wake_one(&workers->more);
}

/* Sleeps until there is a task, which it takes.  NULL: closed, and none is left. */
static struct worker_task *dequeue(struct workers *workers) REQUIRES(workers->lock)
{
	while (!workers->first && !workers->closed)
		cond_wait(&workers->more, &workers->lock);
	struct worker_task *task = workers->first;
	if (!task)
		return NULL;
	workers->first = task->next;
	if (!workers->first)
		workers->last = &workers->first;
	task->state = TASK_RUNNING;
	return task;
}

static void workers_run(void *context)
{
	struct workers *workers = context;
	mutex_lock(&workers->lock);
	for (struct worker_task *task; (task = dequeue(workers));) {
		mutex_unlock(&workers->lock);
		bool stays = task->run(task);
		mutex_lock(&workers->lock);
		if (stays && task->state == TASK_WOKEN)
			enqueue(workers, task);
		else if (stays)
			task->state = TASK_IDLE;
	}
	mutex_unlock(&workers->lock);
}

static void workers_init(struct workers *workers) UNCHECKED
{
	mutex_init(&workers->lock);
	cond_init(&workers->more);
	workers->last = &workers->first;
}

struct workers *workers_new(const char *name, unsigned threads)
{
	assert(threads >= 1 && threads <= WORKERS_MAX);
	struct workers *workers = calloc(1, sizeof *workers);
	if (!workers)
		return NULL;
	workers_init(workers);
	while (workers->count < threads) {
		if (!thread_start(&workers->thread[workers->count], name, workers_run, workers)) {
			workers_free(workers);
			return NULL;
		}
		workers->count++;
	}
	return workers;
}

void workers_wake(struct workers *workers, struct worker_task *task)
{
	mutex_lock(&workers->lock);
	if (task->state == TASK_IDLE)
		enqueue(workers, task);
	else if (task->state == TASK_RUNNING)
		task->state = TASK_WOKEN;
	mutex_unlock(&workers->lock);
}

void workers_free(struct workers *workers)
{
	if (!workers)
		return;
	mutex_lock(&workers->lock);
	workers->closed = true;
	cond_wake_all(&workers->more);
	mutex_unlock(&workers->lock);
	for (unsigned i = 0; i < workers->count; i++)
		thread_join(&workers->thread[i]);
	cond_fini(&workers->more);
	mutex_fini(&workers->lock);
	free(workers);
}
