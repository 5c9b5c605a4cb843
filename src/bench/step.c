/*
 *   workers begin -> warm-up -> counters to zero -> samples ... steady, or the time is over,
 *                                                        or all objects are begun
 *                                                   -> nothing more is begun, all end -> the row
 *
 * A sample goes from the end of one object to that of another, and is at least 100 ms and two
 * objects for each request in flight: so what ends in batches looks no faster than it is.
 */
#include "base/cancel.h"
#include "base/cpu.h"
#include "bench/bench_parts.h"
#include "report/json.h"
#include "report/out.h"

enum {
	LOOK_MS = 20,
	SAMPLE_MS = 100,
	WARM_UP_MS = 500, /* at most, and a quarter of the step at most */
	LEAST_MS = 500,   /* before a speed counts as steady */
	SECOND_US = 1000000,
	PROGRESS_MS = 200,
	LINE_SIZE_MAX = 4096,
};

struct stepping {
	struct bench *bench;
	struct step *step;
	struct steady steady, bytes;
	uint64_t begun_us, measured_us; /* when workers began; when the warm-up was over */
	uint64_t from_us; /* the end of the last object of the warm-up, or measured_us */
	uint64_t sample_us, sample_objects, sample_bytes;
	uint64_t moment_us, moment_cpu_us, moment_objects, moment_bytes;
	uint64_t shown_us, cpu_us, gateway_us;
	bool gateway_known;
};

/* ---- seconds ---- */

/* Writes what happened in the second that ends now, or in the rest of one. */
static void print_second(const struct stepping *stepping, uint64_t us, uint64_t objects,
			 uint64_t bytes, enum verdict_name name)
{
	struct output *output = stepping->bench->request->output;
	const struct step *step = stepping->step;
	struct bytes line;
	if (!output->options.json)
		return;
	bytes_init(&line, LINE_SIZE_MAX);
	if (!bytes_printf(&line,
			  "{\"type\":\"second\",\"op\":\"%s\",\"size\":%llu,\"in_flight\":%llu,"
			  "\"seconds\":%.6f,\"objects\":%llu,\"bytes\":%llu,\"verdict\":\"%s\"}\n",
			  step->op, (unsigned long long)step->size,
			  (unsigned long long)step->in_flight, (double)us / SECOND_US,
			  (unsigned long long)objects, (unsigned long long)bytes,
			  verdict_word(name)))
		out_put(output, line.data, line.size);
	bytes_fini(&line);
}

/* Names the time since the last call, and begins a new moment. */
static void end_moment(struct stepping *stepping, uint64_t now)
{
	struct bench *bench = stepping->bench;
	uint64_t cpu_us = cpu_used_us(), us = now - stepping->moment_us;
	mutex_lock(&bench->lock);
	struct verdict_moment moment = bench->moment;
	bench->moment = (struct verdict_moment){ 0 };
	uint64_t objects = bench->counts.objects, bytes = bench->counts.bytes, busy = 0;
	mutex_unlock(&bench->lock);
	for (int i = 0; i < BUSY_COUNT; i++)
		busy += moment.busy_us[i];
	moment.us = us;
	moment.cpu_us = cpu_us - stepping->moment_cpu_us;
	moment.cpus = cpu_count();
	moment.limit = bench->request->limit;
	if (busy > 0 && us > 0)
		print_second(stepping, us, objects - stepping->moment_objects,
			     bytes - stepping->moment_bytes,
			     verdict_add(&stepping->step->verdict, &moment));
	stepping->moment_us = now;
	stepping->moment_cpu_us = cpu_us;
	stepping->moment_objects = objects;
	stepping->moment_bytes = bytes;
}

/* ---- samples ---- */

