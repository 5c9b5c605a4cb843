/*
 * What stands at a local target under the name of a file that is to come, and what that means.
 *
 * Place      src/land/arrival.h when a file's turn comes; `barge cp --dry-run` for what would be.
 * Threads    may run concurrently.
 */
#pragma once

#include "base/meta.h"
#include "queue/core/fault.h"

/* What to do with a regular file that is at the target when an entry's turn comes. */
enum arrival_there {
	ARRIVAL_REPLACE,
	ARRIVAL_KEEP,   /* skipped(present) */
	ARRIVAL_UPDATE, /* skipped(unchanged) when size and mtime are those of the source */
};

/* A file that is to come. */
struct standing_file {
	const char *name;
	uint64_t bytes;
	const struct meta *meta;
	bool is_symlink; /* it is to be one: only a symlink may be replaced */
};

struct standing {
	bool is_there;
	uint8_t reason;    /* enum outcome_reason: why it is to be kept, or REASON_NONE */
	int64_t changed_s; /* its ctime, seconds since 1970 */
};

/*
 * Looks in the open `directory` for what has the name of `file`.  FAULT_EXISTS: something that no
 * file may replace; USAGE: a name that no file may have; IO.
 */
MUST_USE enum fault standing_look(int directory, const struct standing_file *file,
				  enum arrival_there there, struct standing *standing,
				  struct err *err);
