/*
 * The outcomes file: outcomes with a self-checking slot of 128 bytes a task, in place.
 *
 * A header of 4,096 bytes (two self-checking copies) binds the file to its job; slot N lies at
 * 4096 + 128 N.  A slot of zeros is a task not begun.  docs/formats.md has the bytes.
 *
 * Place      behind queue/outcomes.h, which reads, writes and closes what is opened here.
 */
#pragma once

#include "queue/core/fault.h"
#include "queue/outcomes.h"

enum { OUTCOME_BINDING_MAX = 1024 }; /* bytes */

/*
 * Creates the file (mode 0600, must not exist), bound to the job and to `binding` (at most
 * OUTCOME_BINDING_MAX bytes, opaque: grid and resolved target).  Synced, directory entry included.
 */
MUST_USE enum fault outcomes_create(const char *path, const unsigned char job_id[16],
				    const void *binding, size_t binding_size,
				    struct outcomes **outcomes, struct err *err);

/*
 * Opens the file of job `job_id`.  One bad copy of the header is repaired and counted in
 * `repaired`. Faults: NOT_FOUND, CORRUPT (both copies bad, another job, a newer version), IO,
 * NOMEM.
 */
MUST_USE enum fault outcomes_open(const char *path, const unsigned char job_id[16],
				  struct outcomes **outcomes, unsigned *repaired, struct err *err);

/*
 * Opens the file to look at it, also while its job runs: nothing is synced, repaired or to be
 * written.  `job_id` NULL: it may be of any job, and is none where neither copy of a header is
 * there (USAGE).  Faults as above.
 */
MUST_USE enum fault outcomes_look(const char *path, const unsigned char *job_id,
				  struct outcomes **outcomes, struct err *err);

/* Returns the 16 bytes of the job it belongs to. */
const unsigned char *outcomes_job_id(const struct outcomes *outcomes);

/* Returns the binding given at creation and its size.  Borrowed. */
const void *outcomes_binding(const struct outcomes *outcomes, size_t *size);
