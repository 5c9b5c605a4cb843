/*
 * What the sources and the target of a job were when it was planned.
 *
 * Place      arrangement -> [roots] -> a property of the plan -> whoever goes on with it.
 * Threads    none of its own.
 */
#pragma once

#include "base/bytes.h"
#include "files/anchor.h"
#include "place/arrange.h"

#define JOB_ROOTS "roots" /* an anchor of each source, then that of the target and its path */

struct roots {
	struct anchor
		*source; /* in the order of the sources; those on a grid have none; NULL: a plan
				  of an earlier version */
	struct anchor target; /* of the deepest directory of a local target that was there */
	char *target_path;    /* its path, or NULL */
};

/*
 * Appends what is there now, each text with its NUL; "=" is the one before it again.  Faults: GONE,
 * and those of bytes_append.
 */
MUST_USE enum fault roots_text(const struct arrangement *arrangement, struct bytes *out,
			       struct err *err);

/* Reads that of a plan with `count` sources; `value` may be NULL.  Faults: NOMEM. */
MUST_USE enum fault roots_read(const char *value, size_t size, size_t count, struct roots *roots,
			       struct err *err);

/* Frees.  All zeros are allowed. */
void roots_fini(struct roots *roots);

/* Makes sure that the target is still there, where it was planned with one.  FAULT_GONE. */
MUST_USE enum fault roots_check_target(const struct roots *roots, struct err *err);
