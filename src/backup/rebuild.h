/*
 * What the newest snapshot says of itself, where nothing else is known: a lost database, another
 * machine.
 *
 * Place      the snapshot on a grid -> [rebuild] -> known.h.
 * Ownership  what is given is borrowed for the call.
 * Threads    the main thread; sleeps.
 *
 * Directory by directory, each listed once: a file is known by its path, size and the times on its
 * edge.  A directory is known where the form made here of its children has its very cap, so that
 * nothing is believed that is not on its edges; this takes the gateway's secret.
 */
#pragma once

#include "known/known.h"
#include "plan/ask.h"

struct backup_rebuild {
	struct ask ask;
	struct knowledge *known;
	const struct cap *root;          /* of the snapshot */
	int64_t stored_s;                /* when it was made, since 1970 */
	const struct chk_params *params; /* or NULL */
	const char *const *path;         /* of the sources, absolute */
	const char *const *name; /* of each in the snapshot; NULL: the one source is the snapshot */
	size_t count;
};

/* Reads all of it.  Stores how many directories that were; one that cannot be listed is left out.
 * Faults: CANCELLED, UNAVAILABLE, NOMEM. */
MUST_USE enum fault backup_rebuild(const struct backup_rebuild *rebuild, uint64_t *directories,
				   struct err *err);
