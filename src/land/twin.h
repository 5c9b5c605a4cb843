/*
 * A file at a local target that holds what a cap names already.
 *
 * Place      src/download/download.h, with --checksum.
 * Threads    any.
 */
#pragma once

#include "files/target_tree.h"
#include "queue/queue.h"
#include "verify/likeness.h"

struct twin {
	const struct cap *cap;
	const struct chk_params *secret; /* the gateway's */
	const atomic_bool *cancel;       /* true: end soon, as not alike */
};

/* Returns whether a regular file has the name of `task` in the directory and holds the bytes of the
 * cap.  Reads all of it where the size is right.  What cannot be read is not alike. */
bool twin_is(const struct twin *twin, const struct target_dir *target_dir, const struct task *task);
