/*
 * What the parts of `barge snapshots` share: the list, find, diff.
 *
 * Place      inside cli/command_snapshots.c, snapshots_find.c, snapshots_diff.c only.
 */
#pragma once

#include "archive/trees.h"
#include "archive/visit.h"
#include "options/options.h"

enum { SNAPSHOTS_TIME_SIZE = 24 };

struct snapshots {
	const struct options *options;
	struct output *output;
	struct visit visit;
	struct remote *remote; /* not of the plain list */
	struct bytes line;
	uint64_t unread; /* directories that could not be listed */
	bool failed;     /* a line did not fit */
};

/* Writes a local time, "2026-11-21 22:21:48", and returns it. */
const char *snapshots_time(int64_t seconds, char text[SNAPSHOTS_TIME_SIZE]);

/* Tells that the directory at `path`, in the snapshot `name` (NULL: not said), was not listed. */
void snapshots_unread(struct snapshots *snapshots, const char *name, const char *path,
		      const struct err *err);

/* Makes the remote. */
MUST_USE enum fault snapshots_open_remote(struct snapshots *snapshots, struct err *err);

/* Returns what a child is called: "file", "directory", "symlink", "other". */
const char *snapshots_kind(const struct remote_child *child);

/* Which snapshots have names that match words[2].  Fills `status`. */
MUST_USE enum fault snapshots_find(struct snapshots *snapshots, int *status, struct err *err);

/* Whether all that is in the snapshots, or in words[2], can be had. */
MUST_USE enum fault snapshots_check(struct snapshots *snapshots, int *status, struct err *err);

/* What differs between the snapshots words[2] and words[3]. */
MUST_USE enum fault snapshots_diff(struct snapshots *snapshots, int *status, struct err *err);
