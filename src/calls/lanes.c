#include "calls/lanes.h"

#include "queue/core/thread.h"

#include <assert.h>
#include <stdatomic.h>

enum {
	POLL_MS = 1000,   /* a sleeping lane looks up that often */
	AWAY_MS = 250,    /* the same while its gateway is away */
	FAILURES_MAX = 8, /* in a row, after which another gateway is better */
	SLOW_MS = 60000,  /* a gateway that was far slower than others gets less to do */
};

/* What is GUARDED is shared with whoever submits and stops; what is atomic is read by others, and
 * `slots` set by them; the rest is the lane's own. */
struct lane {
	struct lanes *lanes;
	struct thread thread;
	struct store *store;
	atomic_uint slots[LANE_TASK_KINDS]; /* in flight at most */
	atomic_uint busy[LANE_TASK_KINDS];  /* in flight */
	atomic_uint_least64_t ended[LANE_TASK_KINDS], refused[LANE_TASK_KINDS]; /* of lanes_look */
	struct lane_task *active; /* started, not ended */
	unsigned gateway;         /* store_gateway */
	unsigned failures;        /* RETRY in a row */
	uint32_t gated_ms;        /* until more may be begun; 0: nothing waits for that */
	bool probing;
	atomic_uint_least64_t slow_until; /* clock_ms */
	atomic_uint load;                 /* submitted, not ended */
	atomic_bool poked;

	struct mutex lock;
	struct cond ready;                                /* opened, or failed to */
	struct lane_task *inbox[LANE_TASK_KINDS] GUARDED; /* oldest first */
	struct lane_task **tail[LANE_TASK_KINDS] GUARDED;
	bool hungry[LANE_TASK_KINDS] GUARDED; /* has room and found nothing: to be woken */
	bool opened GUARDED;
	bool stopped GUARDED;
	bool closing GUARDED;
	struct err err GUARDED; /* of opening */
};

struct lanes {
	struct lanes_options options;
	unsigned count;
	bool joined;
	atomic_bool gave_up; /* and said so */
	struct lane lane[LANES_MAX];
};

/*
 * The way of a lane task, and who waits for whom:
 *
 *   lanes_submit: the best lane -> its inbox --a free slot--> start, in the lane -> active
 *     any thread                      |                         | callbacks of the store, pokes
 *                                     | stopped, or away or     v
 *                                     v slow, and another not  lane_task_end: the slot is free
 *                                  refuse
 *
 * The thread of a lane: poke what is active, start what has room, probe the gateway if it is away,
 * and sleep in store_poll.  It is woken only where it is hungry: it had room and found nothing.
 *
 * A gateway:  there --UNAVAILABLE, or FAILURES_MAX in a row with another one there--> away
 *             away  --a probe answers, with storage where there is a choice--> there
 *             slow (an err.slow) for a minute: what is not in place goes to others, if any
 *             all away for as long as anybody waits (calls/away.h): gave_up is called, once
 */

