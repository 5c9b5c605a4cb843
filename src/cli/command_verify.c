#include "audit/audit.h"
#include "audit/earlier.h"
#include "audit/tree.h"
#include "base/cancel.h"
#include "base/digest.h"
#include "calls/lanes.h"
#include "cli/command.h"
#include "job/begun.h"
#include "job/migration.h"
#include "place/gauge.h"
#include "place/grid_path.h"
#include "place/places.h"
#include "place/setup.h"
#include "report/recount.h"
#include "report/say.h"
#include "report/status.h"
#include "report/tally.h"
#include "verify/policy.h"

enum {
	IN_FLIGHT = 4, /* more gains nothing at a gateway of one thread */
	DIRECT = 8,    /* where storage servers are asked themselves */
};

struct verifying {
	struct setup *setup;
	struct tally *tally;
	struct verdict held; /* by what it was held back */
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
	counter_shift(&verifying->tally->counters.underway, (int64_t)bytes);
}

static void found(void *context, bool is_directory, uint64_t size)
{
	const struct verifying *verifying = context;
	tally_found(verifying->tally, is_directory, size);
}

static void all_found(void *context)
{
	const struct verifying *verifying = context;
	tally_all_found(verifying->tally);
}

static void before(void *context, bool is_directory, uint64_t size)
{
	const struct verifying *verifying = context;
	tally_before(verifying->tally, is_directory, size);
}

static void guessed(void *context, unsigned percent)
{
	const struct verifying *verifying = context;
	atomic_store_explicit(&verifying->tally->counters.guessed, percent, memory_order_relaxed);
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
	counter_add(entry->proven ? &counters->bytes : &counters->lost_bytes, entry->size);
	/* Its bytes were on their way until now. */
	counter_shift(&counters->underway, -(int64_t)entry->moved);
	const struct store_health none = { 0 };
	const struct store_health *health = entry->health ? entry->health : &none;
	const struct summary_number number[] = {
		{ "good_shares", health->good_shares },
		{ "expected_shares", health->expected },
		{ "needed_shares", health->needed },
		{ "corrupt_shares", health->corrupt_shares },
		{ "good_servers", health->good_hosts },
		{ "happiness", health->happiness },
		{ "responding_servers", health->responding },
		{ "repaired", health->repaired },
	};
	const struct entry_line line = {
		.id = entry->id,
		.path = entry->path,
		.path_size = strlen(entry->path),
		.kind = entry->is_directory ? MANIFEST_DIRECTORY : MANIFEST_FILE,
		.state = entry->proven ? OUTCOME_DONE : OUTCOME_FAILED,
		.reason = entry->proven ? NULL : "not proven",
		.detail = entry->detail,
		.bytes = entry->bytes,
		.number = number,
		.numbers = entry->health && !entry->health->literal ? ARRAY_COUNT(number) : 0,
	};
	tally_put(tally, &line);
}

/* ---- the sum ---- */

#define LLU(number) ((unsigned long long)(number))

/* Writes what `tahoe deep-check` sums up, too: a repair with what was before it. */
static void put_health(char *text, size_t size, const struct audit_request *request,
		       const struct audit_counts *counts)
{
	const uint64_t failed = counts->unhealthy - counts->unrecoverable;
	int length = snprintf(text, size, "; shares of %llu objects checked",
			      LLU(counts->healthy + counts->unhealthy));
	if (request->repair)
		length += snprintf(text + length, size - (size_t)length,
				   "; before: %llu healthy, %llu unhealthy; %llu repairs "
				   "attempted, %llu successful, %llu failed; now",
				   LLU(counts->healthy - counts->repaired),
				   LLU(counts->unhealthy + counts->repaired),
				   LLU(counts->repaired + failed), LLU(counts->repaired),
				   LLU(failed));
	snprintf(text + length, size - (size_t)length,
		 ": %llu healthy, %llu unhealthy (%llu cannot be recovered now), %llu corrupt "
		 "shares",
		 LLU(counts->healthy), LLU(counts->unhealthy), LLU(counts->unrecoverable),
		 LLU(counts->corrupt_shares));
}

