#include "base/secret.h"
#include "decide/entry.h"
#include "engine/engine_parts.h"
#include "verify/chunks_proof.h"

/*
 * A file of a backup, before its bytes are asked for:
 *
 *   what earlier ones stored of it (reuse.h) -> decide:
 *     KEEP   its cap is the outcome
 *     CHECK  a lane asks the servers for it: whole: kept; else given back, to be sent this time
 *     else   a reader opens it
 */

/* A known file that the servers are asked for. */
struct known_check {
	struct lane_task lane_task; /* first: the lanes know it by this */
	struct engine *engine;
	struct work *work;
	struct known_file file; /* its directory is a copy of ours */
	struct known_cap known;
	struct cap cap;
	struct proving proving;
	struct chunks_proof chunks; /* where it is in chunks */
	char directory[];
};

static void settle_known(struct work *work, const struct known_cap *known)
{
	const struct task *task = work->task;
	struct meta meta;
	struct outcome outcome = {
		.state = OUTCOME_DONE,
		.attempts = 1,
		.level = OUTCOME_LINKED,
		.length = task->bytes,
		.cap_kind = known->kind,
		.cap_size = known->size,
	};
	memcpy(outcome.cap, known->cap, sizeof outcome.cap);
	if (meta_unpack(task->meta, task->meta_size, &meta))
		meta_pack_outcome(&meta, outcome.meta);
	work_settle(work, &outcome, NULL);
	secret_wipe(&outcome, sizeof outcome);
}

static void known_check_free(struct known_check *check)
{
	struct gate *gate = check->engine->gate;
	gate_leave(gate, sizeof *check);
	proving_fini(&check->proving);
	chunks_proof_fini(&check->chunks);
	secret_wipe(check, sizeof *check);
	free(check);
}

/* Keeps a file of which enough shares are good, though the others cannot be mended: sent again it
 * would be the same.  It is asked for each time. */
static void keep_unmended(struct known_check *check)
{
	reuse_count_unmended(check->engine->reuse);
	report_remark(check->engine->report, check->work->task,
		      "reused; enough of its shares are good, and the bad ones cannot be mended");
	settle_known(check->work, &check->known);
}

/* The servers have answered: `err` NULL, they have it whole; CORRUPT: not.  What is not whole is
 * sent: the dispatcher, which alone may push to readers, leases it again. */
static void known_check_end(struct known_check *check, const struct err *err)
{
	struct reuse *reuse = check->engine->reuse;
	struct work *work = check->work;
	lane_task_end(&check->lane_task, err);
	if (err && err->fault != FAULT_CORRUPT) {
		work_retry(work, REASON_NONE, err);
		known_check_free(check);
		return;
	}
	reuse_count_check(reuse, false);
	if (!err) {
		reuse_file_is_whole(reuse, &check->file, &check->known);
		settle_known(work, &check->known);
	} else if (proving_stays_bad(&check->proving)) {
		keep_unmended(check);
	} else {
		reuse_file_is_broken(reuse, work->task->id);
		work_again(work, 0, work->task->attempts);
	}
	known_check_free(check);
}

static void known_checked(void *context, const struct err *err) { known_check_end(context, err); }

/* Asks for a file in chunks: its directory, and each of these. */
static void check_chunks(struct known_check *check, struct store *store)
{
	const struct engine *engine = check->engine;
	const struct chunks_proof_options wanted = {
		.store = store,
		.cap = &check->cap,
		.bytes = check->file.bytes,
		.levels = policy_rechecks(engine->policy),
		.add_lease = reuse_renews(engine->reuse),
		.repair = policy_rechecks(engine->policy) & VERIFY_CHECK,
		.ended = known_checked,
		.context = check,
	};
	chunks_proof_start(&check->chunks, &wanted);
}

