/*
 * Directories at a local target: made where no file has done so, and given their mode and time once
 * all their children are settled.
 *
 * Place      queue (directory segments) -> [builder] -> file system; outcomes go back to the queue.
 * Threads    runs one of its own.
 */
#pragma once

#include "files/restore.h"
#include "queue/catalog.h"
#include "queue/lease.h"

struct builder_options {
	struct lease_options lease;
	struct catalog *catalog; /* with outcomes */
	int root;                /* the target's directory, open, */
	const char *path;        /* and its path; borrowed */
	const char *job;         /* its name; borrowed */
	unsigned opened;         /* directories kept open below it; 0: many */
	bool preserve;           /* restore mode and time */
	uint32_t mask;           /* umask of the user, for what has no mode */
	struct losses *losses;   /* counts what the target could not keep */
	/* Hears of an entry that is there without all of its extended attributes.  May be NULL. */
	void (*plainer)(void *context, const struct task *task);
	void *context;
};

struct builder;

/* Starts the thread.  Faults: those of target_tree_new, and NOMEM. */
MUST_USE enum fault builder_start(const struct builder_options *options, struct builder **builder,
				  struct err *err);

/* Waits until there is no directory more (task 0 settled, or the queue stopped) and frees.  NULL is
 * allowed. */
void builder_join(struct builder *builder);
