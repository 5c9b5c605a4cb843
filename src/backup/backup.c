#include "backup/backup_parts.h"
#include "backup/latest.h"
#include "base/secret.h"
#include "job/dry_run.h"
#include "queue/core/kill.h"
#include "report/report.h"
#include "report/say.h"
#include "report/status.h"

struct tries backup_tries(const struct backup *backup)
{
	return setup_tries(backup->setup, backup->wait);
}

static enum fault look(struct backup *backup, const char *stamp, bool makes, struct err *err)
{
	const struct tries tries = backup_tries(backup);
	const struct backup_look wanted = {
		.place = backup->place,
		.tries = &tries,
		.stamp = stamp,
		.makes = makes,
	};
	return backup_target_look(&wanted, &backup->target, err);
}

static struct migration_request wanted(const struct backup *backup)
{
	return (struct migration_request){
		.state_dir = backup->request->engine.state_dir,
		.command = JOB_BACKUP,
		.planning = &backup->planning,
		.places = backup->places,
	};
}

/* Takes the snapshot's name from the job: it is the one source, or holds the sources. */
static enum fault take_stamp(struct backup *backup, struct err *err)
{
	const struct migration *migration = &backup->migration;
	const struct text_list *names = migration->made.count ? &migration->made : &migration->name;
	if (names->count == 0 || strlen(names->text[0]) >= STAMP_SIZE)
		return err_set(err, FAULT_CORRUPT, "job %s names no snapshot", migration->job.name);
	snprintf(backup->stamp, sizeof backup->stamp, "%s", names->text[0]);
	return FAULT_NONE;
}

/* Says where an unfinished backup is that keeps no extended attributes, as those of earlier
 * versions: this one would lack them, so it is not gone on with. */
static enum fault tell_plainer_job(const struct backup *backup, struct err *err)
{
	struct planning_options plainer = backup->planning;
	struct migration_request request = wanted(backup);
	struct migration migration;
	bool found;
	plainer.xattrs = plainer.acls = false;
	request.planning = &plainer;
	if (!backup->planning.xattrs)
		return FAULT_NONE;
	if (migration_find(&request, &migration, &found, err))
		return err->fault;
	if (found)
		say(backup->request->engine.output, SAY_WARNING,
		    "job %.16s, an unfinished backup of the same, keeps no extended attributes, "
		    "and "
		    "is left: barge resume %.16s goes on with it, barge jobs rm %.16s removes it",
		    migration.job.name, migration.job.name, migration.job.name);
	migration_fini(&migration);
	return FAULT_NONE;
}

/* Whether a newer snapshot has come since the job was begun.  Latest would not lead to the job's
 * own: it would be of no use to whoever wants a backup now. */
static bool is_overtaken(const struct backup *backup)
{
	const struct backup_target *target = &backup->target;
	int64_t seconds;
	return target->any && stamp_read(backup->stamp, strlen(backup->stamp), &seconds) &&
	       seconds < target->newest_s;
}

/* Finds the job of this command line that is to be gone on with.  One that was overtaken is
 * removed: what it has stored is known. */
static enum fault find_job(struct backup *backup, bool *found, struct err *err)
{
	const struct migration_request request = wanted(backup);
	if (migration_find(&request, &backup->migration, found, err))
		return err->fault;
	if (!*found)
		return FAULT_NONE;
	if (take_stamp(backup, err))
		return err->fault;
	if (!is_overtaken(backup))
		return FAULT_NONE;
	say(backup->request->engine.output, SAY_INFO,
	    "job %.16s, an unfinished backup, is older than snapshot %s: a new one is begun in its "
	    "place",
	    backup->migration.job.name, backup->target.newest_name);
	migration_remove(&backup->migration);
	*found = false;
	return FAULT_NONE;
}

/* Finds the job of this command line, or makes a new one. */
static enum fault open_job(struct backup *backup, struct err *err)
{
	const struct migration_request request = wanted(backup);
	bool found = false;
	if (!backup->request->new_job && find_job(backup, &found, err))
		return err->fault;
	if (found) {
		say(backup->request->engine.output, SAY_INFO,
		    "continuing job %.16s, planned %lld s ago (--new starts afresh)",
		    backup->migration.job.name,
		    (long long)time(NULL) - (long long)backup->migration.created);
		return FAULT_NONE;
	}
	if (!backup->request->new_job && tell_plainer_job(backup, err))
		return err->fault;
	backup_choose_stamp(backup);
	if (backup_arrange(backup, err))
		return err->fault;
	return migration_new(&request, &backup->arrangement, NULL, &backup->migration, err);
}

