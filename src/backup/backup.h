/*
 * One backup, from the words of a command line to its summary: the copy of SRC to
 * TO/Archives/STAMP, which shares what is known, and the link Latest.
 *
 * A backup, in order:
 *
 *   TO is looked at, and made where it is missing -> what is known of it is opened, which locks it
 *   a job that was interrupted, or a new one: the copy of SRC to TO/Archives/STAMP
 *   the engine carries it out; its last link is STAMP
 *   backup_linked: what is known is durable -> Latest is moved -> the job is marked
 *
 * A job whose STAMP is there already has only the last line left.
 *
 * Inside: backup.c has that order; backup_sources.c looks at SRC and says where it goes,
 * backup_memory.c opens what is known, and learns it from a snapshot (rebuild.c) where nothing is;
 * target.c looks at TO and makes what is missing there, latest.c says what Latest leads to,
 * probe.c whether the grid is the one that is known.
 *
 * Place      barge backup, barge resume -> [backup] -> engine.
 * Threads    the main thread; sleeps until the backup has ended or stopped.
 */
#pragma once

#include "engine/engine.h"
#include "options/backup.h"

struct backup_request {
	const struct backup_options *options;
	struct engine_request engine; /* what the options say; the rest is filled in here */
	bool new_job, dry_run;
};

/*
 * Makes a backup of the sources among `words`, the last of which is TO, or goes on with the job of
 * the same words.  Stores the exit status.  Faults: those that kept it from starting.
 */
MUST_USE enum fault backup_run(const struct backup_request *request, const struct text_list *words,
			       int *status, struct err *err);

/* Goes on with a backup, whose job is opened and locked.  Faults: as above; USAGE where the job
 * alone does not say enough. */
MUST_USE enum fault backup_resume(const struct backup_request *request, struct migration *migration,
				  int *status, struct err *err);
