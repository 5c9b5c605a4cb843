/*
 * Writing where somebody may not read: a pipe that is full, a terminal that was stopped.
 *
 * Place      report/out.h and report/say.h -> [outlet] -> a descriptor.
 * Threads    may run concurrently.
 */
#pragma once

#include <stddef.h>

/* How long whoever asked us to stop is kept waiting for a reader. */
enum { OUTLET_GRACE_MS = 1000 };

/*
 * Writes all of `text`.  Sleeps while nobody reads, but once the program is asked to stop no longer
 * than `grace_ms`.  Returns 0, or the errno of the failure: ECANCELED when nobody read in time.
 */
int outlet_write(int fd, const void *text, size_t size, unsigned grace_ms);