/* ---- the end ---- */

/* Says once that what is known was not kept: the next run takes longer. */
static void tell_unkept(const struct backup *backup)
{
	struct err err;
	if (!known_is_broken(backup->known, &err))
		return;
	say(backup->request->engine.output, SAY_WARNING,
	    "what this backup stored could not be kept for the next one, which will read more: "
	    "%s%s",
	    err.text,
	    err.fault == FAULT_CORRUPT ? "; the damaged file is moved aside (.damaged)" : "");
}

static void note_snapshot(const struct backup *backup, const struct outcome *slot)
{
	struct known_cap cap = { .kind = slot->cap_kind, .size = slot->cap_size };
	memcpy(cap.cap, slot->cap, sizeof cap.cap);
	known_note_cap(backup->known, KNOWN_PROBE, &cap);
	secret_wipe(&cap, sizeof cap);
}

/*
 * Forgets what nothing refers to any more.  What this run has shared was stored, or asked for at
 * its servers, less than --check-always ago; what is twice as old is of files that are gone, or of
 * directories as they were.
 */
static void prune(const struct backup *backup)
{
	enum { YOUNG_S = 120 * 24 * 60 * 60 }; /* whatever the options say */
	const uint64_t always_s = backup->request->options->check_always_ms / 1000;
	const uint64_t age_s = min_u64(max_u64(2 * always_s, YOUNG_S), INT32_MAX);
	known_prune(backup->known, (int64_t)time(NULL) - (int64_t)age_s);
}

/* Moves Latest, once what is known of the snapshot is durable. */
static enum fault move_latest(struct backup *backup, const struct backup_snapshot *snapshot,
			      struct err *err)
{
	const struct tries tries = backup_tries(backup);
	const struct backup_latest_link link = {
		.target = &backup->target,
		.stamp = backup->stamp,
		.snapshot = snapshot,
	};
	bool moved;
	note_snapshot(backup, &snapshot->slot);
	prune(backup);
	known_commit(backup->known);
	tell_unkept(backup);
	if (backup_latest(&link, &tries, &moved, err))
		return err->fault;
	if (!moved)
		say(backup->request->engine.output, SAY_WARNING,
		    "Latest stays where it is: snapshot %s is newer than %s",
		    backup->target.newest_name, backup->stamp);
	return FAULT_NONE;
}

/* The snapshot has its link (engine_backup.linked). */
static enum fault backup_linked(void *context, struct err *err)
{
	struct backup *backup = context;
	struct backup_snapshot snapshot = { 0 };
	known_commit(backup->known);
	KILL_POINT("backup-linked");
	enum fault fault = backup_snapshot_read(&backup->migration, &snapshot, err);
	if (!fault)
		fault = look(backup, backup->stamp, false, err);
	if (!fault)
		fault = move_latest(backup, &snapshot, err);
	KILL_POINT("backup-latest");
	if (!fault)
		fault = job_mark(&backup->migration.job, err);
	secret_wipe(&snapshot, sizeof snapshot);
	return fault;
}

/* Keeps that the snapshot has its link, which a kill kept from being written down. */
static enum fault settle_link(const struct backup *backup, struct err *err)
{
	struct outcomes *outcomes = backup->migration.catalog->outcomes;
	struct outcome root = { .id = 0, .state = OUTCOME_DONE, .attempts = 1 };
	if (!cap_pack(&backup->migration.root, root.cap, &root.cap_size, &root.cap_kind))
		return err_set(err, FAULT_CORRUPT, "the target is of a kind that is not kept");
	enum fault fault = outcomes_write(outcomes, &root, 1, err);
	secret_wipe(&root, sizeof root);
	return fault ? fault : outcomes_sync(outcomes, err);
}

/* Stores whether the snapshot of a job that goes on is linked: then nothing of it changes any more,
 * whatever became of the sources since. */
