/*
 * A quota: how much one run may begin with (--max-transfer, --max-duration).
 *
 * Place      the engine asks before each file is transferred.
 * Ownership  plain data.
 * Threads    quota_admits and quota_reached may run concurrently; quota_text wants one at a time.
 */
#pragma once

#include "queue/core/base.h"

#include <stdatomic.h>

enum quota_limit {
	QUOTA_NONE,
	QUOTA_TRANSFER,
	QUOTA_DURATION,
};

struct quota {
	uint64_t max_bytes; /* 0: no limit */
	uint64_t max_ms;    /* 0: no limit */
	uint64_t begin_ms;  /* clock_ms */
	atomic_uint_least64_t begun;
	atomic_uint reached; /* enum quota_limit: the first that was */
};

/* Begins at `now_ms` with nothing transferred. */
void quota_init(struct quota *quota, uint64_t max_bytes, uint64_t max_ms, uint64_t now_ms);

/*
 * Whether a file of `bytes` may be begun at `now_ms`; then they count.  A file may go beyond the
 * limit, so a run always gets somewhere; 0 bytes fit always, the time permitting.  Once false, for
 * ever.
 */
bool quota_admits(struct quota *quota, uint64_t bytes, uint64_t now_ms);

/* Returns the limit that made quota_admits say no, or QUOTA_NONE. */
enum quota_limit quota_reached(const struct quota *quota);

enum { QUOTA_TEXT_SIZE = 64 };

/* Writes the option that was reached, as "--max-transfer 1.0 MiB"; NULL: none was. */
const char *quota_text(const struct quota *quota, char text[QUOTA_TEXT_SIZE]);
