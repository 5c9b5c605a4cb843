/*
 * Files that had several names where they came from, and get one inode again at a local target.
 *
 *   the plan: what a backup says was one file (device, inode, more than one name)
 *     -> those that are done, by the bytes that came, in groups
 *     -> of each group the first that is there as it came; the others become names of it
 *
 * Each file has come whole, under its own name, when this begins, so a kill loses nothing, and the
 * next run begins anew.  Only what holds the very same bytes, now, gets another inode; whatever
 * somebody put in its place stays.  The directories of such names get their modes and times anew.
 *
 * Place      plan and outcomes of the catalog, and the target as it is now -> [hardlinks] -> the
 *            builder, before it settles the root.
 * Threads    one.
 */
#pragma once

#include "files/restore.h"
#include "queue/catalog.h"

struct hardlinks_options {
	struct catalog *catalog;
	const char *root;      /* the path of the target's directory */
	const char *job;       /* its name, in those of temporary files */
	uint32_t mask;         /* umask of the user, for what has no mode */
	struct losses *losses; /* counts the files that stay by themselves */
};

/* Links them.  What cannot be linked stays a file of its own, and is counted.  Faults: CORRUPT, IO,
 * NOMEM. */
MUST_USE enum fault hardlinks_make(const struct hardlinks_options *options, struct err *err);