static enum fault is_linked(struct backup *backup, bool *linked, struct err *err)
{
	struct backup_snapshot snapshot = { 0 };
	struct outcome root;
	if (outcomes_read(backup->migration.catalog->outcomes, 0, 1, &root, err))
		return err->fault;
	*linked = root.state == OUTCOME_DONE;
	if (*linked)
		return FAULT_NONE;
	if (look(backup, backup->stamp, false, err))
		return err->fault;
	if (!backup->target.stamped)
		return FAULT_NONE;
	*linked = !backup_snapshot_read(&backup->migration, &snapshot, err) &&
		  cap_equal(&snapshot.cap, &backup->target.stamp_cap);
	secret_wipe(&snapshot, sizeof snapshot);
	if (*linked)
		return settle_link(backup, err);
	return err_set(err, FAULT_EXISTS,
		       "something else is called %s in Archives by now: begin anew with --new",
		       backup->stamp);
}

/* Sums up a job that earlier runs have carried out. */
static enum fault sum_up(struct backup *backup, struct recount *counts, struct err *err)
{
	const struct migration *migration = &backup->migration;
	const struct plan_progress progress = { 0 };
	const struct report_options options = {
		.output = backup->request->engine.output,
		.catalog = migration->catalog,
		.errors = migration->job.errors,
		.job = migration->job.name,
		.plan = &progress,
	};
	const struct report_end end = {
		.asked = migration->asked,
		.backup = { .stamp = backup->stamp, .ended = true },
	};
	struct report *report = NULL;
	if (report_open(&options, &report, err))
		return err->fault;
	enum fault fault = report_finish(report, &end, counts, err);
	report_close(report);
	return fault;
}

/* A run was killed between its two links. */
static enum fault end_only(struct backup *backup, int *status, struct err *err)
{
	struct recount counts;
	if (backup_linked(backup, err))
		return err->fault;
	say(backup->request->engine.output, SAY_INFO, "snapshot %s was complete; Latest is moved",
	    backup->stamp);
	if (sum_up(backup, &counts, err))
		return err->fault;
	*status = recount_status(&counts);
	return FAULT_NONE;
}

static struct engine_backup sharing_of(struct backup *backup)
{
	const struct backup_options *options = backup->request->options;
	return (struct engine_backup){
		.known = backup->known,
		.age = { .never_s = options->check_after_ms / 1000,
			 .always_s = options->check_always_ms / 1000 },
		.looks_again = options->ignore_timestamps,
		.renews = options->renew_leases,
		.stamp = backup->stamp,
		.linked = backup_linked,
		.context = backup,
	};
}

/* Carries the job out, whose snapshot is not there yet. */
static enum fault carry_out(struct backup *backup, int *status, struct err *err)
{
	const struct engine_backup sharing = sharing_of(backup);
	struct engine_request request = backup->request->engine;
	bool linked = false;
	if (!backup->migration.fresh && is_linked(backup, &linked, err))
		return err->fault;
	if (linked)
		return end_only(backup, status, err);
	request.planning = &backup->planning;
	request.setup = backup->setup;
	request.migration = &backup->migration;
	request.backup = &sharing;
	return engine_run(&request, status, err);
}

/* Plans in a place of its own, and tells what would be done: nothing is known of a target that is
 * not there. */
static enum fault rehearse(struct backup *backup, int *status, struct err *err)
{
	struct migration_request request = wanted(backup);
	struct dry_run dry_run;
	if (dry_run_init(&dry_run, backup->request->engine.output, err))
		return err->fault;
	request.state_dir = dry_run.directory;
	backup_choose_stamp(backup);
	enum fault fault = backup_arrange(backup, err);
	if (!fault)
		fault = migration_new(&request, &backup->arrangement, NULL, &backup->migration,
				      err);
	if (!fault && backup->known)
		fault = backup_import(backup, err);
	if (!fault && backup->known)
		fault = backup_learn(backup, err);
	const struct engine_backup sharing = sharing_of(backup);
	struct engine_request engine = backup->request->engine;
	engine.planning = &backup->planning;
	engine.setup = backup->setup;
	engine.migration = &backup->migration;
	engine.backup = backup->known ? &sharing : NULL;
	if (!fault)
		fault = engine_rehearse(&engine, status, err);
	migration_fini(&backup->migration);
	dry_run_fini(&dry_run);
	return fault;
}

