#include "report/report.h"

#include "queue/core/thread.h"
#include "report/lines.h"
#include "report/out.h"
#include "report/progress.h"
#include "report/say.h"
#include "report/summary.h"

enum { SUMMARY_MAX = 1 << 20 };

struct report {
	struct output *output;
	struct catalog *catalog;
	char *job;
	struct counters counters;
	struct details *details;
	struct lines *lines;
	struct progress *progress;
};

static enum fault report_start(struct report *report, const struct report_options *options,
			       struct err *err)
{
	const struct lines_options lines = { .catalog = options->catalog,
					     .errors = options->errors,
					     .target = options->target,
					     .output = options->output };
	enum fault fault = lines_open(&lines, &report->lines, err);
	return fault ? fault
		     : progress_open(&report->counters, options->output, &report->progress, err);
}

enum fault report_open(const struct report_options *options, struct report **out, struct err *err)
{
	struct report *report = calloc(1, sizeof *report);
	if (!report)
		return err_set(err, FAULT_NOMEM, "out of memory for the report");
	report->output = options->output;
	report->catalog = options->catalog;
	report->job = strdup(options->job ? options->job : "");
	report->counters.plan = options->plan;
	report->counters.start_ms = clock_ms();
	report->details = details_new();
	enum fault fault = FAULT_NONE;
	if (!report->job || !report->details)
		fault = err_set(err, FAULT_NOMEM, "out of memory for the report");
	if (!fault)
		fault = report_start(report, options, err);
	if (fault)
		report_close(report);
	else
		*out = report;
	return fault;
}

/* ---- feeding ---- */

static bool is_directory(uint8_t kind)
{
	return kind == MANIFEST_DIRECTORY || kind == MANIFEST_LINKED;
}

static atomic_uint_least64_t *done_counter(struct counters *counters, uint8_t kind)
{
	return kind == MANIFEST_FILE ? &counters->files
	       : is_directory(kind)  ? &counters->directories
				     : &counters->others;
}

static void count_kind(struct counters *counters, uint8_t kind, uint64_t bytes, uint8_t state)
{
	if (state == OUTCOME_DONE) {
		counter_add(done_counter(counters, kind), 1);
		counter_add(&counters->bytes, kind == MANIFEST_FILE ? bytes : 0);
		return;
	}
	counter_add(state == OUTCOME_SKIPPED ? &counters->skipped : &counters->failed, 1);
	counter_add(&counters->lost_bytes, kind == MANIFEST_FILE ? bytes : 0);
	counter_add(&counters->lost_directories, is_directory(kind));
}

void report_settled(void *context, const struct task *task, const struct outcome *outcome)
{
	struct report *report = context;
	struct counters *counters = &report->counters;
	if (task->id > 0)
		count_kind(counters, task->kind, task->bytes, outcome->state);
	struct line line = {
		.id = task->id,
		.listing = task->listing,
		.kind = task->kind,
		.state = outcome->state,
		.reason = outcome->reason,
		.bytes = task->bytes,
		.name = task->name,
		.name_size = task->name_size,
	};
	details_take(report->details, task->id, line.detail);
	lines_put(report->lines, &line);
}

void report_remark(struct report *report, const struct task *task, const char *text)
{
	struct line line = {
		.id = task->id,
		.listing = task->listing,
		.kind = task->kind,
		.state = OUTCOME_DONE,
		.is_remark = true,
		.bytes = task->bytes,
		.name = task->name,
		.name_size = task->name_size,
	};
	snprintf(line.detail, sizeof line.detail, "%s", text);
	lines_put(report->lines, &line);
}

static enum fault count_before(void *context, const struct manifest_entry *entry,
			       const struct outcome *outcome, struct err *err)
{
	struct counters *counters = context;
	(void)err;
	if (!outcome_is_settled(outcome))
		return FAULT_NONE;
	const uint64_t bytes = entry->kind == MANIFEST_FILE ? entry->bytes : 0;
	if (outcome->state != OUTCOME_DONE) {
		counter_add(&counters->before_lost, 1);
		counter_add(&counters->lost_directories, is_directory(entry->kind));
	} else if (entry->kind == MANIFEST_FILE)
		counter_add(&counters->before_files, 1);
	else if (is_directory(entry->kind))
		counter_add(&counters->before_directories, 1);
	else
		counter_add(&counters->before_others, 1);
	counter_add(outcome->state == OUTCOME_DONE ? &counters->before_bytes
						   : &counters->before_lost_bytes,
		    bytes);
	return FAULT_NONE;
}

