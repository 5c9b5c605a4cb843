/*
 * The answer of a storage server to a write: what it still requires of the share, in CBOR.
 *
 * Place      inside direct/direct.
 * Ownership  plain memory of the caller.
 * Threads    may run concurrently.
 *
 * Source: tahoe-lafs 1.20.0 docs/specifications/http-storage-node-protocol.rst (write).
 */
#pragma once

#include "queue/core/fault.h"

/*
 * Stores where the first range begins that is still required; UINT64_MAX where none is.
 * FAULT_CORRUPT when the reply is not such an answer.
 */
MUST_USE enum fault required_read(const void *data, size_t size, uint64_t *first, struct err *err);
