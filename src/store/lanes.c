#include "store/lanes.h"

#include "queue/thread.h"

#include <assert.h>
#include <stdatomic.h>

enum {
	POLL_MS = 1000,  /* a sleeping lane looks up that often */
	PROBE_MS = 1000, /* between two probes of a gateway that is away */
};

struct lane {
	struct lanes *lanes;
	struct thread thread;
	struct store *store;
	unsigned slots[ERRAND_KINDS]; /* in flight at most */
	unsigned busy[ERRAND_KINDS];  /* in flight */
	struct errand *active;        /* started, not ended */
	bool away;
	bool probing;
	bool told; /* gave_up was called */
	uint64_t away_since, probe_at;
	atomic_uint load; /* submitted, not ended */
	atomic_bool poked;

	struct mutex lock;
	struct cond ready;                          /* opened, or failed to */
	struct errand *inbox[ERRAND_KINDS] GUARDED; /* oldest first */
	struct errand **tail[ERRAND_KINDS] GUARDED;
	bool hungry[ERRAND_KINDS] GUARDED; /* has room and found nothing: to be woken */
	bool opened GUARDED;
	bool stopped GUARDED;
	bool closing GUARDED;
	struct err err GUARDED; /* of opening */
};

struct lanes {
	struct lanes_options options;
	unsigned count;
	bool joined;
	struct lane lane[LANES_MAX];
};

static void link_active(struct lane *lane, struct errand *errand)
{
	errand->next = lane->active;
	errand->back = &lane->active;
	if (errand->next)
		errand->next->back = &errand->next;
	lane->active = errand;
}

static void unlink_active(struct errand *errand)
{
	*errand->back = errand->next;
	if (errand->next)
		errand->next->back = errand->back;
}

void errand_end(struct errand *errand, enum fault fault)
{
	struct lane *lane = errand->lane;
	unlink_active(errand);
	lane->busy[errand->kind]--;
	atomic_fetch_sub(&lane->load, 1);
	if (fault != FAULT_UNAVAILABLE || lane->away)
		return;
	lane->away = true;
	lane->told = false;
	lane->away_since = clock_ms();
	lane->probe_at = lane->away_since + PROBE_MS;
	if (lane->lanes->options.away)
		lane->lanes->options.away(lane->lanes->options.context, true);
}

static struct errand *take_locked(struct lane *lane, enum errand_kind kind) REQUIRES(lane->lock)
{
	struct errand *errand = lane->inbox[kind];
	if (!errand)
		return NULL;
	lane->inbox[kind] = errand->next;
	if (!errand->next)
		lane->tail[kind] = &lane->inbox[kind];
	return errand;
}

/* Returns an errand to start now, or NULL; with `refused` one to refuse. */
static struct errand *next_errand(struct lane *lane, bool *refused)
{
	struct errand *errand = NULL;
	mutex_lock(&lane->lock);
	*refused = lane->stopped;
	for (int kind = ERRAND_KINDS - 1; kind >= 0 && !errand; kind--) {
		bool room = !lane->away && lane->busy[kind] < lane->slots[kind];
		if (lane->stopped || room)
			errand = take_locked(lane, (enum errand_kind)kind);
		lane->hungry[kind] = room && !errand;
	}
	mutex_unlock(&lane->lock);
	return errand;
}

static void start_waiting(struct lane *lane)
{
	bool refused;
	for (struct errand *errand; (errand = next_errand(lane, &refused));) {
		if (refused) {
			atomic_fetch_sub(&lane->load, 1);
			errand->refuse(errand);
			continue;
		}
		lane->busy[errand->kind]++;
		link_active(lane, errand);
		errand->start(errand, lane->store);
	}
}

