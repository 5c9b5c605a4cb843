#include "report/progress.h"

#include "queue/core/thread.h"
#include "report/say.h"

#include <poll.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	LINE_MS = 200,          /* five times a second is as often as an eye wants */
	PLAIN_MS = 5000,        /* in a log file */
	EAGER_MS = 250,         /* there too, where more was asked for */
	ETA_HOURS_MAX = 100000, /* 11 years */
	SAMPLES = 50,           /* 10 s of the line: speed follows changes, and does not jump */
};

enum progress_style {
	PROGRESS_LINE,  /* rewritten in place */
	PROGRESS_PLAIN, /* lines of their own */
	PROGRESS_EAGER, /* these several times a second while something is done, and at the end */
};

struct progress {
	struct output *output;
	const struct counters *counters;
	enum progress_style style;
	int stop_fd;
	uint64_t shown; /* entries that had ended when a line was last shown */
	uint64_t bytes; /* that were there then, */
	bool fell;      /* or more than there are now */
	struct thread thread;
	struct progress_sample sample[SAMPLES];
	size_t count; /* samples taken so far */
};

const char *quantity_bytes(uint64_t bytes, char text[QUANTITY_SIZE])
{
	static const char *const unit[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	if (bytes < 1024) {
		snprintf(text, QUANTITY_SIZE, "%u B", (unsigned)bytes);
		return text;
	}
	size_t i = 0;
	while (bytes >> 10 >= 1024) {
		bytes >>= 10;
		i++;
	}
	snprintf(text, QUANTITY_SIZE, "%u.%u %s", (unsigned)(bytes >> 10),
		 (unsigned)((bytes & 1023) * 10 / 1024), unit[i]);
	return text;
}

uint64_t quantity_rate(uint64_t amount, uint64_t ms)
{
	if (ms == 0)
		return 0;
	uint64_t rate;
	if (__builtin_mul_overflow(amount / ms, UINT64_C(1000), &rate))
		return UINT64_MAX;
	return add_saturated(rate, amount % ms * 1000 / ms);
}

/* Sums of counters stop at the largest number, as the counters do. */
static uint64_t sum_of(const atomic_uint_least64_t *a, const atomic_uint_least64_t *b)
{
	return add_saturated(counter_read(a), counter_read(b));
}

static uint64_t entries_now(const struct counters *counters)
{
	return counter_read(&counters->files) + counter_read(&counters->directories) +
	       counter_read(&counters->others);
}

/* Bytes on the wire say more than whole files, where the engine tells. */
static uint64_t bytes_now(const struct counters *counters)
{
	return max_u64(counter_read(&counters->moved), counter_read(&counters->bytes));
}

static int put_part(char *text, size_t used, const char *format, ...) PRINTF_LIKE(3, 4);
static int put_part(char *text, size_t used, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int length = vsnprintf(text + used, PROGRESS_TEXT_SIZE - used, format, args);
	va_end(args);
	return length < 0 ? 0 : (int)min_u64((uint64_t)length, PROGRESS_TEXT_SIZE - used - 1);
}

struct progress_speed {
	uint64_t entries, bytes; /* a second */
};

static uint64_t less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

/* What is still to be done, and of how much. */
struct progress_left {
	bool known;       /* the plan is complete; */
	unsigned guessed; /* until then: percent, or 0 */
	uint64_t entries, bytes;
	uint64_t planned_entries, planned_bytes;
};

static struct progress_left left_of(const struct counters *c, uint64_t bytes)
{
	const uint64_t settled = entries_now(c) + counter_read(&c->skipped) +
				 counter_read(&c->failed) + counter_read(&c->before_files) +
				 counter_read(&c->before_directories) +
				 counter_read(&c->before_others) + counter_read(&c->before_lost);
	const uint64_t gone = add_saturated(bytes, sum_of(&c->lost_bytes, &c->before_lost_bytes));
	struct progress_left left = {
		.known = atomic_load_explicit(&c->plan_complete, memory_order_acquire),
		.planned_entries = counter_read(&c->planned_files) +
				   counter_read(&c->planned_directories) +
				   counter_read(&c->planned_others),
		.planned_bytes = counter_read(&c->planned_bytes),
	};
	left.guessed = atomic_load_explicit(&c->guessed, memory_order_relaxed);
	left.entries = less(left.planned_entries, settled);
	left.bytes = less(left.planned_bytes, gone);
	return left;
}

/* By bytes where there are any; 100 is said when nothing is left at all.  A guess has a tilde. */
static size_t put_percent(char *text, size_t used, const struct progress_left *left)
{
	const bool by_bytes = left->planned_bytes > 0;
	const uint64_t all = by_bytes ? left->planned_bytes : left->planned_entries;
	const uint64_t done = all - (by_bytes ? left->bytes : left->entries);
	if (!left->known && left->guessed > 0)
		return used + (size_t)put_part(text, used, "~%u%%, ", left->guessed);
	if (!left->known || all == 0)
		return used;
	unsigned percent = (unsigned)(all >= 100 ? done / (all / 100) : done * 100 / all);
	if (left->entries > 0 && percent > 99)
		percent = 99;
	return used + (size_t)put_part(text, used, "%u%%, ", percent > 100 ? 100 : percent);
}

static size_t put_eta(char *text, size_t used, const struct progress_left *left,
		      struct progress_speed speed)
{
	if (!left->known || (speed.entries == 0 && speed.bytes == 0))
		return used;
	uint64_t by_entries = speed.entries ? left->entries / speed.entries : 0;
	uint64_t by_bytes = speed.bytes ? left->bytes / speed.bytes : 0;
	uint64_t seconds = max_u64(by_entries, by_bytes);
	/* Nobody waits so long: what is left is sizes that somebody made up. */
	if (seconds / 3600 >= ETA_HOURS_MAX)
		return used;
	unsigned hours = (unsigned)(seconds / 3600), minutes = (unsigned)(seconds / 60 % 60);
	unsigned rest = (unsigned)(seconds % 60);
	int more = hours ? put_part(text, used, ", ETA %u:%02u:%02u", hours, minutes, rest)
			 : put_part(text, used, ", ETA %u:%02u", minutes, rest);
	return used + (size_t)more;
}

/* "3/10": so many of what is planned; "3/10+" while that still grows, "3" where nobody plans. */
static size_t put_count(char *text, size_t used, uint64_t done, const uint64_t *planned, bool known)
{
	int more = planned ? put_part(text, used, "%llu/%llu%s", (unsigned long long)done,
				      (unsigned long long)*planned, known ? "" : "+")
			   : put_part(text, used, "%llu", (unsigned long long)done);
	return used + (size_t)more;
}

/* Whether something of what is planned is known. */
static bool knows_some(const struct counters *c, bool known)
{
	return known || (c->plan && sum_of(&c->plan->files, &c->plan->directories) > 0);
}

static size_t put_bytes(const struct counters *c, uint64_t bytes, bool known, char *text,
			size_t used)
{
	char there[QUANTITY_SIZE], planned[QUANTITY_SIZE];
	quantity_bytes(bytes, there);
	if (!knows_some(c, known))
		return used + (size_t)put_part(text, used, "%s", there);
	quantity_bytes(counter_read(known ? &c->planned_bytes : &c->plan->bytes), planned);
	return used + (size_t)put_part(text, used, "%s/%s%s", there, planned, known ? "" : "+");
}

static size_t put_entries(const struct counters *c, bool known, char *text, size_t used)
{
	const bool plans = knows_some(c, known);
	const uint64_t files =
		plans ? counter_read(known ? &c->planned_files : &c->plan->files) : 0;
	const uint64_t directories =
		plans ? counter_read(known ? &c->planned_directories : &c->plan->directories) : 0;
	used = put_count(text, used, sum_of(&c->files, &c->before_files), plans ? &files : NULL,
			 known);
	used += (size_t)put_part(text, used, " files");
	if (known && directories == 0)
		return used;
	used += (size_t)put_part(text, used, ", ");
	used = put_count(text, used, sum_of(&c->directories, &c->before_directories),
			 plans ? &directories : NULL, known);
	return used + (size_t)put_part(text, used, " directories");
}

uint64_t progress_bytes(const struct counters *c)
{
	const int64_t underway = (int64_t)counter_read(&c->underway);
	const uint64_t bytes = add_saturated(sum_of(&c->bytes, &c->before_bytes),
					     underway > 0 ? (uint64_t)underway : 0);
	return atomic_load_explicit(&c->plan_complete, memory_order_acquire)
		       ? min_u64(bytes, counter_read(&c->planned_bytes))
		       : bytes;
}

size_t progress_text(const struct counters *counters, uint64_t bytes,
		     const struct progress_sample *since, uint64_t now_ms,
		     char text[PROGRESS_TEXT_SIZE])
{
	const struct counters *c = counters;
	const struct progress_left left = left_of(c, bytes);
	const uint64_t ms = less(now_ms, since->at_ms);
	const struct progress_speed speed = {
		quantity_rate(less(entries_now(c), since->entries), ms),
		quantity_rate(less(bytes_now(c), since->bytes), ms),
	};
	char rate[QUANTITY_SIZE];
	size_t used = put_percent(text, 0, &left);
	used = put_bytes(c, bytes, left.known, text, used);
	used += (size_t)put_part(text, used, ", %s/s", quantity_bytes(speed.bytes, rate));
	used = put_eta(text, used, &left, speed);
	used += (size_t)put_part(text, used, ", ");
	used = put_entries(c, left.known, text, used);
	used += (size_t)put_part(text, used, ", %llu/s", (unsigned long long)speed.entries);
	if (counter_read(&c->skipped) + counter_read(&c->failed) > 0)
		used += (size_t)put_part(text, used, ", %llu failed, %llu skipped",
					 (unsigned long long)counter_read(&c->failed),
					 (unsigned long long)counter_read(&c->skipped));
	return used;
}

size_t progress_waits(const struct output *output, uint64_t now_ms, char text[PROGRESS_TEXT_SIZE])
{
	const uint64_t left_ms = less(waits_until_ms(&output->waits), now_ms);
	const unsigned uploads = waits_uploads(&output->waits, now_ms);
	text[0] = '\0';
	if (atomic_load(&output->waits.grid))
		return (size_t)put_part(text, 0, "waiting for the grid; ");
	if (atomic_load(&output->waits.gateways))
		return (size_t)put_part(text, 0, "waiting for the gateway; ");
	if (uploads == 0)
		return 0;
	return (size_t)put_part(text, 0, "waiting up to %llu min for %u upload%s cut off; ",
				(unsigned long long)left_ms / 60000 + 1, uploads,
				uploads == 1 ? " that was" : "s that were");
}

/* Returns how much of the line one row of the terminal holds: taking a line away clears one row.
 * All of its bytes are ASCII. */
static size_t fit(const struct output *output, size_t size)
{
	struct winsize window;
	if (ioctl(output->messages, TIOCGWINSZ, &window) < 0 || window.ws_col == 0)
		return size;
	return (size_t)min_u64(size, window.ws_col - 1u);
}

/* Returns the bytes that are there, of a file that has just ended once: they count as on their way
 * no more, and a moment later as done.  So what becomes less is shown only if it stays so. */
static uint64_t steady_bytes(struct progress *progress)
{
	const uint64_t bytes = progress_bytes(progress->counters);
	progress->fell = bytes < progress->bytes && !progress->fell;
	if (!progress->fell)
		progress->bytes = bytes;
	return progress->bytes;
}

/* Shows the numbers of now, with the speed since the oldest sample. */
static void tick(struct progress *progress)
{
	const struct counters *counters = progress->counters;
	char text[2 * PROGRESS_TEXT_SIZE];
	const uint64_t now = clock_ms(), bytes = steady_bytes(progress);
	const size_t oldest = progress->count < SAMPLES ? 0 : progress->count % SAMPLES;
	size_t size = progress_waits(progress->output, now, text);
	size += progress_text(counters, bytes, &progress->sample[oldest], now, text + size);
	progress->sample[progress->count++ % SAMPLES] = (struct progress_sample){
		.at_ms = now, .entries = entries_now(counters), .bytes = bytes_now(counters)
	};
	const uint64_t ended =
		add_saturated(entries_now(counters), sum_of(&counters->failed, &counters->skipped));
	if (progress->style == PROGRESS_LINE)
		say_progress(progress->output, text, fit(progress->output, size));
	else if (progress->style == PROGRESS_PLAIN || ended != progress->shown)
		say(progress->output, SAY_INFO, "%s", text);
	progress->shown = ended;
}

/* The thread: sleeps until it is time or `stop_fd` tells it to end. */
static void progress_run(void *context)
{
	struct progress *progress = context;
	struct pollfd stop = { .fd = progress->stop_fd, .events = POLLIN };
	static const int every_ms[] = {
		[PROGRESS_LINE] = LINE_MS,
		[PROGRESS_PLAIN] = PLAIN_MS,
		[PROGRESS_EAGER] = EAGER_MS,
	};
	while (poll(&stop, 1, every_ms[progress->style]) == 0)
		tick(progress);
	if (progress->style == PROGRESS_EAGER)
		tick(progress); /* the last one says all */
}

enum fault progress_open(const struct counters *counters, struct output *output,
			 struct progress **out, struct err *err)
{
	*out = NULL;
	if (output->options.quiet || output->options.progress == REPORT_PROGRESS_NEVER)
		return FAULT_NONE;
	struct progress *progress = calloc(1, sizeof *progress);
	if (!progress)
		return err_set(err, FAULT_NOMEM, "out of memory for the progress line");
	progress->counters = counters;
	bool in_place =
		output->options.progress == REPORT_PROGRESS_ALWAYS || isatty(output->messages) == 1;
	progress->output = output;
	progress->style = in_place                  ? PROGRESS_LINE
			  : output->options.verbose ? PROGRESS_EAGER
						    : PROGRESS_PLAIN;
	progress->sample[progress->count++] =
		(struct progress_sample){ .at_ms = counters->start_ms };
	progress->stop_fd = eventfd(0, EFD_CLOEXEC);
	if (progress->stop_fd < 0 ||
	    !thread_start(&progress->thread, "progress", progress_run, progress)) {
		if (progress->stop_fd >= 0)
			close(progress->stop_fd);
		free(progress);
		return err_set(err, FAULT_NOMEM, "cannot start the progress line");
	}
	*out = progress;
	return FAULT_NONE;
}

void progress_close(struct progress *progress)
{
	if (!progress)
		return;
	uint64_t one = 1;
	ssize_t written = write(progress->stop_fd, &one, sizeof one);
	if (written == (ssize_t)sizeof one)
		thread_join(&progress->thread);
	close(progress->stop_fd);
	say_progress(progress->output, "", 0);
	free(progress);
}
