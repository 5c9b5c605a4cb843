#include "place/gauge.h"

#include "base/cpu.h"
#include "net/http.h"
#include "queue/core/thread.h"

enum {
	LOOK_MS = 50,
	IDLE_LOOK_MS = 1000, /* once a whole moment was idle */
	MOMENT_US = 1000000,
	WAITED_MAX = 3, /* times the CPU that was used */
};

struct gauge {
	struct gauge_options options;
	struct http_watch watch;
	struct thread thread;
	bool running;
	/* of the moment; the thread's own */
	uint64_t begun_us, begun_cpu_us, begun_waited_us;
	uint64_t looks, idle; /* of the second kind nothing else is counted */
	uint64_t doing[ACTIVITY_COUNT], transfers, directories, slots, hands; /* sums of looks */
	uint64_t gateway_away, grid_away, limited;                            /* looks */

	struct mutex lock;
	struct cond ending;
	bool ended GUARDED;
	struct verdict_moment moment GUARDED; /* what requests have told since it began */
	struct verdict verdict GUARDED;
};

/* Hears of each request that ended (an http_watch.ended). */
static void request_told(void *context, const struct http_phases *phases)
{
	struct gauge *gauge = context;
	mutex_lock(&gauge->lock);
	struct verdict_moment *moment = &gauge->moment;
	moment->busy_us[BUSY_CONNECTING] += phases->connect_us;
	moment->busy_us[BUSY_SENDING] += phases->send_us;
	moment->busy_us[BUSY_WAITING] += phases->wait_us;
	moment->busy_us[BUSY_RECEIVING] += phases->receive_us;
	moment->held_us += phases->held_us;
	moment->bytes += phases->bytes;
	if (phases->to_peer)
		verdict_wait(moment, phases->base, phases->wait_us);
	mutex_unlock(&gauge->lock);
}

static void begin_moment(struct gauge *gauge)
{
	gauge->begun_us = http_clock_us();
	gauge->begun_cpu_us = cpu_used_us();
	gauge->begun_waited_us = cpu_waited_us();
	gauge->looks = gauge->idle = 0;
	gauge->transfers = gauge->directories = gauge->slots = gauge->hands = 0;
	gauge->gateway_away = gauge->grid_away = gauge->limited = 0;
	memset(gauge->doing, 0, sizeof gauge->doing);
}

static void look(struct gauge *gauge)
{
	const struct gauge_options *options = &gauge->options;
	unsigned doing[ACTIVITY_COUNT];
	struct gauge_look look = { .transfers = 1, .slots = 1 };
	if (options->look)
		options->look(options->context, &look);
	if (look.idle) {
		gauge->idle++;
		return;
	}
	activity_look(doing);
	for (int i = 0; i < ACTIVITY_COUNT; i++)
		gauge->doing[i] += doing[i];
	gauge->transfers += look.transfers;
	gauge->directories += look.directories;
	gauge->slots += look.slots;
	gauge->hands += look.hands ? look.hands : options->hands;
	gauge->gateway_away += atomic_load(&options->output->waits.gateways) > 0;
	gauge->grid_away += atomic_load(&options->output->waits.grid);
	const struct pace *pace = options->setup ? options->setup->pace : NULL;
	gauge->limited += look.limited || (pace && pace_holds(pace, clock_ms()));
	gauge->looks++;
}

/* The means of what was looked at. */
static struct verdict_inside inside_of(const struct gauge *gauge)
{
	const double looks = (double)gauge->looks;
	struct verdict_inside inside = {
		.known = true,
		.transfers = (double)gauge->transfers / looks,
		.directories = (double)gauge->directories / looks,
		.hands = (unsigned)((gauge->hands + gauge->looks - 1) / gauge->looks),
		.slots = (unsigned)((gauge->slots + gauge->looks - 1) / gauge->looks),
		.limited = 2 * gauge->limited > gauge->looks,
		.gateway_away = 2 * gauge->gateway_away > gauge->looks,
		.grid_away = 2 * gauge->grid_away > gauge->looks,
	};
	for (int i = 0; i < ACTIVITY_COUNT; i++)
		inside.doing[i] = (double)gauge->doing[i] / looks;
	return inside;
}

