#include "report/tally.h"

#include "base/escape.h"
#include "queue/core/thread.h"
#include "report/json.h"
#include "report/out.h"
#include "report/progress.h"
#include "report/say.h"

#include <unistd.h>

enum {
	LINE_MAX_SIZE = 64 << 20, /* bytes; a path of 1 MiB, each byte escaped, and more */
	FAILURES_SHOWN = 50,      /* on stderr */
};

enum fault tally_open(struct tally *tally, const struct output_options *output, struct err *err)
{
	*tally = (struct tally){ .json = output->json, .quiet = output->quiet };
	bytes_init(&tally->line, LINE_MAX_SIZE);
	tally->counters.start_ms = clock_ms();
	if (output->quiet || output->progress == REPORT_PROGRESS_NEVER)
		return FAULT_NONE;
	bool line = output->progress == REPORT_PROGRESS_ALWAYS || isatty(STDERR_FILENO) == 1;
	return progress_open(&tally->counters, line ? PROGRESS_LINE : PROGRESS_PLAIN,
			     &tally->progress, err);
}

static enum fault member(struct bytes *out, const char *key, const char *text)
{
	return json_member(out, key, text, strlen(text));
}

static enum fault entry_json(struct bytes *out, const struct tally_entry *entry)
{
	enum fault fault = bytes_append_text(out, "{\"event\":\"entry\"");
	if (!fault && entry->has_id)
		fault = json_number(out, "id", entry->id);
	if (!fault)
		fault = json_member(out, "path", entry->path, entry->path_size);
	if (!fault)
		fault = member(out, "kind", entry->kind);
	if (!fault)
		fault = member(out, "state", entry->state);
	if (!fault && entry->reason)
		fault = member(out, "reason", entry->reason);
	if (!fault && entry->detail[0])
		fault = member(out, "detail", entry->detail);
	if (!fault)
		fault = json_number(out, "bytes", entry->bytes);
	return fault ? fault : bytes_append_text(out, "}\n");
}

static void say_entry(struct tally *tally, const struct tally_entry *entry)
{
	if (++tally->failures == FAILURES_SHOWN + 1)
		say(SAY_WARNING, "more entries fail; --json names all of them");
	bytes_clear(&tally->line);
	if (tally->failures > FAILURES_SHOWN ||
	    escape_name(&tally->line, entry->path, entry->path_size))
		return;
	say(SAY_WARNING, "%s: '%s': %s%s%s", entry->state, bytes_text(&tally->line), entry->reason,
	    entry->detail[0] ? ": " : "", entry->detail);
}

void tally_put(struct tally *tally, const struct tally_entry *entry)
{
	bytes_clear(&tally->line);
	if (tally->json && !entry_json(&tally->line, entry)) {
		out_put(tally->line.data, tally->line.size);
		out_flush();
	}
	if (entry->reason)
		say_entry(tally, entry);
}

void tally_moved(void *context, uint64_t bytes)
{
	struct tally *tally = context;
	counter_add(&tally->counters.moved, bytes);
}

void tally_rest(struct tally *tally)
{
	progress_close(tally->progress);
	tally->progress = NULL;
}

static enum fault summary_json(struct bytes *out, const struct tally_summary *summary, uint64_t ms)
{
	enum fault fault = bytes_append_text(out, "{\"event\":\"summary\"");
	if (!fault && summary->job)
		fault = member(out, "job", summary->job);
	for (size_t i = 0; i < summary->count && !fault; i++)
		fault = json_number(out, summary->number[i].key, summary->number[i].value);
	if (!fault)
		fault = bytes_printf(out, ",\"seconds\":%llu.%03llu",
				     (unsigned long long)(ms / 1000),
				     (unsigned long long)(ms % 1000));
	if (!fault && summary->level)
		fault = member(out, "level", summary->level);
	return fault ? fault : bytes_append_text(out, "}\n");
}

void tally_sum(struct tally *tally, const struct tally_summary *summary)
{
	char moved[QUANTITY_SIZE], rate[QUANTITY_SIZE];
	uint64_t ms = clock_ms() - tally->counters.start_ms;
	uint64_t bytes = counter_read(&tally->counters.moved);
	if (!tally->quiet) {
		say(SAY_INFO, "%s", summary->text);
		say(SAY_INFO, "this run: %s moved in %llu.%llu s (%s/s)",
		    quantity_bytes(bytes, moved), (unsigned long long)(ms / 1000),
		    (unsigned long long)(ms / 100 % 10),
		    quantity_bytes(quantity_rate(bytes, ms), rate));
	}
	bytes_clear(&tally->line);
	if (tally->json && !summary_json(&tally->line, summary, ms))
		out_put(tally->line.data, tally->line.size);
	out_flush();
}

void tally_close(struct tally *tally)
{
	tally_rest(tally);
	bytes_fini(&tally->line);
}