/* Forgets what the warm-up has counted. */
static void begin_measuring(struct stepping *stepping, uint64_t now)
{
	struct bench *bench = stepping->bench;
	mutex_lock(&bench->lock);
	uint64_t first_us = bench->counts.first_us, last_us = bench->counts.last_us;
	bench->totals->errors += bench->counts.errors;
	bench->totals->retries += bench->counts.retries;
	bench->counts = (struct bench_counts){ .first_us = first_us };
	bench->moment = (struct verdict_moment){ 0 };
	histogram_clear(&bench->latency);
	for (int i = 0; i < BUSY_COUNT; i++)
		histogram_clear(&bench->busy[i]);
	mutex_unlock(&bench->lock);
	stepping->measured_us = stepping->moment_us = now;
	stepping->from_us = stepping->sample_us = last_us ? last_us : now;
	stepping->cpu_us = stepping->moment_cpu_us = cpu_used_us();
	stepping->gateway_known = machine_cpu_us(bench->gateway_pid, &stepping->gateway_us);
}

static void look(struct stepping *stepping, uint64_t now)
{
	struct bench *bench = stepping->bench;
	mutex_lock(&bench->lock);
	uint64_t objects = bench->counts.objects - stepping->sample_objects;
	uint64_t bytes = bench->counts.bytes - stepping->sample_bytes;
	uint64_t last_us = bench->counts.last_us;
	mutex_unlock(&bench->lock);
	uint64_t us = last_us > stepping->sample_us ? last_us - stepping->sample_us : 0;
	if (us >= (uint64_t)SAMPLE_MS * 1000 && objects >= 2 * stepping->step->in_flight) {
		steady_add(&stepping->steady, (double)objects * SECOND_US / (double)us);
		steady_add(&stepping->bytes, (double)bytes * SECOND_US / (double)us);
		stepping->sample_us = last_us;
		stepping->sample_objects += objects;
		stepping->sample_bytes += bytes;
	}
	if (now - stepping->moment_us >= SECOND_US)
		end_moment(stepping, now);
	if (now - stepping->shown_us >= (uint64_t)PROGRESS_MS * 1000) {
		table_progress(bench->request->output, stepping->step, stepping->steady.mean,
			       stepping->bytes.mean);
		stepping->shown_us = now;
	}
}

/* Whether the step is over: the time is, all was begun, or nothing new would be seen. */
static bool is_over(struct stepping *stepping, uint64_t now)
{
	struct bench *bench = stepping->bench;
	mutex_lock(&bench->lock);
	uint64_t done = bench->counts.objects + bench->counts.errors;
	bool over = bench->stop || (bench->most && bench->begun >= bench->most);
	mutex_unlock(&bench->lock);
	if (over || cancel_asked())
		return true;
	uint64_t ms = (now - stepping->measured_us) / 1000;
	return (done > 0 && ms >= bench->request->duration_ms) ||
	       (ms >= LEAST_MS && steady_is(&stepping->steady));
}

static void sleep_ms(long ms) { nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL); }

static void watch_workers(struct stepping *stepping)
{
	const struct bench_request *request = stepping->bench->request;
	uint64_t warm_ms = request->objects ? 0 : min_u64(WARM_UP_MS, request->duration_ms / 4);
	begin_measuring(stepping, stepping->begun_us);
	bool warm = warm_ms == 0;
	for (uint64_t now; now = http_clock_us(), !is_over(stepping, now); sleep_ms(LOOK_MS)) {
		if (!warm && now - stepping->begun_us >= warm_ms * 1000) {
			begin_measuring(stepping, now);
			warm = true;
		} else if (warm) {
			look(stepping, now);
		}
	}
}

/* ---- the row ---- */

static void fill_times(struct bench *bench, struct step *step)
{
	mutex_lock(&bench->lock);
	times_of(&bench->latency, &step->latency);
	for (int i = 0; i < BUSY_COUNT; i++)
		times_of(&bench->busy[i], &step->busy[i]);
	mutex_unlock(&bench->lock);
}

/* With too few samples the whole step is one. */
static void fill_speed(struct stepping *stepping, struct step *step, uint64_t end_us)
{
	double seconds = (double)(end_us - stepping->from_us) / SECOND_US;
	bool sampled = stepping->steady.count >= 2;
	step->objects_per_second = sampled       ? stepping->steady.mean
				   : seconds > 0 ? (double)step->objects / seconds
						 : 0;
	step->bytes_per_second = sampled       ? stepping->bytes.mean
				 : seconds > 0 ? (double)step->bytes / seconds
					       : 0;
	step->spread = steady_spread(&stepping->steady);
	step->seconds = seconds;
}

