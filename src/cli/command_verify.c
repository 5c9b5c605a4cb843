#include "audit/audit.h"
#include "base/cancel.h"
#include "calls/lanes.h"
#include "cli/command.h"
#include "job/migration.h"
#include "place/setup.h"
#include "report/status.h"
#include "report/tally.h"
#include "verify/policy.h"

enum { IN_FLIGHT = 4 }; /* more gains nothing at a gateway of one thread */

struct verifying {
	struct setup *setup;
	struct tally *tally;
};

static enum fault verify_open_store(void *context, struct store **store, struct err *err)
{
	struct verifying *verifying = context;
	return setup_open_next(verifying->setup, store, err);
}

static void moved(void *context, uint64_t bytes)
{
	struct verifying *verifying = context;
	tally_moved(verifying->tally, bytes);
}

/* Counts an entry and writes its line. */
static void ended(void *context, const struct audit_entry *entry)
{
	struct verifying *verifying = context;
	struct tally *tally = verifying->tally;
	struct counters *counters = &tally->counters;
	counter_add(!entry->proven        ? &counters->failed
		    : entry->is_directory ? &counters->directories
					  : &counters->files,
		    1);
	counter_add(&counters->bytes, entry->bytes);
	const struct entry_line line = {
		.id = entry->id,
		.path = entry->path,
		.path_size = strlen(entry->path),
		.kind = entry->is_directory ? MANIFEST_DIRECTORY : MANIFEST_FILE,
		.state = entry->proven ? OUTCOME_DONE : OUTCOME_FAILED,
		.reason = entry->proven ? NULL : "not proven",
		.detail = entry->detail,
		.bytes = entry->bytes,
	};
	tally_put(tally, &line);
}

static void verify_stop(void *context) { audit_stop(context); }

static void sum_up(struct tally *tally, const struct migration *migration, const char *level,
		   const struct audit_counts *counts)
{
	char text[256];
	const struct summary_number number[] = {
		{ "done", counts->files + counts->directories },
		{ "files", counts->files },
		{ "directories", counts->directories },
		{ "failed", counts->failed },
		{ "left_out", counts->left_out },
		{ "bytes", counts->bytes },
	};
	snprintf(text, sizeof text,
		 "verified (%s): %llu files and %llu directories proven, %llu not; %llu entries "
		 "were not stored by the job",
		 level, (unsigned long long)counts->files, (unsigned long long)counts->directories,
		 (unsigned long long)counts->failed, (unsigned long long)counts->left_out);
	const struct tally_summary summary = {
		.number = number,
		.count = ARRAY_COUNT(number),
		.job = migration->job.name,
		.level = level,
		.text = text,
	};
	tally_sum(tally, &summary);
}

static enum fault command_verify_run(const struct audit_request *request,
				     const struct migration *migration, struct tally *tally,
				     int *status, struct err *err)
{
	struct audit *audit = NULL;
	struct audit_counts counts;
	if (audit_new(request, &audit, err))
		return err->fault;
	int watch = cancel_watch(verify_stop, audit);
	enum fault fault = audit_run(audit, &counts, err);
	cancel_unwatch(watch);
	audit_free(audit);
	tally_rest(tally);
	sum_up(tally, migration, verify_name(request->levels), &counts);
	*status = counts.failed > 0 ? STATUS_PARTLY : STATUS_DONE;
	return fault;
}

static enum fault verify_job(const struct options *options, struct setup *setup,
			     const struct migration *migration, int *status, struct err *err)
{
	struct tally tally;
	struct verifying verifying = { .setup = setup, .tally = &tally };
	unsigned in_flight = options->transfer.in_flight
				     ? (unsigned)min_u64(options->transfer.in_flight, LANES_MAX)
				     : IN_FLIGHT;
	const struct audit_request request = {
		.open = verify_open_store,
		.ended = ended,
		.moved = moved,
		.context = &verifying,
		.catalog = migration->catalog,
		.secret = setup->params,
		.paths = options->output.json,
		.levels = options->transfer.verify ? options->transfer.verify : VERIFY_READ,
		.in_flight = (unsigned)min_u64(in_flight * setup->gateways, LANES_MAX),
		.away = setup->away,
		.health = setup->health,
	};
	if (migration->to_local)
		return err_set(err, FAULT_USAGE,
			       "job %.12s has a local target: verify proves what is on a grid; "
			       "barge diff compares",
			       migration->job.name);
	if (!request.catalog->outcomes)
		return err_set(err, FAULT_USAGE, "job %.12s has stored nothing yet",
			       migration->job.name);
	enum fault fault = tally_open(&tally, setup->output, err);
	if (!fault)
		fault = command_verify_run(&request, migration, &tally, status, err);
	tally_close(&tally);
	return fault;
}

enum fault command_verify(const struct options *options, struct output *output, int *status,
			  struct err *err)
{
	struct setup setup;
	struct store_wait wait;
	struct migration migration;
	if (options->words.count != 1)
		return err_set(err, FAULT_USAGE, "verify takes one job; see `barge jobs list`");
	if (options->transfer.verify & VERIFY_CAP)
		return err_set(err, FAULT_USAGE,
			       "--verify=cap proves receipt while bytes are sent; afterwards it is "
			       "read, check, or check,read");
	if (setup_load(&options->connection, output, &setup, err))
		return err->fault;
	if (migration_open(options->state_dir, options->words.text[0], &migration, err)) {
		setup_fini(&setup);
		return err->fault;
	}
	enum fault fault = setup_connect_all(&setup, &wait, err);
	if (!fault) {
		store_close(wait.store);
		fault = verify_job(options, &setup, &migration, status, err);
	}
	migration_fini(&migration);
	setup_fini(&setup);
	return fault;
}
