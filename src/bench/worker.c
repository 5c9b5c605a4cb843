#include "base/cancel.h"
#include "bench/bench_parts.h"

#include <errno.h>
#include <sys/random.h>
#include <unistd.h>

enum { HOPELESS = 10 /* failures of a step in which nothing has gone well */ };

/* ---- what a request took ---- */

/* Hears of each request that ended (an http_watch.ended). */
static void request_ended(void *context, const struct http_phases *phases)
{
	struct bench_worker *worker = context;
	mutex_lock(&worker->bench->lock);
	worker->bench->moment.bytes += phases->bytes;
	if (phases->to_peer)
		verdict_wait(&worker->bench->moment, phases->base, phases->wait_us);
	mutex_unlock(&worker->bench->lock);
	if (!worker->started_us)
		worker->started_us = phases->started_us;
	if (worker->storing && phases->reads && !phases->to_peer) {
		worker->busy_us[BUSY_PROVING] +=
			phases->connect_us + phases->send_us + phases->wait_us + phases->receive_us;
		return;
	}
	worker->busy_us[BUSY_CONNECTING] += phases->connect_us;
	worker->busy_us[BUSY_SENDING] += phases->send_us;
	worker->busy_us[BUSY_WAITING] += phases->wait_us;
	worker->busy_us[BUSY_RECEIVING] += phases->receive_us;
}

/* Many requests of one object run side by side at storage servers: what is not making is divided
 * as their phases are. */
static void divide(struct bench_worker *worker, uint64_t took_us, uint64_t busy_us[BUSY_COUNT])
{
	uint64_t making = worker->started_us > worker->begun_us
				  ? min_u64(worker->started_us - worker->begun_us, took_us)
				  : took_us;
	uint64_t sum = 0;
	for (int i = BUSY_CONNECTING; i < BUSY_COUNT; i++)
		sum += worker->busy_us[i];
	for (int i = BUSY_CONNECTING; i < BUSY_COUNT; i++)
		busy_us[i] = sum ? (uint64_t)((double)worker->busy_us[i] *
					      (double)(took_us - making) / (double)sum)
				 : 0;
	busy_us[BUSY_MAKING] = making;
}

/* ---- one object after the other ---- */

static bool is_of_one(enum fault fault)
{
	return fault == FAULT_RETRY || fault == FAULT_CORRUPT || fault == FAULT_NOT_FOUND;
}

/* Counts an object that has ended. */
static void count(struct bench_worker *worker, uint64_t bytes, const struct err *err)
{
	struct bench *bench = worker->bench;
	uint64_t now = http_clock_us(), busy_us[BUSY_COUNT];
	uint64_t took_us = now - worker->begun_us;
	divide(worker, took_us, busy_us);
	mutex_lock(&bench->lock);
	struct bench_counts *counts = &bench->counts;
	for (int i = 0; i < BUSY_COUNT; i++)
		bench->moment.busy_us[i] += busy_us[i];
	if (err->fault) {
		counts->errors += err->fault != FAULT_CANCELLED;
		bench->last = *err;
		bool hopeless = counts->objects == 0 && counts->errors >= HOPELESS;
		if (!is_of_one(err->fault) || hopeless) {
			if (!bench->fatal.fault)
				bench->fatal = *err;
			bench->stop = true;
		}
	} else {
		counts->objects++;
		counts->bytes += bytes;
		counts->first_us = counts->first_us ? counts->first_us : now;
		counts->last_us = now;
		histogram_add(&bench->latency, took_us);
		for (int i = 0; i < BUSY_COUNT; i++)
			histogram_add(&bench->busy[i], busy_us[i]);
	}
	mutex_unlock(&bench->lock);
}

/* Returns whether there is one more to do, storing its number. */
static bool begin_one(struct bench *bench, uint64_t *number)
{
	mutex_lock(&bench->lock);
	bool more = !bench->stop && (!bench->most || bench->begun < bench->most);
	if (more)
		*number = bench->begun++;
	mutex_unlock(&bench->lock);
	return more;
}

static void worker_main(void *context)
{
	struct bench_worker *worker = context;
	for (uint64_t number; begin_one(worker->bench, &number);) {
		struct err err = { 0 };
		uint64_t bytes = 0;
		if (!work_do(worker, number, &bytes, &err))
			err.fault = FAULT_NONE;
		count(worker, bytes, &err);
	}
}

/* ---- threads ---- */

static bool asked_to_stop(void *context)
{
	(void)context;
	return cancel_asked();
}

static enum fault open_worker(struct bench *bench, struct bench_worker *worker, struct err *err)
{
	struct setup *setup = bench->request->setup;
	worker->bench = bench;
	worker->memory = -1;
	worker->watch = (struct http_watch){ .ended = request_ended, .context = worker };
	if (getrandom(&worker->random, sizeof worker->random, 0) != sizeof worker->random)
		return err_os(err, FAULT_IO, errno, "no random numbers");
	setup_watch(setup, &worker->watch);
	enum fault fault = setup_open_next(setup, &worker->wait.store, err);
	setup_watch(setup, NULL);
	worker->opened = !fault;
	return fault;
}

enum fault workers_open(struct bench *bench, unsigned count, struct err *err)
{
	for (unsigned i = 0; i < count; i++) {
		struct bench_worker *worker = &bench->worker[i];
		if (worker->opened)
			continue;
		worker->wait = (struct store_wait){ .stop = asked_to_stop };
		if (open_worker(bench, worker, err))
			return err->fault;
	}
	return FAULT_NONE;
}

enum fault workers_start(struct bench *bench, unsigned count, struct err *err)
{
	for (unsigned i = 0; i < count; i++) {
		struct bench_worker *worker = &bench->worker[i];
		worker->running = thread_start(&worker->thread, "bench", worker_main, worker);
		if (!worker->running)
			return err_set(err, FAULT_NOMEM, "no more threads for %u requests", count);
	}
	return FAULT_NONE;
}

void workers_join(struct bench *bench)
{
	mutex_lock(&bench->lock);
	bench->stop = true;
	mutex_unlock(&bench->lock);
	for (unsigned i = 0; i < BENCH_IN_FLIGHT_MAX; i++) {
		if (bench->worker[i].running)
			thread_join(&bench->worker[i].thread);
		bench->worker[i].running = false;
	}
}

void workers_close(struct bench *bench)
{
	for (unsigned i = 0; i < BENCH_IN_FLIGHT_MAX; i++) {
		struct bench_worker *worker = &bench->worker[i];
		if (!worker->opened)
			continue;
		store_close(worker->wait.store);
		if (worker->memory >= 0)
			close(worker->memory);
		worker->opened = false;
	}
}