static double since(uint64_t us, uint64_t begun_us)
{
	return us > begun_us ? (double)(us - begun_us) / SECOND_US : 0;
}

static void fill_step(struct stepping *stepping)
{
	struct bench *bench = stepping->bench;
	struct step *step = stepping->step;
	uint64_t now = http_clock_us(), gateway_us = 0;
	mutex_lock(&bench->lock);
	const struct bench_counts counts = bench->counts;
	mutex_unlock(&bench->lock);
	step->objects = counts.objects;
	step->bytes = counts.bytes;
	step->errors = counts.errors;
	step->retries = counts.retries;
	step->first_done = since(counts.first_us, stepping->begun_us);
	step->last_done = since(counts.last_us, stepping->begun_us);
	step->cpu = (double)(cpu_used_us() - stepping->cpu_us) / SECOND_US;
	step->gateway_cpu = -1;
	if (stepping->gateway_known && machine_cpu_us(bench->gateway_pid, &gateway_us))
		step->gateway_cpu = since(gateway_us, stepping->gateway_us);
	fill_times(bench, step);
	fill_speed(stepping, step, counts.last_us > stepping->from_us ? counts.last_us : now);
	end_moment(stepping, now);
	bench->totals->errors += counts.errors;
	bench->totals->retries += counts.retries;
	verdict_join(&bench->totals->verdict, &step->verdict);
}

/* ---- a step ---- */

static void reset(struct bench *bench, uint64_t most)
{
	mutex_lock(&bench->lock);
	bench->stop = false;
	bench->begun = 0;
	bench->most = most;
	bench->counts = (struct bench_counts){ 0 };
	bench->last = (struct err){ 0 };
	mutex_unlock(&bench->lock);
}

/* Says why a step that is over was none. */
static enum fault verdict_of_step(struct bench *bench, struct err *err)
{
	mutex_lock(&bench->lock);
	struct err why = bench->fatal;
	if (!why.fault && bench->counts.objects == 0 && bench->last.fault)
		why = bench->last;
	mutex_unlock(&bench->lock);
	if (why.fault)
		*err = why;
	else if (cancel_asked())
		err_set(err, FAULT_CANCELLED, "asked to stop");
	else
		return FAULT_NONE;
	return err->fault;
}

enum fault step_run(struct bench *bench, unsigned in_flight, struct step *step, struct err *err)
{
	struct stepping stepping = { .bench = bench, .step = step };
	*step = (struct step){ .size = bench->size, .in_flight = in_flight, .gateway_cpu = -1 };
	snprintf(step->op, sizeof step->op, "%s", bench_op_name(bench->op));
	if (workers_open(bench, in_flight, err))
		return err->fault;
	reset(bench, bench->request->objects);
	stepping.begun_us = http_clock_us();
	enum fault fault = workers_start(bench, in_flight, err);
	if (!fault)
		watch_workers(&stepping);
	workers_join(bench);
	if (fault)
		return fault;
	fill_step(&stepping);
	return verdict_of_step(bench, err);
}

enum fault step_store(struct bench *bench, enum bench_op op, uint64_t count, struct err *err)
{
	enum { STORING = 4 /* in flight */ };
	enum bench_op wanted = bench->op;
	if (workers_open(bench, STORING, err))
		return err->fault;
	bench->op = op;
	reset(bench, count);
	uint64_t end_us = http_clock_us() + bench->request->duration_ms * 1000;
	enum fault fault = workers_start(bench, STORING, err);
	for (bool over = fault != FAULT_NONE; !over; sleep_ms(LOOK_MS)) {
		mutex_lock(&bench->lock);
		over = bench->stop || bench->begun >= count ||
		       (bench->counts.objects > 0 && http_clock_us() >= end_us);
		mutex_unlock(&bench->lock);
		over |= cancel_asked();
	}
	workers_join(bench);
	bench->op = wanted;
	return fault ? fault : verdict_of_step(bench, err);
}
