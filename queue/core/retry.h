/*
 * Whether to try again, and when: the one decision, for every request and every task.
 *
 * Exponential with full jitter; Retry-After wins, up to RETRY_AFTER_MAX_MS.  RETRY, UNAVAILABLE,
 * NOMEM (of the other side or of descriptors) and CHANGED are tried again; everything else is
 * final.
 *
 * Threads    pure functions; the random state belongs to the caller.
 */
#pragma once

#include "queue/core/fault.h"

enum {
	RETRY_ATTEMPTS = 5,          /* tries of one task, the first included */
	RETRY_CHANGED_ATTEMPTS = 3,  /* of a source that changes while it is read */
	RETRY_BASE_MS = 200,         /* the first delay is 0..this; it doubles each time */
	RETRY_CEILING_MS = 30000,    /* no delay of our own is longer */
	RETRY_AFTER_MAX_MS = 300000, /* no delay asked for by the other side is longer */
};

struct retry_policy {
	unsigned attempts; /* RETRY_ATTEMPTS unless told */
	uint32_t base_ms, ceiling_ms;
};

/* The policy of the constants above. */
extern const struct retry_policy retry_default;

/*
 * Decides after the `attempts`-th try (1 for the first) failed with `err`.  Returns false when it
 * was the last; else stores in `delay_ms` how long to wait.  `random` is advanced.
 */
MUST_USE bool retry_again(const struct retry_policy *policy, const struct err *err,
			  unsigned attempts, uint64_t *random, uint32_t *delay_ms);
