/*
 * Bytes through standard input and output, whole or not at all.
 *
 * Place      barge get: spool -> [pipe] -> stdout; barge put: stdin -> [pipe] -> spool.
 * Ownership  everything is borrowed.
 * Threads    the main thread.
 */
#pragma once

#include "base/spool.h"

/* Bytes kept in memory; more go to an unlinked file in pipe_directory(). */
enum { PIPE_MEMORY_MAX = 64 * 1024 };

/* Returns $TMPDIR, or /tmp. */
const char *pipe_directory(void);

/* Reads `fd` to its end, appending to `spool`.  Sleeps.  FAULT_CANCELLED when the user asked to
 * stop meanwhile; FULL, IO, NOMEM. */
MUST_USE enum fault pipe_take(int fd, struct spool *spool, struct err *err);

/* Writes all of `spool` to `fd`.  Sleeps.  Faults: IO (with EPIPE in `err` when the reader went
 * away), CANCELLED, FULL. */
MUST_USE enum fault pipe_give(const struct spool *spool, int fd, struct err *err);
