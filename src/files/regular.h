/*
 * Whether a regular file below an open directory holds given bytes.
 *
 * Place      files/symlink.h has the same for symlinks; for src/land and src/recheck, which ask
 *            whether what has a name is what this job put there.
 * Threads    may run concurrently.
 */
#pragma once

#include "queue/core/fault.h"

/* Returns whether `name` in `at` is a regular file of that length and hash. */
bool regular_is(int at, const char *name, uint64_t length, const unsigned char content[16]);