/* Numbers that others look at: no order between them. */
static unsigned read_count(const atomic_uint *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

/* Only the lane's thread counts. */
static void count_busy(struct lane *lane, enum lane_task_kind kind, int more)
{
	atomic_store_explicit(&lane->busy[kind], read_count(&lane->busy[kind]) + (unsigned)more,
			      memory_order_relaxed);
}

static void link_active(struct lane *lane, struct lane_task *lane_task)
{
	lane_task->next = lane->active;
	lane_task->back = &lane->active;
	if (lane_task->next)
		lane_task->next->back = &lane_task->next;
	lane->active = lane_task;
}

static void unlink_active(struct lane_task *lane_task)
{
	*lane_task->back = lane_task->next;
	if (lane_task->next)
		lane_task->next->back = lane_task->back;
}

/* ---- gateways that are away ---- */

static bool is_away(const struct lane *lane)
{
	return away_is(lane->lanes->options.away, lane->gateway);
}

/* Returns whether a gateway is there that is not the lane's. */
static bool has_other(const struct lane *lane)
{
	const struct lanes *lanes = lane->lanes;
	for (unsigned i = 0; i < lanes->count; i++) {
		const struct lane *other = &lanes->lane[i];
		if (other->gateway != lane->gateway && !is_away(other))
			return true;
	}
	return false;
}

/* Returns whether all gateways have been away for as long as anybody waits. */
static bool all_stay_away(const struct lanes *lanes)
{
	for (unsigned i = 0; i < lanes->count; i++)
		if (!away_is_over(lanes->options.away, lanes->lane[i].gateway))
			return false;
	return true;
}

/* Returns whether there is more than one gateway. */
static bool has_choice(const struct lanes *lanes)
{
	for (unsigned i = 1; i < lanes->count; i++)
		if (lanes->lane[i].gateway != lanes->lane[0].gateway)
			return true;
	return false;
}

/* Notes that others are far quicker than the gateway of the lane. */
static void slow_down(const struct lane *lane)
{
	struct lanes *lanes = lane->lanes;
	uint64_t until = clock_ms() + SLOW_MS;
	for (unsigned i = 0; i < lanes->count; i++)
		if (lanes->lane[i].gateway == lane->gateway)
			atomic_store(&lanes->lane[i].slow_until, until);
}

static bool is_slow(const struct lane *lane)
{
	uint64_t until = atomic_load(&lane->slow_until);
	return until && clock_ms() < until;
}

/* Returns whether the lane's gateway is slow and there is one that is not. */
static bool has_quicker(const struct lane *lane)
{
	const struct lanes *lanes = lane->lanes;
	if (!is_slow(lane))
		return false;
	for (unsigned i = 0; i < lanes->count; i++) {
		const struct lane *other = &lanes->lane[i];
		if (other->gateway != lane->gateway && !is_slow(other) && !is_away(other))
			return true;
	}
	return false;
}

/* Whether it says that there is too much to do, or trouble. */
static bool is_refusal(const struct err *err)
{
	return err && (err->http_status == 429 || err->http_status >= 500);
}

/* Counts a lane task that has ended (lanes_look). */
static void count_end(struct lane *lane, enum lane_task_kind kind, const struct err *err)
{
	atomic_fetch_add_explicit(&lane->ended[kind], 1, memory_order_relaxed);
	if (is_refusal(err))
		atomic_fetch_add_explicit(&lane->refused[kind], 1, memory_order_relaxed);
}

void lane_task_end(struct lane_task *lane_task, const struct err *err)
{
	enum fault fault = err ? err->fault : FAULT_NONE;
	struct lane *lane = lane_task->lane;
	unlink_active(lane_task);
	count_busy(lane, lane_task->kind, -1);
	count_end(lane, lane_task->kind, err);
	atomic_fetch_sub(&lane->load, 1);
	if (err && err->slow)
		slow_down(lane);
	lane->failures = fault == FAULT_RETRY ? lane->failures + 1 : 0;
	/* A gateway that lost its servers answers quickly, so it would get all there is to do. */
	bool fails = lane->failures >= FAILURES_MAX && has_other(lane);
	if ((fault != FAULT_UNAVAILABLE && !fails) || is_away(lane))
		return;
	lane->failures = 0;
	away_found(lane->lanes->options.away, lane->store, err);
}

/* ---- what waits ---- */

static struct lane_task *take_locked(struct lane *lane, enum lane_task_kind kind)
	REQUIRES(lane->lock)
{
	struct lane_task *lane_task = lane->inbox[kind];
	if (!lane_task)
		return NULL;
	lane->inbox[kind] = lane_task->next;
	if (!lane_task->next)
		lane->tail[kind] = &lane->inbox[kind];
	return lane_task;
}

/* Whether the grid is well enough for the next one of a kind. */
static bool is_admitted(struct lane *lane, enum lane_task_kind kind) REQUIRES(lane->lock)
{
	const struct lane_task *first = lane->inbox[kind];
	uint32_t wait_ms = 0;
	if (!first ||
	    health_admits(lane->lanes->options.health, lane->gateway, first->works, &wait_ms))
		return true;
	if (!lane->gated_ms || wait_ms < lane->gated_ms)
		lane->gated_ms = wait_ms;
	return false;
}

/* Returns a lane task to start now, or NULL; with `refused` one to refuse. */
static struct lane_task *next_lane_task(struct lane *lane, bool *refused)
{
	struct lane_task *lane_task = NULL;
	bool away = is_away(lane), elsewhere = away && has_other(lane);
	bool quicker = has_quicker(lane);
	lane->gated_ms = 0;
	mutex_lock(&lane->lock);
	*refused = lane->stopped || elsewhere;
	for (int kind = LANE_TASK_KINDS - 1; kind >= 0 && !lane_task; kind--) {
		bool room = !away && read_count(&lane->busy[kind]) < read_count(&lane->slots[kind]);
		/* What is written in place has no other gateway to go to. */
		*refused |= quicker && lane->inbox[kind] && !lane->inbox[kind]->in_place;
		if (*refused || (room && is_admitted(lane, (enum lane_task_kind)kind)))
			lane_task = take_locked(lane, (enum lane_task_kind)kind);
		lane->hungry[kind] = room && !lane_task;
	}
	mutex_unlock(&lane->lock);
	return lane_task;
}

/* How long to sleep where nothing comes. */
static uint32_t sleep_ms(const struct lane *lane)
{
	uint64_t ms = is_away(lane) ? AWAY_MS : POLL_MS;
	return (uint32_t)(lane->gated_ms ? min_u64(ms, lane->gated_ms) : ms);
}

/* Starts what has room, or refuses what will not be started here. */
static void start_waiting(struct lane *lane)
{
	bool refused;
	for (struct lane_task *lane_task; (lane_task = next_lane_task(lane, &refused));) {
		if (refused) {
			atomic_fetch_sub(&lane->load, 1);
			lane_task->refuse(lane_task);
			continue;
		}
		count_busy(lane, lane_task->kind, 1);
		link_active(lane, lane_task);
		lane_task->start(lane_task, lane->store);
	}
}

/* The gateway has answered a probe, or not. */
static void probed(void *context, const struct store_reply *reply)
{
	struct lane *lane = context;
	const struct lanes_options *options = &lane->lanes->options;
	lane->probing = false;
	struct err err = reply->err;
	if (!reply->fault && has_choice(lane->lanes) && reply->servers.connected == 0)
		err_set(&err, FAULT_UNAVAILABLE, "gateway %s has no storage server connected",
			store_label(lane->store));
	if (!err.fault)
		away_answered(options->away, lane->store);
	else
		away_found(options->away, lane->store, &err);
	if (err.fault && all_stay_away(lane->lanes) &&
	    !atomic_exchange(&lane->lanes->gave_up, true))
		options->gave_up(options->context, &err);
}

static void probe_if_due(struct lane *lane)
{
	struct err err;
	if (!lane->probing && away_asks(lane->lanes->options.away, lane->gateway))
		lane->probing = store_probe(lane->store, (struct store_then){ probed, lane }, &err);
}

static void poke_active(struct lane *lane)
{
	if (!atomic_exchange(&lane->poked, false))
		return;
	struct lane_task *next;
	for (struct lane_task *lane_task = lane->active; lane_task; lane_task = next) {
		next = lane_task->next;
		if (lane_task->poke)
			lane_task->poke(lane_task, lane->store);
	}
}

/* Whether the lanes are being freed and all that was submitted has ended. */
static bool finished(struct lane *lane)
{
	mutex_lock(&lane->lock);
	bool closing = lane->closing;
	mutex_unlock(&lane->lock);
	return closing && atomic_load(&lane->load) == 0;
}

/* Opens the lane's store, in its thread, and tells lane_start. */
static bool open_store(struct lane *lane)
{
	struct err err = { 0 };
	const struct lanes_options *options = &lane->lanes->options;
	enum fault fault = options->open(options->context, &lane->store, &err);
	lane->gateway = fault ? 0 : store_gateway(lane->store);
	mutex_lock(&lane->lock);
	lane->err = err;
	lane->opened = true;
	cond_wake_all(&lane->ready);
	mutex_unlock(&lane->lock);
	return !fault;
}

static void lanes_run(void *context)
{
	struct lane *lane = context;
	if (!open_store(lane))
		return;
	while (!finished(lane)) {
		poke_active(lane); /* may make room */
		start_waiting(lane);
		probe_if_due(lane);
		if (!finished(lane))
			store_poll(lane->store, sleep_ms(lane));
	}
}

/* The part of `slots` that lane `number` has. */
static unsigned slots_of(unsigned slots, unsigned threads, unsigned number)
{
	return slots / threads + (number < slots % threads);
}

static void lane_init(struct lanes *lanes, unsigned number) UNCHECKED
{
	struct lane *lane = &lanes->lane[number];
	lane->lanes = lanes;
	mutex_init(&lane->lock);
	cond_init(&lane->ready);
	for (int kind = 0; kind < LANE_TASK_KINDS; kind++) {
		unsigned slots = lanes->options.slots[kind];
		unsigned threads = lanes->options.threads;
		lane->slots[kind] = slots_of(slots, threads, number);
		lane->tail[kind] = &lane->inbox[kind];
	}
}

/* Starts a lane and waits until its store is open. */
static enum fault lane_start(struct lane *lane, struct err *err)
{
	if (!thread_start(&lane->thread, "lane", lanes_run, lane))
		return err_set(err, FAULT_NOMEM, "cannot start a transfer thread");
	mutex_lock(&lane->lock);
	while (!lane->opened)
		cond_wait(&lane->ready, &lane->lock);
	struct err opening = lane->err;
	mutex_unlock(&lane->lock);
	if (opening.fault) {
		thread_join(&lane->thread);
		*err = opening;
	}
	return opening.fault;
}

static void lane_fini(struct lane *lane)
{
	cond_fini(&lane->ready);
	mutex_fini(&lane->lock);
}

enum fault lanes_new(const struct lanes_options *options, struct lanes **lanes, struct err *err)
{
	struct lanes *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory for transfer threads");
	made->options = *options;
	while (made->count < options->threads) {
		lane_init(made, made->count);
		if (lane_start(&made->lane[made->count], err)) {
			lane_fini(&made->lane[made->count]);
			lanes_free(made);
			return err->fault;
		}
		made->count++;
	}
	*lanes = made;
	return FAULT_NONE;
}

/* Whether a lane gets a lane task before another one: it is there, or it is the one of all for
 * what is written in place, or it was not far slower, or it has less to do. */
static bool is_better(const struct lane *lane, const struct lane *best, bool in_place)
{
	bool away = is_away(lane);
	if (away != is_away(best))
		return !away;
	if (in_place && lane->gateway != best->gateway)
		return lane->gateway < best->gateway;
	if (!in_place && is_slow(lane) != is_slow(best))
		return is_slow(best);
	return atomic_load_explicit(&lane->load, memory_order_relaxed) <
	       atomic_load_explicit(&best->load, memory_order_relaxed);
}

struct lane *lanes_submit(struct lanes *lanes, struct lane_task *lane_task)
{
	struct lane *best = NULL;
	for (unsigned i = 0; i < lanes->count; i++) {
		struct lane *lane = &lanes->lane[i];
		if (read_count(&lane->slots[lane_task->kind]) > 0 &&
		    (!best || is_better(lane, best, lane_task->in_place)))
			best = lane;
	}
	assert(best);
	lane_task->lane = best;
	lane_task->next = NULL;
	atomic_fetch_add(&best->load, 1);
	mutex_lock(&best->lock);
	*best->tail[lane_task->kind] = lane_task;
	best->tail[lane_task->kind] = &lane_task->next;
	/* A lane that is busy looks by itself before it sleeps again; waking it costs a write. */
	bool wake = best->hungry[lane_task->kind] || best->stopped;
	best->hungry[lane_task->kind] = false;
	mutex_unlock(&best->lock);
	if (wake)
		store_wake(best->store);
	return best;
}

void lane_wake(struct lane *lane)
{
	if (!atomic_exchange(&lane->poked, true))
		store_wake(lane->store);
}

struct lanes_counts lanes_look(const struct lanes *lanes, enum lane_task_kind kind)
{
	struct lanes_counts counts = { 0 };
	for (unsigned i = 0; i < lanes->count; i++) {
		const struct lane *lane = &lanes->lane[i];
		counts.busy += read_count(&lane->busy[kind]);
		counts.ended += atomic_load_explicit(&lane->ended[kind], memory_order_relaxed);
		counts.refused += atomic_load_explicit(&lane->refused[kind], memory_order_relaxed);
	}
	return counts;
}

void lanes_set_slots(struct lanes *lanes, enum lane_task_kind kind, unsigned slots)
{
	assert(slots >= lanes->count);
	for (unsigned i = 0; i < lanes->count; i++) {
		struct lane *lane = &lanes->lane[i];
		const unsigned part = slots_of(slots, lanes->count, i);
		const unsigned before =
			atomic_exchange_explicit(&lane->slots[kind], part, memory_order_relaxed);
		if (part > before) /* it may have something waiting that it has no room for */
			store_wake(lane->store);
	}
}

void lanes_stop(struct lanes *lanes)
{
	for (unsigned i = 0; i < lanes->count; i++) {
		struct lane *lane = &lanes->lane[i];
		mutex_lock(&lane->lock);
		lane->stopped = true;
		mutex_unlock(&lane->lock);
		atomic_store(&lane->poked, true); /* what can end early hears of it */
		store_wake(lane->store);
	}
}

void lanes_join(struct lanes *lanes)
{
	if (!lanes || lanes->joined)
		return;
	for (unsigned i = 0; i < lanes->count; i++) {
		struct lane *lane = &lanes->lane[i];
		mutex_lock(&lane->lock);
		lane->closing = true;
		mutex_unlock(&lane->lock);
		store_wake(lane->store);
	}
	for (unsigned i = 0; i < lanes->count; i++)
		thread_join(&lanes->lane[i].thread);
	lanes->joined = true;
}

void lanes_free(struct lanes *lanes)
{
	if (!lanes)
		return;
	lanes_join(lanes);
	/* Not in the lanes, and not before the last has ended: each may wake and stop all others.
	 */
	for (unsigned i = 0; i < lanes->count; i++) {
		store_close(lanes->lane[i].store);
		lane_fini(&lanes->lane[i]);
	}
	free(lanes);
}
