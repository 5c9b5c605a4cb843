#include "calls/crew.h"

#include "queue/core/retry.h"
#include "queue/core/thread.h"

#include <assert.h>

enum { LOOK_MS = 60000 }; /* a sleep without a task that is due is no longer than this */

struct crew {
	struct crew_options options;
	struct lanes *lanes;
	unsigned under_way;       /* submitted, not taken */
	uint64_t random;          /* of retry delays */
	struct crew_task *active; /* in lanes */
	struct crew_task *later;  /* waiting for their next attempt */

	struct mutex lock;
	struct cond news;
	struct crew_task *ended GUARDED; /* newest first: the order does not matter */
	bool stopped GUARDED;
	struct err reason GUARDED; /* why it was stopped */
};

static void put(struct crew_task **list, struct crew_task *task)
{
	task->next = *list;
	task->back = list;
	if (task->next)
		task->next->back = &task->next;
	*list = task;
}

static void cut(struct crew_task *task)
{
	*task->back = task->next;
	if (task->next)
		task->next->back = task->back;
	task->back = NULL;
}

/* ---- in lanes ---- */

/* After this the task may be anybody's. */
static void give_back(struct crew_task *task)
{
	struct crew *crew = task->crew;
	mutex_lock(&crew->lock);
	task->errand.next = crew->ended ? &crew->ended->errand : NULL;
	crew->ended = task;
	cond_wake_one(&crew->news);
	mutex_unlock(&crew->lock);
}

void crew_end(struct crew_task *task, const struct err *err)
{
	task->err = err ? *err : (struct err){ 0 };
	task->call = NULL;
	errand_end(&task->errand, task->err.fault);
	give_back(task);
}

static bool is_stopped(struct crew *crew)
{
	mutex_lock(&crew->lock);
	bool stopped = crew->stopped;
	mutex_unlock(&crew->lock);
	return stopped;
}

static void start(struct errand *errand, struct store *store)
{
	struct crew_task *task = (struct crew_task *)errand;
	task->store = store;
	task->call = NULL;
	task->start(task);
}

static void end_cancelled(struct crew_task *task)
{
	struct err err;
	err_set(&err, FAULT_CANCELLED, "asked to stop");
	crew_end(task, &err);
}

static void poke(struct errand *errand, struct store *store)
{
	struct crew_task *task = (struct crew_task *)errand;
	if (!task->call || !is_stopped(task->crew))
		return;
	store_cancel(store, task->call);
	if (task->abandon)
		task->abandon(task);
	end_cancelled(task);
}

static void refuse(struct errand *errand)
{
	struct crew_task *task = (struct crew_task *)errand;
	if (is_stopped(task->crew))
		err_set(&task->err, FAULT_CANCELLED, "asked to stop");
	else
		err_set(&task->err, FAULT_UNAVAILABLE, "its gateway is away");
	give_back(task);
}

static void stop_because(struct crew *crew, const struct err *reason)
{
	mutex_lock(&crew->lock);
	if (!crew->stopped)
		crew->reason = *reason;
	crew->stopped = true;
	cond_wake_one(&crew->news);
	mutex_unlock(&crew->lock);
}

static void gave_up(void *context, const struct err *err)
{
	struct err reason = *err;
	reason.fault = FAULT_UNAVAILABLE;
	stop_because(context, &reason);
}

static enum fault open_store(void *context, struct store **store, struct err *err)
{
	struct crew *crew = context;
	return crew->options.open(crew->options.context, store, err);
}

static void tell_away(void *context, const struct store *store, bool away)
{
	struct crew *crew = context;
	if (crew->options.away)
		crew->options.away(crew->options.context, store, away);
}

/* ---- in the owner's thread ---- */

enum fault crew_new(const struct crew_options *options, struct crew **out, struct err *err)
{
	struct crew *crew = calloc(1, sizeof *crew);
	if (!crew)
		return err_set(err, FAULT_NOMEM, "no memory for transfers");
	crew->options = *options;
	crew->random = clock_ms();
	mutex_init(&crew->lock);
	cond_init(&crew->news);
	const struct lanes_options lanes = {
		.open = open_store,
		.gave_up = gave_up,
		.away = tell_away,
		.context = crew,
		.threads = options->in_flight,
		.slots = { [ERRAND_TRANSFER] = options->in_flight, [ERRAND_DIRECTORY] = 1 },
		.away_ms = options->away_ms,
	};
	enum fault fault = lanes_new(&lanes, &crew->lanes, err);
	if (fault)
		crew_free(crew);
	else
		*out = crew;
	return fault;
}

