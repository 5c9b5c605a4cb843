/*
 * A directory of a grid that says it is a file in chunks: is it one, and which are they?
 *
 * The mark is hearsay.  It is believed where the directory is just what it would be: files that
 * cannot change, named by their numbers, all but the last of one size, and as long as it says.
 *
 * Place      an entry found on a grid -> [chunks] -> remote.h; the caps go to the sources' slots.
 * Ownership  `chunk` is the caller's to wipe and free.
 * Threads    the planner's.
 */
#pragma once

#include "plan/remote.h"

struct found_chunks {
	struct outcome *chunk; /* one each, planned, without id; NULL: it is a directory */
	size_t count;
	uint64_t size; /* of a chunk, but for the last */
};

/* Wipes and frees.  All zeros are allowed. */
void found_chunks_fini(struct found_chunks *found);

/*
 * Turns to the directory `cap`, which says that it is a file of `bytes` bytes, and looks.  Faults:
 * NOMEM; those of remote_open that would end the plan: what cannot be listed is left to whoever
 * lists it as a directory.
 */
MUST_USE enum fault chunks_find(struct remote *remote, const struct cap *cap, uint64_t bytes,
				struct found_chunks *found, struct err *err);