static void sum_up(const struct verifying *verifying, const struct audit_request *request,
		   const char *job, const struct audit_counts *counts)
{
	char text[768], left_out[96] = "";
	const struct summary_number number[] = {
		{ "done", counts->files + counts->directories },
		{ "files", counts->files },
		{ "directories", counts->directories },
		{ "failed", counts->failed },
		{ "left_out", counts->left_out },
		{ "bytes", counts->bytes },
		{ "healthy", counts->healthy },
		{ "unhealthy", counts->unhealthy },
		{ "unrecoverable", counts->unrecoverable },
		{ "repaired", counts->repaired },
		{ "corrupt_shares", counts->corrupt_shares },
		{ "before", counts->before },
	};
	if (job)
		snprintf(left_out, sizeof left_out, "; %llu entries were not stored by the job",
			 (unsigned long long)counts->left_out);
	int length = snprintf(
		text, sizeof text, "%s (%s): %llu files and %llu directories proven, %llu not%s",
		request->repair ? "repaired" : "verified", verify_name(request->levels),
		(unsigned long long)counts->files, (unsigned long long)counts->directories,
		(unsigned long long)counts->failed, left_out);
	if (counts->healthy + counts->unhealthy > 0 && length > 0)
		put_health(text + length, sizeof text - (size_t)length, request, counts);
	if (counts->before > 0 && (length = (int)strlen(text)) > 0)
		snprintf(text + length, sizeof text - (size_t)length,
			 "; %llu of all by the run that was stopped",
			 (unsigned long long)counts->before);
	char *held = verdict_told(&verifying->held);
	char *held_json = verdict_told_json(&verifying->held);
	const struct tally_summary summary = {
		.number = number,
		.count = ARRAY_COUNT(number),
		.job = job,
		.level = verify_name(request->levels),
		.text = text,
		.held = held,
		.held_json = held_json,
	};
	tally_sum(verifying->tally, &summary);
	free(held);
	free(held_json);
}

/* ---- a job ---- */

static void stop_job(void *context) { audit_stop(context); }

static enum fault prove_job(const struct audit_request *request, struct audit_counts *counts,
			    struct err *err)
{
	struct audit *audit = NULL;
	if (audit_new(request, &audit, err))
		return err->fault;
	int watch = cancel_watch(stop_job, audit);
	enum fault fault = audit_run(audit, counts, err);
	cancel_unwatch(watch);
	audit_free(audit);
	return fault;
}

static enum fault check_job(const struct migration *migration, struct err *err)
{
	if (migration->to_local)
		return err_set(err, FAULT_USAGE,
			       "job %.12s has a local target: verify proves what is on a grid; "
			       "barge diff compares",
			       migration->job.name);
	if (!migration->catalog->outcomes)
		return err_set(err, FAULT_USAGE, "job %.12s has stored nothing yet",
			       migration->job.name);
	return FAULT_NONE;
}

/* ---- a tree ---- */

static void stop_tree(void *context) { tree_audit_stop(context); }

static enum fault prove_tree(const struct audit_request *request, const struct store_node *root,
			     struct audit_counts *counts, struct err *err)
{
	struct tree_audit *tree = NULL;
	if (tree_audit_new(request, &tree, err))
		return err->fault;
	int watch = cancel_watch(stop_tree, tree);
	enum fault fault = tree_audit_run(tree, root, counts, err);
	cancel_unwatch(watch);
	tree_audit_free(tree);
	return fault;
}

/* A cap itself says what it is; what lies below one is asked for, and its edge, whether it is a
 * file in chunks. */
static enum fault find_root(const struct grid_path *path, struct setup *setup,
			    const struct store_wait *wait, struct store_node *node, struct err *err)
{
	const struct grid_look look = { .tries = setup_tries(setup, wait), .count = SIZE_MAX };
	if (path->count > 0) {
		struct chunked chunked = { .count = 0 };
		enum fault fault = grid_path_look(path, &look, node, err);
		if (!fault)
			fault = grid_path_chunks(path, &look.tries, node, &chunked, err);
		chunked_fini(&chunked);
		return fault;
	}
	*node = (struct store_node){
		.kind = cap_is_directory(&path->root) ? STORE_DIRECTORY : STORE_FILE,
		.rw = path->root,
	};
	return FAULT_NONE;
}

/* ---- both ---- */

/* What is to be proven: a job, or what is at a path. */
struct verify_subject {
	struct migration migration;
	struct grid_path path;
	bool is_job;
};

