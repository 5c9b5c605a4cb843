#include "calls/pool.h"

#include "queue/core/thread.h"

#include <assert.h>

enum { LOOK_MS = 60000 }; /* a sleep without a task that is due is no longer than this */

struct pool {
	struct pool_options options;
	struct lanes *lanes;
	unsigned under_way;       /* submitted, not taken */
	uint64_t random;          /* of retry delays */
	struct pool_task *active; /* in lanes */
	struct pool_task *later;  /* waiting for their next attempt */

	struct mutex lock;
	struct cond news;
	struct pool_task *ended GUARDED; /* newest first: the order does not matter */
	bool stopped GUARDED;
	struct err reason GUARDED; /* why it was stopped */
};

static void pool_put(struct pool_task **list, struct pool_task *task)
{
	task->next = *list;
	task->back = list;
	if (task->next)
		task->next->back = &task->next;
	*list = task;
}

static void cut(struct pool_task *task)
{
	*task->back = task->next;
	if (task->next)
		task->next->back = task->back;
	task->back = NULL;
}

/* ---- in lanes ---- */

/* After this the task may be anybody's. */
static void give_back(struct pool_task *task)
{
	struct pool *pool = task->pool;
	mutex_lock(&pool->lock);
	task->lane_task.next = pool->ended ? &pool->ended->lane_task : NULL;
	pool->ended = task;
	cond_wake_one(&pool->news);
	mutex_unlock(&pool->lock);
}

void pool_end(struct pool_task *task, const struct err *err)
{
	task->err = err ? *err : (struct err){ 0 };
	lane_task_end(&task->lane_task, err);
	give_back(task);
}

static bool is_stopped(struct pool *pool)
{
	mutex_lock(&pool->lock);
	bool stopped = pool->stopped;
	mutex_unlock(&pool->lock);
	return stopped;
}

static void pool_start(struct lane_task *lane_task, struct store *store)
{
	struct pool_task *task = (struct pool_task *)lane_task;
	task->store = store;
	task->start(task);
}

static void end_cancelled(struct pool_task *task)
{
	struct err err;
	err_set(&err, FAULT_CANCELLED, "asked to stop");
	pool_end(task, &err);
}

static void poke(struct lane_task *lane_task, struct store *store)
{
	struct pool_task *task = (struct pool_task *)lane_task;
	(void)store;
	if (!is_stopped(task->pool))
		return;
	task->abandon(task);
	end_cancelled(task);
}

static void refuse(struct lane_task *lane_task)
{
	struct pool_task *task = (struct pool_task *)lane_task;
	if (is_stopped(task->pool))
		err_set(&task->err, FAULT_CANCELLED, "asked to stop");
	else
		err_set(&task->err, FAULT_UNAVAILABLE, "its gateway is away");
	give_back(task);
}

static void stop_because(struct pool *pool, const struct err *reason)
{
	mutex_lock(&pool->lock);
	if (!pool->stopped)
		pool->reason = *reason;
	pool->stopped = true;
	cond_wake_one(&pool->news);
	mutex_unlock(&pool->lock);
}

static void gave_up(void *context, const struct err *err)
{
	struct err reason = *err;
	reason.fault = FAULT_UNAVAILABLE;
	stop_because(context, &reason);
}

static enum fault open_store(void *context, struct store **store, struct err *err)
{
	struct pool *pool = context;
	return pool->options.open(pool->options.context, store, err);
}

/* ---- in the owner's thread ---- */

enum fault pool_new(const struct pool_options *options, struct pool **out, struct err *err)
{
	struct pool *pool = calloc(1, sizeof *pool);
	if (!pool)
		return err_set(err, FAULT_NOMEM, "no memory for transfers");
	pool->options = *options;
	pool->random = clock_ms();
	mutex_init(&pool->lock);
	cond_init(&pool->news);
	const struct lanes_options lanes = {
		.open = open_store,
		.gave_up = gave_up,
		.context = pool,
		.threads = options->in_flight,
		.slots = { [LANE_TASK_TRANSFER] = options->in_flight, [LANE_TASK_DIRECTORY] = 1 },
		.away = options->away,
		.health = options->health,
	};
	enum fault fault = lanes_new(&lanes, &pool->lanes, err);
	if (fault)
		pool_free(pool);
	else
		*out = pool;
	return fault;
}