static void probed(void *context, const struct store_reply *reply)
{
	struct lane *lane = context;
	lane->probing = false;
	lane->probe_at = clock_ms() + PROBE_MS;
	const struct lanes_options *options = &lane->lanes->options;
	if (!reply->fault) {
		lane->away = false;
		if (options->away)
			options->away(options->context, false);
	} else if (!lane->told && clock_ms() - lane->away_since >= options->away_ms) {
		lane->told = true;
		options->gave_up(options->context, &reply->err);
	}
}

static void probe_if_due(struct lane *lane)
{
	if (!lane->away || lane->probing || clock_ms() < lane->probe_at)
		return;
	struct err err;
	if (store_probe(lane->store, (struct store_then){ probed, lane }, &err))
		lane->probing = true;
	else
		lane->probe_at = clock_ms() + PROBE_MS;
}

static void poke_active(struct lane *lane)
{
	if (!atomic_exchange(&lane->poked, false))
		return;
	struct errand *next;
	for (struct errand *errand = lane->active; errand; errand = next) {
		next = errand->next;
		if (errand->poke)
			errand->poke(errand, lane->store);
	}
}

static bool finished(struct lane *lane)
{
	mutex_lock(&lane->lock);
	bool closing = lane->closing;
	mutex_unlock(&lane->lock);
	return closing && atomic_load(&lane->load) == 0;
}

static bool open_store(struct lane *lane)
{
	struct err err = { 0 };
	const struct lanes_options *options = &lane->lanes->options;
	enum fault fault = options->open(options->context, &lane->store, &err);
	mutex_lock(&lane->lock);
	lane->err = err;
	lane->opened = true;
	cond_wake_all(&lane->ready);
	mutex_unlock(&lane->lock);
	return !fault;
}

static void run(void *context)
{
	struct lane *lane = context;
	if (!open_store(lane))
		return;
	while (!finished(lane)) {
		poke_active(lane); /* may make room */
		start_waiting(lane);
		probe_if_due(lane);
		if (!finished(lane))
			store_poll(lane->store, lane->away ? PROBE_MS / 4 : POLL_MS);
	}
}

static void lane_init(struct lanes *lanes, unsigned number) UNCHECKED
{
	struct lane *lane = &lanes->lane[number];
	lane->lanes = lanes;
	mutex_init(&lane->lock);
	cond_init(&lane->ready);
	for (int kind = 0; kind < ERRAND_KINDS; kind++) {
		unsigned slots = lanes->options.slots[kind];
		unsigned threads = lanes->options.threads;
		lane->slots[kind] = slots / threads + (number < slots % threads);
		lane->tail[kind] = &lane->inbox[kind];
	}
}

/* Starts a lane and waits until its store is open. */
static enum fault lane_start(struct lane *lane, struct err *err)
{
	if (!thread_start(&lane->thread, "lane", run, lane))
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

struct lane *lanes_submit(struct lanes *lanes, struct errand *errand)
{
	struct lane *best = NULL;
	unsigned least = 0;
	for (unsigned i = 0; i < lanes->count; i++) {
		struct lane *lane = &lanes->lane[i];
		unsigned load = atomic_load_explicit(&lane->load, memory_order_relaxed);
		if (lane->slots[errand->kind] > 0 && (!best || load < least)) {
			best = lane;
			least = load;
		}
	}
	assert(best);
	errand->lane = best;
	errand->next = NULL;
	atomic_fetch_add(&best->load, 1);
	mutex_lock(&best->lock);
	*best->tail[errand->kind] = errand;
	best->tail[errand->kind] = &errand->next;
	/* A lane that is busy looks by itself before it sleeps again; waking it costs a write. */
	bool wake = best->hungry[errand->kind] || best->stopped;
	best->hungry[errand->kind] = false;
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

void lanes_stop(struct lanes *lanes)
{
	for (unsigned i = 0; i < lanes->count; i++) {
		struct lane *lane = &lanes->lane[i];
		mutex_lock(&lane->lock);
		lane->stopped = true;
		mutex_unlock(&lane->lock);
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