/* Asks for a file.  Shares that are read and bad are mended: stored again, they would stay. */
static void check_whole(struct known_check *check, struct store *store)
{
	const struct engine *engine = check->engine;
	const struct proving_options wanted = {
		.store = store,
		.cap = &check->cap,
		.add_lease = reuse_renews(engine->reuse),
		.repair = policy_rechecks(engine->policy) & VERIFY_CHECK,
		.believes = true,
		.ended = known_checked,
		.context = check,
	};
	proving_start(&check->proving, &wanted, policy_rechecks(engine->policy));
}

static void known_check_start(struct lane_task *lane_task, struct store *store)
{
	struct known_check *check = (struct known_check *)lane_task;
	const struct known_cap *known = &check->known;
	struct err err;
	if (!cap_unpack(known->cap, known->size, known->kind, &check->cap)) {
		err_wrong(&err, "what is known of it holds no cap");
		known_check_end(check, &err);
	} else if (entry_is_chunked(check->work->task->kind, known->kind)) {
		check_chunks(check, store);
	} else {
		check_whole(check, store);
	}
}

static void known_check_refuse(struct lane_task *lane_task)
{
	struct known_check *check = (struct known_check *)lane_task;
	work_again(check->work, 0, check->work->task->attempts);
	known_check_free(check);
}

/* Has a lane ask for it.  Sleeps while many bodies and checks are on their way. */
static void submit_check(struct engine *engine, struct work *work, const struct known_file *file,
			 const struct known_cap *known)
{
	const size_t size = strlen(file->directory) + 1;
	if (!gate_enter(engine->gate, sizeof(struct known_check))) {
		work_again(work, 0, work->task->attempts);
		return;
	}
	struct known_check *check = malloc(sizeof *check + size);
	if (!check) {
		gate_leave(engine->gate, sizeof *check);
		readers_push(engine->readers, work); /* sent once more: only slower */
		return;
	}
	*check = (struct known_check){
		.lane_task = { .kind = LANE_TASK_TRANSFER,
			       .works = HEALTH_READING,
			       .start = known_check_start,
			       .refuse = known_check_refuse },
		.engine = engine,
		.work = work,
		.file = *file,
		.known = *known,
	};
	check->file.directory = memcpy(check->directory, file->directory, size);
	lanes_submit(engine->lanes, &check->lane_task);
}

void engine_route_reused(struct engine *engine, struct work *work)
{
	const struct outcome none = { .state = OUTCOME_NONE };
	const struct decide_policy policy = engine_policy(engine);
	const struct decide_source source = decide_source_of(work->task, &none);
	const struct decide_there there = { .kind = DECIDE_NOTHING };
	struct known_file file;
	struct known_cap cap;
	const struct decide_known known = {
		.stored = reuse_find_file(engine->reuse, engine->asker, work->task, &file, &cap),
	};
	const struct decision decision = decide(&policy, &source, &there, &known);
	if (decision_ends(work, &decision, &there))
		return;
	if (decision.action == DECIDE_KEEP)
		settle_known(work, &cap);
	else if (decision.action == DECIDE_CHECK)
		submit_check(engine, work, &file, &cap);
	else
		readers_push(engine->readers, work);
	secret_wipe(&cap, sizeof cap);
}

enum fault engine_start_reuse(struct engine *engine, const struct engine_backup *backup,
			      struct err *err)
{
	const struct migration *migration = engine->migration;
	if (!backup)
		return FAULT_NONE;
	const struct reuse_options options = {
		.known = backup->known,
		.catalog = migration->catalog,
		.path = (const char *const *)migration->path.text,
		.name = (const char *const *)migration->name.text,
		.count = migration->path.count,
		.made_count = migration->made.count,
		.age = backup->age,
		.read_ns = (int64_t)job_created_ms(migration->job.name) * 1000000,
		.looks_again = backup->looks_again,
		.renews = backup->renews,
	};
	enum fault fault = reuse_new(&options, &engine->reuse, err);
	return fault ? fault : reuse_asker_new(engine->reuse, &engine->asker, err);
}
