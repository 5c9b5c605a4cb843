/*
 * A new directory on the grid that is linked nowhere: the target of `barge cp --cap-out=FILE`.
 *
 * Place      command_cp, once everything else about the command line is known to be right.
 * Threads    one; sleeps.
 *
 * The cap is durable in FILE before anything is put into the directory; the same command line goes
 * on with the job as always.  What a kill between mkdir and FILE leaves on the grid is empty, and
 * nobody can reach it.
 *
 * Where the gateway is away nothing is made at first: the cap follows from a key, which the caller
 * keeps with the job before FILE appears, and the directory is made at the end, with its children.
 */
#pragma once

#include "calls/tries.h"
#include "files/outfile.h"
#include "place/places.h"
#include "tahoe/mutable.h"

/*
 * Makes the directory of `target`, which is fresh, and stores its cap.  Faults: USAGE (something
 * has the file's name), FULL, IO, and those of making a directory.
 */
MUST_USE enum fault fresh_make(const struct tries *tries, const struct place *target,
			       struct cap *cap, struct err *err);

struct fresh {
	struct outfile file;
	struct mutable_key key; /* of the directory that will be made */
};

/* Makes the key and, without its name, the file.  Faults: USAGE (something has the file's name),
 * FULL, IO, NOMEM.  On failure there is nothing to free. */
MUST_USE enum fault fresh_begin(struct fresh *fresh, const struct place *target, struct err *err);

/* Stores the cap of the key.  Faults: EXISTS (something has got the file's name), FULL, IO. */
MUST_USE enum fault fresh_publish(struct fresh *fresh, struct err *err);

/* Wipes, and removes the file unless it was published. */
void fresh_fini(struct fresh *fresh);
