#include "cli/command_fetch.h"

#include "cli/cancel.h"
#include "cli/origin.h"
#include "cli/setup.h"
#include "cli/status.h"
#include "cli/tally.h"
#include "store/lanes.h"

enum { IN_FLIGHT = 4 }; /* more gains nothing at a gateway of one thread */

struct fetching {
	struct setup *setup;
	struct tally *tally;
};

static enum fault open_store(void *context, struct store **store, struct err *err)
{
	struct fetching *fetching = context;
	return setup_open_store(fetching->setup, store, err);
}

static void moved(void *context, uint64_t bytes)
{
	struct fetching *fetching = context;
	tally_moved(fetching->tally, bytes);
}

static const char *kind_text(enum store_kind kind)
{
	return kind == STORE_FILE ? "file" : kind == STORE_DIRECTORY ? "directory" : "other";
}

static void ended(void *context, const struct fetch_entry *entry)
{
	struct fetching *fetching = context;
	struct tally *tally = fetching->tally;
	struct counters *counters = &tally->counters;
	if (!entry->done)
		counter_add(entry->skipped ? &counters->skipped : &counters->failed, 1);
	else if (entry->kind == STORE_FILE)
		counter_add(&counters->files, 1);
	else
		counter_add(&counters->directories, 1);
	counter_add(&counters->bytes, entry->bytes);
	const struct tally_entry line = {
		.path = entry->path,
		.path_size = entry->path_size,
		.kind = kind_text(entry->kind),
		.state = entry->done      ? "done"
			 : entry->skipped ? "skipped"
					  : "failed",
		.reason = entry->done ? NULL : entry->reason,
		.detail = entry->detail,
		.bytes = entry->bytes,
	};
	tally_put(tally, &line);
}

static void stop(void *context) { fetch_stop(context); }

static void sum_up(struct tally *tally, const struct fetch_counts *counts, bool has_secret)
{
	char text[256];
	const struct tally_number number[] = {
		{ "done", counts->files + counts->directories },
		{ "files", counts->files },
		{ "directories", counts->directories },
		{ "skipped", counts->skipped },
		{ "failed", counts->failed },
		{ "conflicts", counts->conflicts },
		{ "reread", counts->reread },
		{ "bytes", counts->bytes },
	};
	snprintf(text, sizeof text,
		 "%llu files and %llu directories fetched and proven, %llu skipped, %llu failed%s",
		 (unsigned long long)counts->files, (unsigned long long)counts->directories,
		 (unsigned long long)counts->skipped, (unsigned long long)counts->failed,
		 counts->reread == 0 ? ""
		 : has_secret        ? " (some by reading twice: stored with another secret)"
				     : " (by reading twice: the gateway's secret is not known)");
	const struct tally_summary summary = {
		.number = number,
		.count = ARRAY_COUNT(number),
		.text = text,
	};
	tally_sum(tally, &summary);
}

/* Runs the request and sums up, whatever came of it. */
static enum fault run(const struct fetch_request *request, struct fetching *fetching,
		      struct fetch_counts *counts, struct err *err)
{
	struct fetch *fetch = NULL;
	if (fetch_new(request, &fetch, err))
		return err->fault;
	int watch = cancel_watch(stop, fetch);
	enum fault fault = fetch_run(fetch, counts, err);
	cancel_unwatch(watch);
	fetch_free(fetch);
	tally_rest(fetching->tally);
	sum_up(fetching->tally, counts, request->secret);
	return fault;
}

static enum fault fetch_origin(const struct options *options, struct setup *setup,
			       const struct origin *origin, int *status, struct err *err)
{
	struct tally tally;
	struct fetching fetching = { .setup = setup, .tally = &tally };
	struct fetch_counts counts = { 0 };
	const struct fetch_request request = {
		.open = open_store,
		.ended = ended,
		.moved = moved,
		.away = setup_tell_away,
		.context = &fetching,
		.target = origin->directory,
		.source = origin->source,
		.count = origin->count,
		.secret = setup->params,
		.in_flight = options->in_flight ? (unsigned)min_u64(options->in_flight, LANES_MAX)
						: IN_FLIGHT,
		.away_ms = options->gateway_wait_ms,
	};
	enum fault fault = tally_open(&tally, options, err);
	if (!fault)
		fault = run(&request, &fetching, &counts, err);
	tally_close(&tally);
	if (counts.conflicts > 0)
		*status = STATUS_CONFLICT;
	else if (counts.failed + counts.skipped > 0)
		*status = STATUS_PARTLY;
	return fault;
}

enum fault command_fetch(const struct options *options, const struct places *places, int *status,
			 struct err *err)
{
	struct setup setup;
	struct store_wait wait;
	struct origin origin;
	if (setup_load(options, &setup, err))
		return err->fault;
	enum fault fault = setup_connect(&setup, &wait, err);
	if (!fault) {
		fault = origin_resolve(options, places, &wait, &origin, err);
		store_close(wait.store);
	}
	if (!fault) {
		fault = fetch_origin(options, &setup, &origin, status, err);
		origin_fini(&origin);
	}
	setup_fini(&setup);
	return fault;
}
