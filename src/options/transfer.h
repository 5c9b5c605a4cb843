/*
 * Options of how a plan is carried out: they may differ each time a job goes on.
 *
 * Place      one part of struct options; the engine takes it, and verify, put and diff.
 * Ownership  plain data.
 * Threads    read by anyone once parsed.
 */
#pragma once

#include "queue/core/base.h"

struct transfer_options {
	bool all_or_nothing, plan_first;
	bool no_clobber, update, checksum, always; /* which files at the target stay */
	bool no_preserve;                          /* at a local target */
	bool sparse;                               /* the same: runs of zeros become holes */
	bool retry;               /* what failed or was skipped earlier is taken up again */
	unsigned verify;          /* enum verify_level; 0: auto */
	uint64_t in_flight;       /* -j; 0: the engine's own */
	uint64_t readers;         /* 8 */
	uint64_t memory;          /* bytes; 64 MiB */
	uint64_t threads;         /* curl threads; 0: the engine's own */
	uint64_t max_transfer;    /* bytes a run begins with; 0: no limit */
	uint64_t max_duration_ms; /* after which a run begins no more; 0: no limit */
	uint32_t umask; /* of the user: what the process had before it took one of its own */
};
