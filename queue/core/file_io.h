/*
 * Reading, writing and syncing files: the one place for EINTR and short transfers.
 *
 * Place      under everything that keeps something on disk.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "queue/core/fault.h"

/* Reads up to `size` bytes; fewer in `got` only at the end of the file.  Faults: CORRUPT (no file
 * reaches there), IO. */
MUST_USE enum fault file_read_up_to(int fd, uint64_t offset, void *data, size_t size, size_t *got,
				    struct err *err);

/* Reads or writes all of `size` bytes, going on after short transfers and EINTR.  Faults: CORRUPT
 * (file too short), FULL, IO. */
MUST_USE enum fault file_read_at(int fd, uint64_t offset, void *data, size_t size, struct err *err);
MUST_USE enum fault file_write_at(int fd, uint64_t offset, const void *data, size_t size,
				  struct err *err);

/* Makes the file's bytes and size durable.  A failure is final: nobody knows what was written.
 * Sleeps.  Faults: FULL, IO. */
MUST_USE enum fault file_sync(int fd, struct err *err);

/* Opens a new file in `directory` for reading and writing (mode 0600) that has no name, or, where
 * the file system lacks that, one whose name goes at once.  Faults: FULL, IO, NOMEM. */
MUST_USE enum fault file_open_unnamed(const char *directory, int *fd, struct err *err);

/* Returns whether an error says that the file system, or the kernel, lacks what was asked for. */
bool os_error_is_lack(int os_error);

/*
 * Renames below `at` without replacing anything; returns 0, or -1 with errno, EEXIST where
 * something is there:
 *
 *   in one step -> where the file system cannot: by a second name -> where it has none either:
 *   look, then rename
 *
 * Only the last leaves a gap, of microseconds, in which what comes to the name is lost.  A kill in
 * the second leaves a file with two names.
 */
MUST_USE int file_rename_new(int at, const char *from, const char *to);

/* Makes the open file, or the names in the open directory, durable.  Where the file system cannot
 * do that, it stores false in `able`, which may be NULL, and that is no fault.  Sleeps.  Faults:
 * FULL, IO. */
MUST_USE enum fault file_sync_able(int fd, bool *able, struct err *err);

/* Makes the directory that holds `path` durable, so that a new name is.  One that may not be read
 * cannot be synced, and that is no fault.  Sleeps.  Faults: IO, NOMEM. */
MUST_USE enum fault file_sync_parent(const char *path, struct err *err);