/* With the grid at hand: the target, what is known, the job. */
static enum fault run_at_target(struct backup *backup, int *status, struct err *err)
{
	const bool dry = backup->request->dry_run;
	if (look(backup, NULL, !dry, err) ||
	    (backup->target.archives.kind && backup_open_known(backup, err)))
		return err->fault;
	if (dry)
		return rehearse(backup, status, err);
	/* The run before may have ended just now. */
	enum fault fault = look(backup, NULL, false, err);
	/* Before there is a job: a file that cannot be imported leaves none. */
	if (!fault)
		fault = backup_import(backup, err);
	if (!fault && !backup->migration.catalog)
		fault = open_job(backup, err);
	if (!fault)
		fault = take_stamp(backup, err);
	const bool fresh = !fault && backup->migration.fresh;
	if (!fault)
		fault = backup_learn(backup, err);
	if (!fault)
		fault = carry_out(backup, status, err);
	if (fresh && (fault ? status_of_fault(fault) : *status) == STATUS_USAGE)
		migration_drop(&backup->migration);
	else if (!fault && *status == STATUS_DONE) /* a snapshot each night would fill the disk */
		migration_remove(&backup->migration);
	return fault;
}

static enum fault run_on_grid(struct backup *backup, int *status, struct err *err)
{
	struct setup setup;
	struct store_wait wait;
	if (setup_load(backup->request->engine.connection, backup->request->engine.output, &setup,
		       err))
		return err->fault;
	enum fault fault = setup_connect_all(&setup, &wait, err);
	if (!fault) {
		backup->setup = &setup;
		backup->wait = &wait;
		fault = run_at_target(backup, status, err);
		known_close(backup->known);
		backup_target_wipe(&backup->target);
		store_close(wait.store);
	}
	setup_fini(&setup);
	return fault;
}

/* What a backup always plans with. */
static struct planning_options planning_of(const struct planning_options *given)
{
	struct planning_options planning = *given;
	planning.recursive = planning.immutable = true;
	planning.xattrs = planning.acls = !given->no_xattrs;
	if (planning.symlinks == PLAN_SYMLINKS_UNSET)
		planning.symlinks = PLAN_SYMLINKS_PRESERVE;
	if (planning.specials == PLAN_SPECIALS_UNSET)
		planning.specials = PLAN_SPECIALS_FAIL; /* so that they are named */
	return planning;
}

enum fault backup_run(const struct backup_request *request, const struct text_list *words,
		      int *status, struct err *err)
{
	struct places places;
	if (places_resolve(request->engine.connection, words, NULL, &places, err))
		return err->fault;
	struct backup backup = {
		.request = request,
		.planning = planning_of(request->engine.planning),
		.place = &places.target,
		.places = &places,
		.migration = { .job.lock_fd = -1 },
	};
	enum fault fault = FAULT_NONE;
	if (places.target.local)
		fault = err_set(err, FAULT_USAGE,
				"target '%.120s' is a local path: a backup goes to ALIAS:PATH",
				places.target.typed);
	if (!fault)
		fault = tags_join(&request->options->tag, backup.planning.tags, err);
	if (!fault)
		fault = backup_look_at_sources(&backup, err);
	if (!fault)
		fault = run_on_grid(&backup, status, err);
	arrangement_fini(&backup.arrangement);
	migration_fini(&backup.migration);
	places_fini(&places);
	return fault;
}

enum fault backup_resume(const struct backup_request *request, struct migration *migration,
			 int *status, struct err *err)
{
	struct place place;
	size_t size;
	if (strncmp(migration->target, "URI:", 4) == 0)
		return err_set(err, FAULT_USAGE,
			       "the target of job %.16s was a cap, which jobs do not keep: give "
			       "the command again that made it",
			       migration->job.name);
	if (request->engine.transfer->retry)
		return err_set(err, FAULT_USAGE,
			       "job %.16s is a backup, and a snapshot does not change: what failed "
			       "is tried again by the next backup",
			       migration->job.name);
	struct backup backup = {
		.request = request,
		.planning = *request->engine.planning,
		.place = &place,
	};
	const char *text = catalog_property(migration->catalog, JOB_OPTIONS, &size);
	if (planning_read(&backup.planning, text, size, err) ||
	    places_target(request->engine.connection, migration->target, &place, err))
		return err->fault;
	enum fault fault = migration_check_target(migration, &place, err);
	backup.migration = *migration;
	if (!fault)
		fault = run_on_grid(&backup, status, err);
	*migration = backup.migration;
	place_fini(&place);
	return fault;
}