/* Tells the progress line how much a job has stored. */
static enum fault expect_job(struct tally *tally, const struct migration *migration,
			     struct err *err)
{
	struct recount counts;
	struct outcome root;
	if (recount_job(migration->catalog, migration->asked, &counts, err) ||
	    outcomes_read(migration->catalog->outcomes, 0, 1, &root, err))
		return err->fault;
	/* The root is no entry, but proven as well, where it is a directory. */
	const bool proves_root =
		root.state == OUTCOME_DONE && !cap_is_file(&(struct cap){ .kind = root.cap_kind });
	explicit_bzero(&root, sizeof root);
	tally_expect(tally, counts.kind[MANIFEST_FILE].done,
		     counts.kind[MANIFEST_DIRECTORY].done + proves_root, counts.bytes_done);
	return FAULT_NONE;
}

/* Hashes what is looked at, and how.  False: a literal, which is soon looked at again. */
static bool hash_subject(const struct audit_request *request, const struct verify_subject *subject,
			 const struct store_node *root, unsigned char hash[EARLIER_KEY_SIZE])
{
	unsigned char text[JOB_NAME_SIZE + 4] = { 0 };
	if (subject->is_job)
		memcpy(text, subject->migration.job.name, JOB_NAME_SIZE);
	else if (!cap_storage_index(root->rw.kind ? &root->rw : &root->ro, text))
		return false;
	unsigned char *how = text + JOB_NAME_SIZE;
	how[0] = subject->is_job;
	how[1] = (unsigned char)request->levels;
	how[2] = request->add_lease;
	how[3] = request->repair;
	content_hash_of(text, sizeof text, hash);
	return true;
}

static enum fault verify_directory(const struct options *options, char **directory, struct err *err)
{
	char *state = NULL;
	if (job_state_dir(options->state_dir, &state, err))
		return err->fault;
	if (asprintf(directory, "%s/verify", state) < 0) {
		*directory = NULL;
		err_set(err, FAULT_NOMEM, "no memory for a path");
	} else if (job_make_directories(*directory, err)) {
		free(*directory);
		*directory = NULL;
	}
	free(state);
	return *directory ? FAULT_NONE : err->fault;
}

/* Opens what a run that was stopped has left.  NULL: this one keeps nothing. */
static struct earlier *open_earlier(const struct options *options, struct output *output,
				    const struct audit_request *request,
				    const struct verify_subject *subject,
				    const struct store_node *root)
{
	struct earlier_options wanted = { .afresh = options->restart };
	struct earlier *earlier = NULL;
	char *directory = NULL;
	struct err err;
	if (!hash_subject(request, subject, root, wanted.subject))
		return NULL;
	enum fault fault = verify_directory(options, &directory, &err);
	wanted.directory = directory;
	if (!fault)
		fault = earlier_open(&wanted, &earlier, &err);
	free(directory);
	if (fault)
		say(output, SAY_INFO, "this run cannot be gone on with: %s", err.text);
	else if (earlier_count(earlier) > 0)
		say(output, SAY_INFO,
		    "goes on: %llu objects were found well by a run that was stopped "
		    "(--restart: looked at again)",
		    (unsigned long long)earlier_count(earlier));
	return earlier;
}

/* A run that was stopped is gone on with. */
static void close_earlier(struct earlier *earlier, struct output *output, enum fault fault)
{
	if (!fault) {
		earlier_end(earlier);
		return;
	}
	if (earlier && (fault == FAULT_CANCELLED || fault == FAULT_UNAVAILABLE))
		say(output, SAY_INFO, "the same command goes on from here");
	earlier_close(earlier);
}

/* Proves what is below `root`, or the job of the request, and measures what that waits for. */
static enum fault measure(struct verifying *verifying, const struct audit_request *request,
			  const struct store_node *root, struct audit_counts *counts,
			  struct err *err)
{
	const struct gauge_options options = {
		.setup = verifying->setup,
		.output = verifying->setup->output,
	};
	struct gauge *gauge = NULL;
	enum fault fault = gauge_new(&options, &gauge, err);
	if (!fault)
		fault = gauge_start(gauge, err);
	if (!fault)
		fault = root ? prove_tree(request, root, counts, err)
			     : prove_job(request, counts, err);
	gauge_end(gauge, &verifying->held);
	return fault;
}

