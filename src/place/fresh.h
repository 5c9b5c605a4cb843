/*
 * A new directory on the grid that is linked nowhere: the target of `barge cp --cap-out=FILE`.
 *
 * Place      command_cp, once everything else about the command line is known to be right.
 * Threads    one; sleeps.
 *
 * The cap is durable in FILE before anything is put into the directory; the same command line goes
 * on with the job as always.  What a kill between mkdir and FILE leaves on the grid is empty, and
 * nobody can reach it.
 */
#pragma once

#include "calls/tries.h"
#include "place/places.h"

/*
 * Makes the directory of `target`, which is fresh, and stores its cap.  Faults: USAGE (something
 * has the file's name), FULL, IO, and those of making a directory.
 */
MUST_USE enum fault fresh_make(const struct tries *tries, const struct place *target,
			       struct cap *cap, struct err *err);