bool pool_has_room(const struct pool *pool) { return pool->under_way < pool->options.in_flight; }

static void send(struct pool *pool, struct pool_task *task)
{
	pool_put(&pool->active, task);
	task->lane_task = (struct lane_task){
		.kind = LANE_TASK_TRANSFER,
		.works = HEALTH_READING,
		.start = pool_start,
		.poke = poke,
		.refuse = refuse,
	};
	lanes_submit(pool->lanes, &task->lane_task);
}

void pool_submit(struct pool *pool, struct pool_task *task)
{
	task->pool = pool;
	task->state = (struct retry_state){ .random = pool->random++ };
	pool->under_way++;
	send(pool, task);
}

/* Has everything under way end: those in flight hear of it in their lanes. */
static void wind_up(struct pool *pool)
{
	lanes_stop(pool->lanes);
	for (struct pool_task *task = pool->active; task; task = task->next)
		lane_wake(task->lane_task.lane);
}

/* Returns a task that ended, NULL at the latest after `timeout_ms` or once stopped. */
static struct pool_task *wait_ended(struct pool *pool, uint32_t timeout_ms, bool *stopped)
{
	bool before = *stopped;
	mutex_lock(&pool->lock);
	while (!pool->ended && pool->stopped == before &&
	       cond_wait_ms(&pool->news, &pool->lock, timeout_ms)) {
	}
	struct pool_task *task = pool->ended;
	if (task)
		pool->ended = (struct pool_task *)task->lane_task.next;
	*stopped = pool->stopped;
	mutex_unlock(&pool->lock);
	return task;
}

/* Starts the delayed tasks that are due, all of them as ended when stopped.  Returns how long to
 * sleep for the next, 0 with a task in `over`. */
static uint32_t start_due(struct pool *pool, bool stopped, struct pool_task **over)
{
	uint64_t now = clock_ms(), next = now + LOOK_MS;
	for (struct pool_task *task = pool->later, *following; task; task = following) {
		following = task->next;
		if (stopped) {
			cut(task);
			err_set(&task->err, FAULT_CANCELLED, "asked to stop");
			*over = task;
			return 0;
		}
		if (task->due_ms > now) {
			next = min_u64(next, task->due_ms);
			continue;
		}
		cut(task);
		send(pool, task);
	}
	return (uint32_t)(next - now);
}

/* Puts the task aside for another attempt if it is worth one. */
static bool try_again(struct pool *pool, struct pool_task *task)
{
	uint32_t delay_ms = 0;
	enum fate fate = retry_decide(&task->err, &task->state, &delay_ms);
	if (fate != FATE_AGAIN && fate != FATE_AWAY)
		return false;
	task->due_ms = clock_ms() + delay_ms;
	pool_put(&pool->later, task);
	return true;
}

struct pool_task *pool_take(struct pool *pool)
{
	struct err reason;
	bool stopped = pool_stopped(pool, &reason), wound_up = false;
	while (pool->under_way > 0) {
		if (stopped && !wound_up)
			wind_up(pool);
		wound_up = stopped;
		struct pool_task *over = NULL;
		uint32_t timeout_ms = start_due(pool, stopped, &over);
		struct pool_task *task = over ? over : wait_ended(pool, timeout_ms, &stopped);
		if (!task)
			continue;
		if (!over)
			cut(task);
		if (!over && task->err.fault && !stopped && try_again(pool, task))
			continue;
		if (task->err.fault && stopped)
			pool_stopped(pool, &task->err);
		pool->under_way--;
		return task;
	}
	return NULL;
}

void pool_stop(struct pool *pool)
{
	struct err reason;
	err_set(&reason, FAULT_CANCELLED, "asked to stop");
	stop_because(pool, &reason);
}

enum fault pool_stopped(struct pool *pool, struct err *err)
{
	mutex_lock(&pool->lock);
	bool stopped = pool->stopped;
	if (stopped)
		*err = pool->reason;
	mutex_unlock(&pool->lock);
	return stopped ? err->fault : FAULT_NONE;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	lanes_free(pool->lanes);
	cond_fini(&pool->news);
	mutex_fini(&pool->lock);
	free(pool);
}