/* Names the moment that ends now, as long as it was not idle, and begins another. */
static void end_moment(struct gauge *gauge)
{
	if (gauge->looks == 0) {
		begin_moment(gauge);
		return;
	}
	mutex_lock(&gauge->lock);
	struct verdict_moment moment = gauge->moment;
	gauge->moment = (struct verdict_moment){ 0 };
	mutex_unlock(&gauge->lock);
	moment.us =
		(http_clock_us() - gauge->begun_us) * gauge->looks / (gauge->looks + gauge->idle);
	moment.cpu_us = cpu_used_us() - gauge->begun_cpu_us;
	const uint64_t waited_us = cpu_waited_us();
	/* Who mostly sleeps waits each time it wakes, and wants no more for that. */
	if (waited_us > gauge->begun_waited_us)
		moment.cpu_us +=
			min_u64(waited_us - gauge->begun_waited_us, WAITED_MAX * moment.cpu_us);
	moment.cpus = cpu_count();
	moment.inside = inside_of(gauge);
	mutex_lock(&gauge->lock);
	(void)verdict_add(&gauge->verdict, &moment);
	mutex_unlock(&gauge->lock);
	begin_moment(gauge);
}

static void gauge_run(void *context)
{
	struct gauge *gauge = context;
	bool sleeps = false; /* nothing has happened for a moment */
	begin_moment(gauge);
	mutex_lock(&gauge->lock);
	while (!gauge->ended) {
		(void)cond_wait_ms(&gauge->ending, &gauge->lock, sleeps ? IDLE_LOOK_MS : LOOK_MS);
		bool ended = gauge->ended;
		mutex_unlock(&gauge->lock);
		if (sleeps) /* whatever it was, it was not looked at */
			begin_moment(gauge);
		look(gauge);
		if (gauge->looks > 0)
			sleeps = false;
		if (ended || http_clock_us() - gauge->begun_us >= MOMENT_US) {
			sleeps = gauge->looks == 0;
			end_moment(gauge);
		}
		mutex_lock(&gauge->lock);
	}
	mutex_unlock(&gauge->lock);
}

static void gauge_init(struct gauge *gauge, const struct gauge_options *options) UNCHECKED
{
	gauge->options = *options;
	gauge->watch = (struct http_watch){ .ended = request_told, .context = gauge };
	mutex_init(&gauge->lock);
	cond_init(&gauge->ending);
}

enum fault gauge_new(const struct gauge_options *options, struct gauge **gauge, struct err *err)
{
	struct gauge *made = calloc(1, sizeof *made);
	if (!made)
		return err_set(err, FAULT_NOMEM, "no memory to measure");
	gauge_init(made, options);
	if (options->setup)
		setup_watch(options->setup, &made->watch);
	*gauge = made;
	return FAULT_NONE;
}

enum fault gauge_start(struct gauge *gauge, struct err *err)
{
	gauge->running = thread_start(&gauge->thread, "gauge", gauge_run, gauge);
	return gauge->running ? FAULT_NONE
			      : err_set(err, FAULT_NOMEM, "cannot start the thread that measures");
}

static void stop(struct gauge *gauge)
{
	mutex_lock(&gauge->lock);
	gauge->ended = true;
	cond_wake_all(&gauge->ending);
	mutex_unlock(&gauge->lock);
	if (gauge->running)
		thread_join(&gauge->thread);
}

void gauge_so_far(struct gauge *gauge, struct verdict *verdict)
{
	mutex_lock(&gauge->lock);
	*verdict = gauge->verdict;
	mutex_unlock(&gauge->lock);
}

void gauge_end(struct gauge *gauge, struct verdict *verdict)
{
	*verdict = (struct verdict){ 0 };
	if (!gauge)
		return;
	stop(gauge);
	if (gauge->options.setup)
		setup_watch(gauge->options.setup, NULL);
	gauge_so_far(gauge, verdict);
	cond_fini(&gauge->ending);
	mutex_fini(&gauge->lock);
	free(gauge);
}
