/*
 * Handling of secrets: wiping, comparing, making, and reading them from files.
 *
 * Place      caps, convergence secrets and private keys, wherever they are in memory.
 * Ownership  plain memory of the caller.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "base/bytes.h"

enum secret_file_rule {
	/* Our own files and --cap-file: a regular file of ours with one link, no permission for
	 * group or others, in a directory that not everybody may rename in. */
	SECRET_FILE_STRICT,
	/* What Tahoe-LAFS writes (0644 below a 0700 directory): a regular file that not everybody
	 * may write. */
	SECRET_FILE_TAHOE,
};

/* Overwrites `size` bytes so that no compiler leaves it out.  NULL with 0 is allowed. */
void secret_wipe(void *data, size_t size);

/* True when the `size` bytes are equal; the time taken does not depend on them. */
MUST_USE bool secret_equal(const void *a, const void *b, size_t size);

/* Fills `out` with `size` bytes from the kernel's generator.  FAULT_IO when that fails. */
MUST_USE enum fault secret_random(void *out, size_t size, struct err *err);

/*
 * Appends the whole of the file `path` to `out`, opened once, the rules checked on what was opened.
 * Never sleeps on a FIFO or device.  FAULT_NOT_FOUND; FAULT_INSECURE when `rule` is broken;
 * FAULT_TOO_LARGE when it does not fit into `out`; FAULT_IO; FAULT_NOMEM.  On failure `out` is
 * as before.  The text of `err` names the path, never the contents.
 */
MUST_USE enum fault secret_file_read(const char *path, enum secret_file_rule rule,
				     struct bytes *out, struct err *err);
