/*
 * The commands: one function each, one file a command.
 *
 * Place      main picks one from the table; each owns its job from options to exit status.
 * Threads    run in the main thread.
 *
 * Each returns a fault, which main prints and turns into a status (status.h), or FAULT_NONE with
 * the exit status in `status`.
 */
#pragma once

#include "engine/engine.h"
#include "options/options.h"

/* Returns what the options ask of a job with these places. */
struct migration_request command_wanted(const struct options *options, const struct places *places);

/* Returns a request with what the options say; where and what is the caller's to fill in. */
struct engine_request command_engine(const struct options *options, struct output *output);

/* Makes of the words on a grid that are read, ALIAS:TO/below, what a backup had at the time
 * `options->at`.  Sleeps.  Faults: those of archive/at.h. */
enum fault command_go_back(struct options *options, struct output *output, struct err *err);

/* Has cp and plan keep the symlinks of snapshots, unless an option says what becomes of symlinks:
 * where all sources are on a grid, with Archives/STAMP or Latest in their paths.  Faults: those of
 * places_target. */
enum fault command_keep_symlinks(struct options *options, struct err *err);

typedef enum fault command_function(const struct options *options, struct output *output,
				    int *status, struct err *err);

/* command_cp.c, command_run.c, command_resume.c, command_verify.c: the engine's wiring. */
command_function command_cp, command_run, command_resume, command_verify;

/* command_backup.c: a copy into TO/Archives that shares what is known, and TO/Latest. */
command_function command_backup;

/* Goes on with a backup, which is opened and locked. */
MUST_USE enum fault command_backup_resume(const struct options *options, struct output *output,
					  struct migration *migration, int *status,
					  struct err *err);

/* command_plan.c: writes the manifest only. */
command_function command_plan;

/* command_show.c: manifest or outcomes as text or JSON lines. */
command_function command_show;

/* command_ls.c, command_get.c, command_put.c: one directory, one file. */
command_function command_ls, command_get, command_put;

/* command_key.c: a key store. */
command_function command_key;

/* command_diff.c: a local tree against one on a grid. */
command_function command_diff;

/* command_bench.c: how fast a grid is. */
command_function command_bench;

/* command_snapshots.c, command_forget.c: what a backup has made. */
command_function command_snapshots, command_forget;

/* command_jobs.c: list, show, remove. */
command_function command_jobs;

/*
 * command_gateway.c: becomes the program barge-gateway.  It has to come before threads and before
 * signals are blocked.
 */
command_function command_gateway;

/*
 * command_annex.c: the program git-annex-remote-barge, which is this one under another name.  It
 * speaks git-annex's protocol on standard input and output.  `mask` is the umask of the user, which
 * files that it fetches get.  Returns its exit status.
 */
#define ANNEX_PROGRAM "git-annex-remote-barge"
int command_annex(uint32_t mask);