bool crew_has_room(const struct crew *crew) { return crew->under_way < crew->options.in_flight; }

static void send(struct crew *crew, struct crew_task *task)
{
	put(&crew->active, task);
	task->errand = (struct errand){
		.kind = ERRAND_TRANSFER,
		.start = start,
		.poke = poke,
		.refuse = refuse,
	};
	lanes_submit(crew->lanes, &task->errand);
}

void crew_submit(struct crew *crew, struct crew_task *task)
{
	task->crew = crew;
	task->attempts = 0;
	crew->under_way++;
	send(crew, task);
}

/* Has everything under way end: those in flight hear of it in their lanes. */
static void wind_up(struct crew *crew)
{
	lanes_stop(crew->lanes);
	for (struct crew_task *task = crew->active; task; task = task->next)
		lane_wake(task->errand.lane);
}

/* Returns a task that ended, NULL at the latest after `timeout_ms` or once stopped. */
static struct crew_task *wait_ended(struct crew *crew, uint32_t timeout_ms, bool *stopped)
{
	bool before = *stopped;
	mutex_lock(&crew->lock);
	while (!crew->ended && crew->stopped == before &&
	       cond_wait_ms(&crew->news, &crew->lock, timeout_ms)) {
	}
	struct crew_task *task = crew->ended;
	if (task)
		crew->ended = (struct crew_task *)task->errand.next;
	*stopped = crew->stopped;
	mutex_unlock(&crew->lock);
	return task;
}

/* Starts the delayed tasks that are due, all of them as ended when stopped.  Returns how long to
 * sleep for the next, 0 with a task in `over`. */
static uint32_t start_due(struct crew *crew, bool stopped, struct crew_task **over)
{
	uint64_t now = clock_ms(), next = now + LOOK_MS;
	for (struct crew_task *task = crew->later, *following; task; task = following) {
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
		send(crew, task);
	}
	return (uint32_t)(next - now);
}

/* Puts the task aside for another attempt if it is worth one. */
static bool try_again(struct crew *crew, struct crew_task *task)
{
	struct err judged = task->err;
	uint32_t delay_ms = 0;
	if (judged.fault == FAULT_CORRUPT)
		judged.fault = FAULT_RETRY;
	if (judged.fault != FAULT_UNAVAILABLE) {
		task->attempts++;
		if (!retry_again(&retry_default, &judged, task->attempts, &crew->random, &delay_ms))
			return false;
	}
	task->due_ms = clock_ms() + delay_ms;
	put(&crew->later, task);
	return true;
}

struct crew_task *crew_take(struct crew *crew)
{
	struct err reason;
	bool stopped = crew_stopped(crew, &reason), wound_up = false;
	while (crew->under_way > 0) {
		if (stopped && !wound_up)
			wind_up(crew);
		wound_up = stopped;
		struct crew_task *over = NULL;
		uint32_t timeout_ms = start_due(crew, stopped, &over);
		struct crew_task *task = over ? over : wait_ended(crew, timeout_ms, &stopped);
		if (!task)
			continue;
		if (!over)
			cut(task);
		if (!over && task->err.fault && !stopped && try_again(crew, task))
			continue;
		if (task->err.fault && stopped)
			crew_stopped(crew, &task->err);
		crew->under_way--;
		return task;
	}
	return NULL;
}

void crew_stop(struct crew *crew)
{
	struct err reason;
	err_set(&reason, FAULT_CANCELLED, "asked to stop");
	stop_because(crew, &reason);
}

enum fault crew_stopped(struct crew *crew, struct err *err)
{
	mutex_lock(&crew->lock);
	bool stopped = crew->stopped;
	if (stopped)
		*err = crew->reason;
	mutex_unlock(&crew->lock);
	return stopped ? err->fault : FAULT_NONE;
}

void crew_free(struct crew *crew)
{
	if (!crew)
		return;
	lanes_free(crew->lanes);
	cond_fini(&crew->news);
	mutex_fini(&crew->lock);
	free(crew);
}
