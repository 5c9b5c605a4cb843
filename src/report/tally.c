#include "report/tally.h"

#include "queue/core/thread.h"
#include "report/json.h"
#include "report/out.h"
#include "report/progress.h"
#include "report/say.h"
#include "report/summary.h"

enum { LINE_MAX_SIZE = 64 << 20 }; /* bytes; a path of 1 MiB, each byte escaped, and more */

enum fault tally_open(struct tally *tally, struct output *output, struct err *err)
{
	*tally = (struct tally){ .output = output };
	bytes_init(&tally->line, LINE_MAX_SIZE);
	tally->counters.start_ms = clock_ms();
	tally->counters.plan = &tally->found;
	return progress_open(&tally->counters, output, &tally->progress, err);
}

void tally_put(struct tally *tally, const struct entry_line *entry)
{
	bytes_clear(&tally->line);
	if (tally->output->options.json &&
	    !bytes_append_text(&tally->line, "{\"event\":\"entry\"") &&
	    !entry_line_json(&tally->line, entry)) {
		out_put(tally->output, tally->line.data, tally->line.size);
		out_flush(tally->output);
	}
	if (!entry->reason)
		entry_line_say_done(tally->output, entry);
	else
		entry_line_say(tally->output, entry, &tally->failures, "--json names all of them");
}

void tally_say_file(struct output *output, const char *path, uint64_t bytes)
{
	const struct entry_line entry = {
		.path = path,
		.path_size = strlen(path),
		.kind = MANIFEST_FILE,
		.state = OUTCOME_DONE,
		.bytes = bytes,
	};
	entry_line_say_done(output, &entry);
}

void tally_moved(void *context, uint64_t bytes)
{
	struct tally *tally = context;
	counter_add(&tally->counters.moved, bytes);
}

void tally_expect(struct tally *tally, uint64_t files, uint64_t directories, uint64_t bytes)
{
	struct counters *counters = &tally->counters;
	counter_add(&counters->planned_files, files);
	counter_add(&counters->planned_directories, directories);
	counter_add(&counters->planned_bytes, bytes);
	atomic_store_explicit(&counters->plan_complete, true, memory_order_release);
}

void tally_found(struct tally *tally, bool is_directory, uint64_t bytes)
{
	struct plan_progress *found = &tally->found;
	counter_add(is_directory ? &found->directories : &found->files, 1);
	counter_add(&found->bytes, bytes);
}

void tally_all_found(struct tally *tally)
{
	const struct plan_progress *found = &tally->found;
	tally_expect(tally, counter_read(&found->files), counter_read(&found->directories),
		     counter_read(&found->bytes));
}

void tally_before(struct tally *tally, bool is_directory, uint64_t bytes)
{
	struct counters *counters = &tally->counters;
	counter_add(is_directory ? &counters->before_directories : &counters->before_files, 1);
	counter_add(&counters->before_bytes, bytes);
}

void tally_there(void *context, uint64_t bytes)
{
	struct tally *tally = context;
	counter_add(&tally->counters.moved, bytes > tally->there ? bytes - tally->there : 0);
	counter_shift(&tally->counters.underway, (int64_t)(bytes - tally->there));
	tally->there = bytes;
}

void tally_rest(struct tally *tally)
{
	progress_close(tally->progress);
	tally->progress = NULL;
}

static enum fault tally_json(struct bytes *out, const struct tally_summary *summary, uint64_t ms)
{
	enum fault fault = summary_begin(out, summary->job);
	if (!fault)
		fault = summary_numbers(out, summary->number, summary->count);
	if (!fault)
		fault = summary_seconds(out, ms);
	if (!fault && summary->level)
		fault = json_member(out, "level", summary->level, strlen(summary->level));
	if (!fault && summary->held_json)
		fault = bytes_printf(out, ",\"verdict\":%s", summary->held_json);
	return fault ? fault : bytes_append_text(out, "}\n");
}

/* Shares that were asked for, or read to be proven, are not bytes of files: these have no rate. */
static void say_run(struct tally *tally, uint64_t ms)
{
	char read[QUANTITY_SIZE], rate[QUANTITY_SIZE];
	const uint64_t bytes = counter_read(&tally->counters.moved);
	const unsigned long long seconds = ms / 1000, tenths = ms / 100 % 10;
	if (bytes > 0)
		say(tally->output, SAY_INFO, "this run: %s read back in %llu.%llu s (%s/s)",
		    quantity_bytes(bytes, read), seconds, tenths,
		    quantity_bytes(quantity_rate(bytes, ms), rate));
	else
		say(tally->output, SAY_INFO, "this run took %llu.%llu s", seconds, tenths);
}

void tally_sum(struct tally *tally, const struct tally_summary *summary)
{
	uint64_t ms = clock_ms() - tally->counters.start_ms;
	if (!tally->output->options.quiet) {
		say(tally->output, SAY_INFO, "%s", summary->text);
		say_run(tally, ms);
		if (summary->held)
			say(tally->output, SAY_INFO, "held back by: %s", summary->held);
	}
	bytes_clear(&tally->line);
	if (tally->output->options.json && !tally_json(&tally->line, summary, ms))
		out_put(tally->output, tally->line.data, tally->line.size);
	out_flush(tally->output);
}

void tally_close(struct tally *tally)
{
	tally_rest(tally);
	bytes_fini(&tally->line);
}
