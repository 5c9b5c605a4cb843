/*
 * Files that have come to a local target: from a temporary name to their own, durably.
 *
 *   begin: what is at the target? decide -> compare, where that is told -> temporary file
 *   -> bytes, proven by whoever brings them
 *   -> mode and time -> fsync, or one syncfs -> rename -> fsync of the directory -> outcome
 *
 * The last four are done by a thread of its own, for all that are waiting at once: a file system
 * commits many of them as quickly as one.
 *
 * The room: arrival.c names files; batch_sync.c says how they are made durable; partial.c is the
 * temporary file of a download; local_writer.c is the copy between local places, which puts bodies
 * into arrivals; builder.c makes directories and gives them their mode and time at the end;
 * presence.c looks whether all of it is there then; links.c knows files that lost one of several
 * names.
 *
 * Place      src/download, and the local writer beside it -> [arrivals] -> outcomes.
 * Ownership  an arrival belongs to whoever began it until arrival_complete or arrival_fail; it
 *            holds its work, a directory and a share of the gate.
 * Threads    begin belongs to one thread; an arrival to one at a time.
 */
#pragma once

#include "decide/entry.h"
#include "files/restore.h"
#include "files/target_tree.h"
#include "queue/core/gate.h"
#include "queue/lease.h"

enum { ARRIVALS_MAX = 64 /* inside at once, each with a descriptor */ };

/* Writes what the temporary names of a job begin with; its id's first 16 hex digits are in it. */
void arrival_prefix(const char *job, char prefix[DIRFD_TEMPORARY_SIZE]);

struct arrivals_options {
	char job[17];                /* the first 16 hex digits of the job: in temporary names */
	struct catalog *catalog;     /* the plan */
	const char *root;            /* path of the target's directory; borrowed */
	struct decide_policy policy; /* what is at the target since `planned_s` is a conflict */
	struct outcomes *outcomes;   /* what was taken up again finds there what the job has left;
					borrowed.  NULL: nothing was */
	bool preserve;               /* restore mode and time */
	bool sparse;                 /* long runs of zeros become holes */
	unsigned made; /* levels of the plan above the target directory, which symlinks may not
			  lead out of */
	uint32_t mask; /* umask of the user, for what has no mode */
	unsigned most; /* inside at once, up to ARRIVALS_MAX; 0: that many */
	struct losses *losses; /* counts what the target could not keep */
	/* Hears of an entry that is there without all of its extended attributes.  May be NULL. */
	void (*plainer)(void *context, const struct task *task);
	void *context;
};

struct arrivals;

struct arrival {
	struct arrivals *owner;
	struct work *work;
	struct tree_dir *target_dir;
	char temporary[DIRFD_TEMPORARY_SIZE];
	int fd;       /* of it, open for reading and writing; or -1 */
	bool covered; /* one syncfs makes it durable with others */
	bool sparse;  /* long runs of zeros become holes */
	bool secret;  /* nobody else may read it, whatever its mode was */
	bool resumes; /* a file with chunks: the temporary file is kept when the work goes back to
			 the queue */
	struct decide_source source;
	struct decide_there there; /* what has its name at the target, */
	struct stat seen;          /* as lstat saw it when the arrival began */
	struct decision decision;  /* to copy, or to compare first */
	struct meta meta;
	unsigned lost;          /* enum restore_loss */
	struct outcome outcome; /* to be filled by whoever brings the bytes: cap, content, length */
};

/* Starts the thread.  Faults: NOMEM. */
MUST_USE enum fault arrivals_new(const struct arrivals_options *options, struct arrivals **arrivals,
				 struct err *err);

/* Waits for what was completed, ends the thread and frees.  NULL is allowed. */
void arrivals_free(struct arrivals *arrivals);

/* Refuses what is begun later.  Any thread, idempotent. */
void arrivals_stop(struct arrivals *arrivals);

/*
 * Begins with the file of `work` in the directory `target_dir`, of which it takes the reference.
 * `source` is the slot of its source on a grid, or NULL where that is local.  Sleeps while
 * ARRIVALS_MAX are inside.  NULL: the work has ended, or was given back.
 */
struct arrival *arrival_begin(struct arrivals *arrivals, struct work *work,
			      struct tree_dir *target_dir, const struct outcome *source);

/* Says whether the file at the target holds the bytes that are to come, where the decision was to
 * compare.  Returns the arrival, or NULL: the work has ended. */
struct arrival *arrival_compared(struct arrival *arrival, bool same);

/* Returns true when what is at the target is to be kept or is in the way of a file from here: then
 * the work has ended.  Takes nothing; any thread. */
bool arrivals_keep(struct arrivals *arrivals, struct work *work, struct tree_dir *target_dir);

/* Writes the name that the file is to get. */
void arrival_name(const struct arrival *arrival, char name[DIRFD_NAME_MAX + 1]);

/* Opens the temporary file, one that an earlier attempt left where the arrival resumes.  Faults:
 * FULL, IO. */
MUST_USE enum fault arrival_open(struct arrival *arrival, struct err *err);

/* Has the temporary file of an arrival with holes reach as far as the file will, so that none of
 * its holes ends in a block that is written for that. */
void arrival_extend(const struct arrival *arrival, uint64_t size);

/* Writes all of `data` at `offset` of the temporary file.  Faults: FULL, IO. */
MUST_USE enum fault arrival_write(const struct arrival *arrival, uint64_t offset, const void *data,
				  size_t size, struct err *err);

/* Hands the arrival, whose bytes are there and proven, to the thread.  Sleeps while that is behind.
 */
void arrival_complete(struct arrival *arrival);

/* Ends a work without an arrival and without success, as work_retry does. */
void arrivals_fail(struct work *work, const struct err *err);

/* The same with an arrival. */
void arrival_fail(struct arrival *arrival, const struct err *err);
