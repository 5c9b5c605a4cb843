/*
 * A word of the command line and a time made into the word for what a backup had then.
 *
 * Place      options -> [at] -> commands that read.
 * Threads    the main thread.
 */
#pragma once

#include "archive/archive.h"
#include "place/session.h"

struct at_moment {
	const struct connection_options *connection;
	struct session *session;
	const char *text; /* as moment_read has it, or a snapshot's name, or "Latest" */
	int64_t now;      /* seconds since 1970 */
};

/*
 * Puts "Archives/STAMP" into `word`, ALIAS:TO or ALIAS:TO/below, behind TO: the innermost
 * directory on its way with Archives and a snapshot in it; STAMP is the newest that is not later
 * than the time.  Stores the new word in `out`, and the snapshot's name in `stamp`.  Sleeps.
 * Faults: USAGE (no time, no directory on a grid), NOT_FOUND (no backup is on the way, or none so
 * old), and those of grid_path_resolve and archive_open.
 */
MUST_USE enum fault at_word(const struct at_moment *moment, const char *word, struct bytes *out,
			    char stamp[STAMP_SIZE], struct err *err);
