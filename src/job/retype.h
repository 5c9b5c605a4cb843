/*
 * The command that made a job, to be typed again where the job alone cannot go on: of sources on a
 * grid it has the caps only once they are planned.
 *
 * Place      inside src/job: migration.c.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "job/migration.h"

/*
 * Appends it as a shell takes it: the options that make the plan what it is, and the words as they
 * were typed.  What was a cap stands as URI:..., as no cap is kept; filters are not said, nor is
 * the way to the grid.  Faults: NOT_FOUND (it is no copy, or its words are not known), TOO_LARGE,
 * CORRUPT, NOMEM.
 */
MUST_USE enum fault retype(const struct migration *migration, struct bytes *out, struct err *err);
