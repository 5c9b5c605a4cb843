#include "annex/remote_measure.h"

#include "files/outfile.h"
#include "net/http.h"

#include <time.h>
#include <unistd.h>

enum { TEXT_MAX = 4096 };

/* What a user of git-annex can do about it.  Nobody waits for a planner or for directories here. */
static const char *const next[VERDICT_NAMES] = {
	[VERDICT_READING] = "a quicker disk under the repository, or more jobs (-J)",
	[VERDICT_HASHING] = "more jobs (-J), or more processor cores here: files are hashed and "
			    "encoded",
	[VERDICT_CPU] = "more processor cores, or fewer other programs on this machine",
	[VERDICT_NETWORK] = "the way to the grid is full: more bandwidth, or a gateway that is "
			    "nearer (gateway=)",
	[VERDICT_GATEWAY] = "a node folder (node=) with its announcements and secrets, so that "
			    "files go past the gateway, or one that is nearer (gateway=)",
	[VERDICT_SERVER] = "look at that storage server, or take it out",
	[VERDICT_SERVERS] = "more jobs (-J), or quicker disks at the storage servers",
	[VERDICT_DISK] = "a quicker disk under the repository",
};

void remote_measure_init(struct remote_measure *measure)
{
	*measure = (struct remote_measure){ 0 };
	mutex_init(&measure->lock);
}

/* Tells what is under way (a gauge_options.look).  Each request has one thread for local files. */
static void look_at(void *context, struct gauge_look *look)
{
	struct remote_measure *measure = context;
	mutex_lock(&measure->lock);
	look->transfers = look->slots = look->hands = measure->under_way;
	mutex_unlock(&measure->lock);
	look->idle = look->transfers == 0;
}

/* Whoever asks has it for as long as there are requests. */
static struct gauge *gauge_of(struct remote_measure *measure)
{
	mutex_lock(&measure->lock);
	struct gauge *gauge = measure->gauge;
	mutex_unlock(&measure->lock);
	return gauge;
}

void remote_measure_start(struct remote_measure *measure, struct setup *setup,
			  struct output *output)
{
	struct err ignored = { 0 };
	struct gauge *gauge;
	const struct gauge_options options = {
		.setup = setup,
		.output = output,
		.look = look_at,
		.context = measure,
	};
	if (gauge_of(measure) || gauge_new(&options, &gauge, &ignored))
		return;
	(void)!gauge_start(gauge, &ignored);
	mutex_lock(&measure->lock);
	measure->gauge = gauge;
	mutex_unlock(&measure->lock);
}

/* ---- requests ---- */

void remote_measure_began(struct remote_measure *measure)
{
	const uint64_t now_us = http_clock_us();
	mutex_lock(&measure->lock);
	if (measure->begun_us == 0)
		measure->begun_us = now_us;
	if (measure->under_way++ == 0)
		measure->since_us = now_us;
	mutex_unlock(&measure->lock);
}

enum fault remote_measure_words(const struct verdict *verdict, uint64_t busy_us, uint64_t all_us,
				struct bytes *text)
{
	const enum verdict_name most = verdict_most(verdict);
	enum fault fault = verdict_shares(verdict, text);
	if (!fault)
		fault = bytes_printf(text, " of %.0f s with requests, in a session of %.0f s",
				     (double)busy_us / 1e6, (double)all_us / 1e6);
	if (!fault && 2 * busy_us < all_us)
		fault = bytes_append_text(text, ": most time is git-annex's own; more jobs (-J)");
	else if (!fault && most == VERDICT_SERVER)
		fault = bytes_printf(text, ": %s is slower than the others: %s", verdict->slow,
				     next[most]);
	else if (!fault && next[most])
		fault = bytes_printf(text, ": %s", next[most]);
	return fault;
}

/* The words of what has been until now. */
static enum fault append_words(struct remote_measure *measure, const struct verdict *verdict,
			       struct bytes *text)
{
	const uint64_t now_us = http_clock_us();
	mutex_lock(&measure->lock);
	const uint64_t all_us = now_us - measure->begun_us;
	uint64_t busy_us = measure->busy_us;
	if (measure->under_way > 0)
		busy_us += now_us - measure->since_us;
	mutex_unlock(&measure->lock);
	return remote_measure_words(verdict, busy_us, all_us, text);
}

/* Whether twice as much is known as when it was told last, which is then now. */
static bool is_to_be_told(struct remote_measure *measure, const struct verdict *verdict)
{
	const uint64_t total_us = verdict_total_us(verdict);
	mutex_lock(&measure->lock);
	const bool told = verdict_is_worth(verdict) && total_us >= 2 * measure->told_us;
	if (told)
		measure->told_us = total_us;
	mutex_unlock(&measure->lock);
	return told;
}

static void tell(struct remote_measure *measure, const struct verdict *verdict,
		 struct annex_job *job)
{
	struct bytes text;
	bytes_init(&text, TEXT_MAX);
	enum fault fault = bytes_append_text(&text, "held back by: ");
	if (!fault)
		fault = append_words(measure, verdict, &text);
	if (!fault)
		annex_debug(job, bytes_text(&text));
	bytes_fini(&text);
}

void remote_measure_ended(struct remote_measure *measure, struct annex_job *job)
{
	struct verdict verdict;
	struct gauge *gauge = gauge_of(measure);
	if (gauge) {
		gauge_so_far(gauge, &verdict);
		if (is_to_be_told(measure, &verdict))
			tell(measure, &verdict, job);
	}
	mutex_lock(&measure->lock);
	if (--measure->under_way == 0)
		measure->busy_us += http_clock_us() - measure->since_us;
	mutex_unlock(&measure->lock);
}

/* ---- the end ---- */

/* Appends the date, as people write it here. */
static enum fault append_date(struct bytes *text)
{
	char date[32];
	struct tm parts;
	const time_t now = time(NULL);
	if (!localtime_r(&now, &parts) || !strftime(date, sizeof date, "%Y-%m-%d %H:%M", &parts))
		return FAULT_NONE;
	return bytes_printf(text, "%s, ", date);
}

/* Has the file say nothing but this text. */
static void save(const char *path, const struct bytes *text)
{
	struct err ignored = { 0 };
	struct outfile outfile;
	if (outfile_open(&outfile, path, true, &ignored))
		return;
	if (write(outfile.fd, text->data, text->size) == (ssize_t)text->size)
		(void)!outfile_publish(&outfile, &ignored);
	outfile_fini(&outfile);
}

void remote_measure_end(struct remote_measure *measure, const char *path)
{
	struct verdict verdict;
	struct bytes text;
	gauge_end(gauge_of(measure), &verdict);
	bytes_init(&text, TEXT_MAX);
	if (path && verdict_is_worth(&verdict) && !append_date(&text) &&
	    !append_words(measure, &verdict, &text) && !bytes_append_text(&text, "\n"))
		save(path, &text);
	bytes_fini(&text);
	mutex_fini(&measure->lock);
}
