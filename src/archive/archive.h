/*
 * What a backup has left at its target: TO/Archives with a snapshot under each name, and TO/Latest.
 *
 * The room: archive.c lists the snapshots and finds the one of a time; census.c counts what is in
 * them, search.c finds names, difference.c compares two.  All of them read directories through
 * plan/remote.h.  What names mean, and which snapshots are kept, is computed in the room
 * `snapshot`.
 *
 * Place      place/grid_path.h -> [archive] -> barge snapshots, barge forget, --at.
 * Ownership  a struct archive owns everything until archive_fini; its caps are secrets.
 * Threads    the main thread.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/scripts/tahoe_backup.py.
 */
#pragma once

#include "place/grid_path.h"
#include "snapshot/stamp.h"

#define ARCHIVE_DIRECTORY "Archives"
#define ARCHIVE_LATEST    "Latest"

struct archive_snapshot {
	struct stamp stamp; /* its name, owned by the archive, NUL-terminated; not `known`: hostile,
			       and no backup's */
	const char *tags;   /* as snapshot/tags.h has them, owned by the archive; "": none */
	struct cap cap;     /* reads it; CAP_NONE: nothing that can be read */
	bool is_directory;
	bool latest; /* it is what TO/Latest leads to; of several equal ones the newest */
};

struct archive {
	char *typed;          /* TO/Archives, safe to show */
	struct cap directory; /* of Archives, the best there is */
	struct cap latest;    /* what reads Latest; CAP_NONE: there is none */
	struct archive_snapshot *snapshot;
	size_t count, capacity;
	size_t known; /* snapshots: directories whose name is a time, the oldest first; behind them
			 comes what else is there, by name */
	struct bytes names;
};

/*
 * Lists what is below `to`.  Sleeps.  FAULT_NOT_FOUND: there is no such directory, or no Archives
 * in it; USAGE: it, or Archives, is no directory; and those of grid_path_look.  On failure
 * `archive` is empty.
 */
MUST_USE enum fault archive_open(const struct grid_path *to, const struct tries *tries,
				 struct archive *archive, struct err *err);

/* Wipes and frees.  All zeros are allowed. */
void archive_fini(struct archive *archive);

/*
 * Finds a snapshot as people name it: by its name, as "Latest", or by a time (snapshot/moment.h),
 * which means the newest one that is not later; `now` is in seconds since 1970.  FAULT_USAGE: it is
 * none of these; NOT_FOUND: there is none so old, and the text names the oldest.
 */
MUST_USE enum fault archive_find(const struct archive *archive, const char *word, int64_t now,
				 const struct archive_snapshot **found, struct err *err);
