/*
 * Versions of mutable directories in the log of shares.
 *
 * Place      inside serve/grid.h.
 * Threads    one owner at a time.
 *
 * The data of a slot's record: fingerprint of the cap 32, random 16, then the serialized directory
 * under AES-128-CTR with a key from read key and random, so the log alone shows nothing.
 */
#pragma once

#include "serve/directory.h"
#include "serve/download.h"
#include "serve/shares.h"

/* Stores the newest version.  410 when there is none, or it is another directory's. */
MUST_USE enum fault slot_find(const struct shares *shares, const struct cap *cap,
			      struct share *share, struct err *err);

/* Appends version `sequence` of the directory of `cap`, which is writable. */
MUST_USE enum fault slot_write(struct shares *shares, const struct cap *cap, uint64_t sequence,
			       const struct stored_directory *directory, struct err *err);

/* Opens the serialized form of the newest version; `cap` reads.  Faults of slot_find. */
MUST_USE enum fault slot_open(const struct shares *shares, const struct cap *cap,
			      struct download_reply **download, struct err *err);

/* FAULT_CORRUPT when the record is not as it was written. */
MUST_USE enum fault slot_check(const struct shares *shares, const struct share *share,
			       struct err *err);
