/*
 * Which child names of a grid may become names at the target.
 *
 * Place      listing of a grid -> [refusal] -> verdicts of entries.  Names come from whoever can
 *            write the directory.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

/* Returns NULL for a name that a local file may have, else why not, a literal phrase. */
const char *refusal_local(const char *name, size_t size);

/* Returns NULL for a name that a plan for a grid can hold, else why not, a literal phrase. */
const char *refusal_grid(const char *name, size_t size);
