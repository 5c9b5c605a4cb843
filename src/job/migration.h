/*
 * A migration: what a job's manifest header says of it, and what is bound to its outcomes.
 *
 * Place      command_cp, command_plan, command_run, command_resume -> [migration] -> engine.
 * Ownership  a struct migration owns everything until migration_fini; it holds the target's cap.
 * Threads    one.
 *
 * The header has no secrets: sources with their names, the target as typed (a cap redacted) and as
 * a hash, the names to be made there, the options of planning, the selection.  The cap of the
 * directory at the target, or "file:" and the path of a local one, is the outcomes' binding; the
 * caps of sources on a grid have a file of their own.
 */
#pragma once

#include "job/job.h"
#include "job/roots.h"
#include "job/selection_job.h"
#include "options/planning.h"
#include "place/arrange.h"
#include "queue/catalog_file.h"

/* Keys of manifest properties beside those of job/job.h. */
#define MIGRATION_NAMES "names" /* of each source at the target, each followed by a NUL */
#define MIGRATION_MADE                                                                             \
	"made" /* names of directories to be made at the target, each followed by a NUL */
#define MIGRATION_DEPTH "depth" /* components of the target's path that were there, decimal */
#define MIGRATION_PLANNED                                                                          \
	"planned" /* nanoseconds since 1970, by the clock of a local target's file system */

struct migration {
	struct job job;
	struct text_list path; /* of each source; NULL: it is on a grid */
	struct text_list name; /* "": a directory on a grid whose contents go into the target */
	struct text_list made;
	struct roots roots;
	size_t depth;
	char *target; /* as typed, redacted */
	char *target_hash;
	struct select *select;
	unsigned asked;          /* enum recount_asked */
	uint64_t created;        /* seconds since 1970 */
	int64_t planned_ns;      /* when the plan began, by the clock of a local target's file
				    system; since 1970 */
	bool remote;             /* a source is on a grid */
	bool to_local;           /* the target is local */
	char *directory;         /* to_local: absolute; made when missing */
	struct cap root;         /* else: the directory at the target */
	struct catalog *catalog; /* without outcomes: migration_bind is due */
	bool fresh;              /* the plan is made in this run */
};

/* What a command line asks of a job. */
struct migration_request {
	const char *state_dir; /* as given, or NULL */
	const char *command;   /* "cp" or "plan" */
	const struct planning_options *planning;
	const struct places *places;
};

/*
 * Finds the newest job of the same command line that is not finished (same resolved sources, target
 * and plan options), opens and locks it, and stores true in `found`.  Faults: LOCKED, CORRUPT,
 * INSECURE, those of reading.
 */
MUST_USE enum fault migration_find(const struct migration_request *request,
				   struct migration *migration, bool *found, struct err *err);

/*
 * Makes a new job: directory, manifest with its header (at `output`
 * if not NULL, else in the job), outcomes.
 */
MUST_USE enum fault migration_new(const struct migration_request *request,
				  const struct arrangement *arrangement, const char *output,
				  struct migration *migration, struct err *err);

/* Opens job `name` (NULL: the newest unfinished one), locked. */
MUST_USE enum fault migration_open(const char *state_dir, const char *name,
				   struct migration *migration, struct err *err);

/*
 * Opens the plan file `path` and its job, locked.  Where the job has no outcomes yet,
 * migration_bind is due.
 */
MUST_USE enum fault migration_open_plan(const char *state_dir, const char *path,
					struct migration *migration, struct err *err);

/* Creates the outcomes of a plan that has none, bound to the directory `root`. */
MUST_USE enum fault migration_bind(struct migration *migration, const struct cap *root,
				   struct err *err);

/* Returns the path of the local directory, `size` bytes, that the outcomes are bound to; NULL:
 * there are none, or it is on a grid. */
const char *migration_local(const struct catalog *catalog, size_t *size);

/* Says of what fault, with its remedy, the job does not go on.  Returns the fault. */
enum fault migration_unusable(const struct migration *migration, struct err *err);

/* Fails with EXISTS (status 4) when `place` is not the target that the job is bound to: an alias
 * that moved. */
MUST_USE enum fault migration_check_target(const struct migration *migration,
					   const struct place *place, struct err *err);

/* Removes the job, which has come to its end and told all there is to tell.  Then as after
 * migration_fini. */
void migration_remove(struct migration *migration);

/* Returns whether the job is a backup. */
bool migration_is_backup(const struct migration *migration);

/* Removes the job, unless something of it is done: it is refused, and would be again.  Then as
 * after migration_fini. */
void migration_drop(struct migration *migration);

/* Wipes, closes, unlocks.  All zeros with job.lock_fd -1 are allowed. */
void migration_fini(struct migration *migration);