static enum fault prove(const struct options *options, struct setup *setup,
			const struct verify_subject *subject, const struct store_node *root,
			int *status, struct err *err)
{
	struct tally tally;
	struct verifying verifying = { .setup = setup, .tally = &tally };
	struct audit_counts counts = { 0 };
	const bool repair = options->command == COMMAND_REPAIR;
	const unsigned usual = subject->is_job && !repair ? VERIFY_READ : VERIFY_COUNT;
	unsigned in_flight = options->transfer.in_flight
				     ? (unsigned)min_u64(options->transfer.in_flight, LANES_MAX)
			     : setup->servers.count > 0 ? DIRECT
							: IN_FLIGHT;
	struct audit_request request = {
		.open = verify_open_store,
		.ended = ended,
		.moved = moved,
		.found = found,
		.all_found = all_found,
		.before = before,
		.guessed = guessed,
		.context = &verifying,
		.catalog = subject->is_job ? subject->migration.catalog : NULL,
		.secret = setup->params,
		.paths = options->output.json,
		.levels = options->transfer.verify ? options->transfer.verify : usual,
		.add_lease = options->add_lease,
		.repair = repair,
		.in_flight = (unsigned)min_u64(in_flight * setup->gateways, LANES_MAX),
		.width = in_flight,
		.away = setup->away,
		.health = setup->health,
	};
	enum fault fault = tally_open(&tally, setup->output, err);
	if (!fault && subject->is_job)
		fault = expect_job(&tally, &subject->migration, err);
	if (!fault) {
		request.earlier = open_earlier(options, setup->output, &request, subject, root);
		fault = measure(&verifying, &request, root, &counts, err);
		close_earlier(request.earlier, setup->output, fault);
		tally_rest(&tally);
		sum_up(&verifying, &request, root ? NULL : subject->migration.job.name, &counts);
		*status = counts.failed > 0 ? STATUS_PARTLY : STATUS_DONE;
	}
	tally_close(&tally);
	return fault;
}

static enum fault connect_and_prove(const struct options *options, struct output *output,
				    const struct verify_subject *subject, int *status,
				    struct err *err)
{
	struct setup setup;
	struct store_wait wait;
	struct store_node root = { 0 };
	if (setup_load(&options->connection, output, &setup, err))
		return err->fault;
	enum fault fault = setup_connect_all(&setup, &wait, err);
	if (!fault) {
		if (!subject->is_job)
			fault = find_root(&subject->path, &setup, &wait, &root, err);
		store_close(wait.store);
	}
	if (!fault)
		fault = prove(options, &setup, subject, subject->is_job ? NULL : &root, status,
			      err);
	cap_wipe(&root.rw);
	cap_wipe(&root.ro);
	setup_fini(&setup);
	return fault;
}

/* A job is looked at where it was begun, but for what is typed. */
static enum fault prove_where_begun(const struct options *typed, struct output *output,
				    const struct verify_subject *subject, int *status,
				    struct err *err)
{
	struct begun begun;
	enum fault fault = begun_recall(&subject->migration.job, typed, &begun, err);
	if (!fault)
		fault = connect_and_prove(&begun.options, output, subject, status, err);
	begun_fini(&begun);
	return fault;
}

/* A job's name has no colon; a place on a grid has one. */
static enum fault find_subject(const struct options *options, struct verify_subject *subject,
			       struct err *err)
{
	const char *word = options->words.text[0];
	*subject = (struct verify_subject){ .is_job = !strchr(word, ':') };
	if (!subject->is_job)
		return grid_path_resolve(&options->connection, word, &subject->path, err);
	if (migration_open(options->state_dir, word, &subject->migration, err)) {
		if (err->fault == FAULT_NOT_FOUND)
			places_ask_alias(&options->connection, word, err);
		return err->fault;
	}
	enum fault fault = check_job(&subject->migration, err);
	if (fault)
		migration_fini(&subject->migration);
	return fault;
}

enum fault command_verify(const struct options *options, struct output *output, int *status,
			  struct err *err)
{
	struct verify_subject subject;
	if (options->words.count != 1)
		return err_set(err, FAULT_USAGE,
			       "it takes one job, see `barge jobs list`, or one ALIAS:PATH");
	if (options->transfer.verify & VERIFY_CAP)
		return err_set(err, FAULT_USAGE,
			       "--verify=cap proves receipt while bytes are sent; afterwards it is "
			       "count, check, read, or check,read");
	if (find_subject(options, &subject, err))
		return err->fault;
	enum fault fault = FAULT_NONE;
	if (subject.is_job) {
		fault = prove_where_begun(options, output, &subject, status, err);
		migration_fini(&subject.migration);
	} else {
		fault = connect_and_prove(options, output, &subject, status, err);
		grid_path_fini(&subject.path);
	}
	return fault;
}
