/*
 * Job directories: where a saved run lives, who may work on it, and which one goes on.
 *
 * The room: job_find.c finds the one that a command line goes on with, by what index.c knows of all
 * -> job.c makes, opens and
 * removes the folder -> job_lock.c holds it and looks at it, job_list.c names all there are;
 * summary.c keeps what it came to, prune.c removes those that are over; migration.c is what is in
 * it, by the header that migration_header.c writes and reads; begun.c keeps how it was begun;
 * retype.c says the command that made it;
 * selection_job.c keeps the selection; dry_run.c is a job that leaves nothing.
 *
 * Place      commands -> [job] -> the paths of the catalog, keys, errors.jsonl.
 * Ownership  a struct job owns its strings, its directory and its lock until job_close.
 * Threads    one at a time.
 *
 * STATE/jobs/ID/ with STATE = --state-dir, else $XDG_STATE_HOME/barge, else ~/.local/state/barge.
 * ID is 32 hex digits: 6 bytes of milliseconds since 1970, so that names sort by age, and 10 random
 * bytes.
 */
#pragma once

#include "base/bytes.h"
#include "queue/catalog_file.h"

enum { JOB_ID_SIZE = 16, JOB_NAME_SIZE = 33 };

/* Keys of manifest properties.  None holds a secret. */
#define JOB_COMMAND     "command" /* "cp", "plan", JOB_BACKUP */
#define JOB_SOURCES     "sources" /* resolved, each followed by a NUL */
#define JOB_TYPED       "typed"   /* sources as typed, caps redacted, each with a NUL; may lack */
#define JOB_TARGET      "target"  /* as typed, caps redacted */
#define JOB_TARGET_HASH "target-hash"  /* resolved: see struct place */
#define JOB_OPTIONS     "plan-options" /* planning_text */
#define JOB_SELECT      "select"       /* select_text */
#define JOB_ASKED       "asked"        /* enum recount_asked as a decimal number */
#define JOB_CREATED     "created"      /* seconds since 1970, decimal */

#define JOB_BACKUP "backup" /* whose end is marked: job_mark */

struct job {
	unsigned char id[JOB_ID_SIZE];
	char name[JOB_NAME_SIZE]; /* hex of the id */
	char *directory;
	char *manifest; /* paths; the manifest of `barge run PLAN` lies elsewhere */
	char *outcomes, *keys, *errors;
	char *sources; /* the caps of sources on a grid */
	char *index;   /* what is known of all jobs: job/index.h */
	int lock_fd;   /* -1: not locked by us */
};

/* Stores the path of STATE (`state_dir` is --state-dir or NULL); the caller frees it. */
MUST_USE enum fault job_state_dir(const char *state_dir, char **path, struct err *err);

/* Makes `path` and what is missing above it, 0700.  Faults: USAGE (too long), IO. */
MUST_USE enum fault job_make_directories(const char *path, struct err *err);

/* Makes a new job directory, 0700, and locks it.  Faults: FULL, INSECURE, IO, NOMEM. */
MUST_USE enum fault job_create(const char *state, struct job *job, struct err *err);

/*
 * Opens the job `name`: its whole id, or the beginning of one if only one begins so.  Not locked.
 * Audits owner, permission bits, kind and links of the directory and of each file: INSECURE.
 * NOT_FOUND: there is none; USAGE: the beginning fits several.
 */
MUST_USE enum fault job_open(const char *state, const char *name, struct job *job, struct err *err);

/*
 * Opens, or makes when it is not there, the job directory of the plan file `manifest` with id `id`
 * (barge run), and remembers the plan's absolute path in it.  Locked.
 */
MUST_USE enum fault job_adopt(const char *state, const unsigned char id[JOB_ID_SIZE],
			      const char *manifest, struct job *job, struct err *err);

/* Returns whether it is the catalog of a backup. */
bool job_is_backup(const struct catalog *catalog);

/* Keeps that a backup came to its end: Latest is moved.  Faults: IO, FULL. */
MUST_USE enum fault job_mark(const struct job *job, struct err *err);
bool job_is_marked(const struct job *job);

/* Locks the job until job_close.  LOCKED names it and the process that has it. */
MUST_USE enum fault job_lock(struct job *job, struct err *err);

void job_unlock(struct job *job);

/* Unlocks and frees; files stay.  NULL and all zeros with lock_fd -1 are allowed. */
void job_close(struct job *job);

/* Unlinks the job's files and its directory.  Takes the lock first: LOCKED.  Then as closed. */
MUST_USE enum fault job_remove(struct job *job, struct err *err);

/* Writes a small file of the job in place of what has the name; durable.  Faults: FULL, IO. */
MUST_USE enum fault job_write_file(const struct job *job, const char *name,
				   const struct bytes *text, struct err *err);

/* Has the job's plan be the file `path`, not in its directory.  Faults: NOMEM. */
MUST_USE enum fault job_move_plan(struct job *job, const char *path, struct err *err);

/* Returns the files of the job's catalog. */
struct catalog_files job_files(const struct job *job);

/* Returns when the job of that name was made, in milliseconds since 1970: the name begins so. */
uint64_t job_created_ms(const char name[JOB_NAME_SIZE]);

/* Returns whether `text` is a job's whole name. */
bool job_is_name(const char *text);

struct job_list {
	char (*name)[JOB_NAME_SIZE]; /* newest first */
	size_t count;
};

/* Lists the job directories.  No state directory: none. */
MUST_USE enum fault job_list_read(const char *state, struct job_list *list, struct err *err);
void job_list_fini(struct job_list *list);

/* What stands in the files of a job, without changing any. */
enum job_state {
	JOB_EMPTY,    /* killed before its manifest had a header */
	JOB_PLANNED,  /* the plan is complete, nothing was begun */
	JOB_PENDING,  /* something is not settled; `barge resume` goes on */
	JOB_FINISHED, /* task 0 is settled; of a backup, the job is marked too */
	JOB_DAMAGED,  /* manifest or outcomes do not open */
};

/* Returns the state and whether a process has the job locked. */
enum job_state job_look(const struct job *job, bool *locked);

/*
 * Finds the newest job that has unsettled entries and whose manifest has exactly these properties
 * (others may be there too).  Stores it, not locked, and true in `found`.  A job whose manifest
 * does not open is passed over; one whose outcomes do not is found, so that whoever goes on is
 * told.  Jobs that the index knows to be others, or to be over, are not opened.  Faults: INSECURE
 * (one that is opened is), IO, NOMEM.
 */
MUST_USE enum fault job_find(const char *state, const struct manifest_property *property,
			     size_t count, struct job *job, bool *found, struct err *err);

/* Finds the newest job that has unsettled entries or is damaged (barge resume without a word). */
MUST_USE enum fault job_newest(const char *state, struct job *job, bool *found, struct err *err);