enum fault report_before(struct report *report, struct err *err)
{
	const struct catalog_visitor visitor = { count_before, &report->counters };
	struct catalog_reader *reader;
	struct catalog_page page = { 0 };
	enum fault fault = catalog_reader_new(report->catalog, &reader, err);
	if (fault)
		return fault;
	while (!fault && !page.is_end) {
		fault = catalog_next(reader, &page, err);
		if (!fault && !page.is_end)
			fault = catalog_visit(reader, &page, &visitor, err);
	}
	catalog_reader_free(reader);
	return fault;
}

void report_planned(struct report *report, const struct manifest_totals *totals)
{
	struct counters *counters = &report->counters;
	atomic_store_explicit(&counters->planned_files, totals->files, memory_order_relaxed);
	atomic_store_explicit(&counters->planned_directories, totals->directories,
			      memory_order_relaxed);
	atomic_store_explicit(&counters->planned_others, totals->symlinks + totals->others,
			      memory_order_relaxed);
	atomic_store_explicit(&counters->planned_bytes, totals->bytes, memory_order_relaxed);
	atomic_store_explicit(&counters->plan_complete, true, memory_order_release);
}

uint64_t report_files_left(const struct report *report)
{
	const struct counters *c = &report->counters;
	if (!atomic_load_explicit(&c->plan_complete, memory_order_acquire))
		return UINT64_MAX;
	uint64_t planned = counter_read(&c->planned_files) + counter_read(&c->planned_others);
	uint64_t lost = counter_read(&c->skipped) + counter_read(&c->failed) +
			counter_read(&c->before_lost) - counter_read(&c->lost_directories);
	uint64_t ended = counter_read(&c->files) + counter_read(&c->before_files) +
			 counter_read(&c->others) + counter_read(&c->before_others) + lost;
	return planned - min_u64(ended, planned);
}

void report_moved(struct report *report, uint64_t bytes)
{
	counter_add(&report->counters.moved, bytes);
}

void report_underway(struct report *report, int64_t bytes)
{
	counter_shift(&report->counters.underway, bytes);
}

void report_detail(struct report *report, uint64_t id, const struct err *err)
{
	if (err->text[0])
		details_keep(report->details, id, err->text);
}

/* ---- the end ---- */

static enum fault summarize(struct report *report, const struct summary_run *run,
			    const struct report_end *end, const struct recount *counts,
			    struct err *err)
{
	struct bytes text;
	bytes_init(&text, SUMMARY_MAX);
	enum fault fault = FAULT_NONE;
	if (!report->output->options.quiet) {
		fault = summary_text(&text, run, end, counts);
		if (!fault)
			say_plain(report->output, bytes_text(&text), text.size);
		bytes_clear(&text);
	}
	if (!fault && report->output->options.json) {
		fault = summary_json(&text, run, end, counts);
		if (!fault)
			out_put(report->output, text.data, text.size);
		out_flush(report->output);
	}
	bytes_fini(&text);
	return bytes_err(fault, err, "the summary");
}

/* planned = done + skipped + failed + left, row by row; nothing is left of a job at its end. */
static enum fault check_law(const struct recount *counts, const struct report_end *end,
			    struct err *err)
{
	const struct recount_kind *all = &counts->all;
	if (all->planned != all->done + all->skipped + all->failed + all->left)
		return err_set(err, FAULT_CORRUPT,
			       "the job does not add up: %llu entries planned, %llu done, "
			       "%llu skipped, %llu failed",
			       (unsigned long long)all->planned, (unsigned long long)all->done,
			       (unsigned long long)all->skipped, (unsigned long long)all->failed);
	bool ended = !end->fault && !end->cancelled;
	if (ended && (all->left > 0 || !counts->plan_complete || !counts->root_settled))
		return err_set(err, FAULT_CORRUPT,
			       "the job ended with %llu of %llu entries not settled",
			       (unsigned long long)all->left, (unsigned long long)all->planned);
	return FAULT_NONE;
}

enum fault report_finish(struct report *report, const struct report_end *end,
			 struct recount *counts, struct err *err)
{
	struct counters *c = &report->counters;
	struct summary_run run = {
		.job = report->job,
		.ms = clock_ms() - c->start_ms,
		.done = counter_read(&c->files) + counter_read(&c->directories) +
			counter_read(&c->others),
		.bytes = counter_read(&c->bytes),
	};
	progress_close(report->progress);
	report->progress = NULL;
	lines_drain(report->lines);
	struct recount found;
	enum fault fault = recount_job(report->catalog, end->asked, &found, err);
	run.lost = lines_close(report->lines);
	report->lines = NULL;
	if (!fault)
		fault = summarize(report, &run, end, &found, err);
	if (!fault)
		*counts = found;
	return fault ? fault : check_law(&found, end, err);
}

void report_close(struct report *report)
{
	if (!report)
		return;
	progress_close(report->progress);
	(void)lines_close(report->lines);
	details_free(report->details);
	free(report->job);
	free(report);
}
