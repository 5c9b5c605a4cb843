/*
 * Reading an open local file that must not change meanwhile: what is read is one version of it.
 *
 *   fstat -> read ... read -> check against that fstat
 *
 * Place      src/read, src/compare and `barge put`, over files that they opened.
 * Ownership  descriptors belong to the caller.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "queue/core/fault.h"

struct stat;

/* Reads exactly `size` bytes at `offset`.  Faults: CHANGED (the file has become shorter), IO. */
MUST_USE enum fault unchanged_read(int fd, uint64_t offset, unsigned char *data, size_t size,
				   struct err *err);

/* After the last byte: FAULT_CHANGED when there is one more, or anything about the file is not what
 * it was `before`.  IO. */
MUST_USE enum fault unchanged_check(int fd, const struct stat *before, struct err *err);
