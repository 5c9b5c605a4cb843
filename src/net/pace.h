/*
 * A pace: how many bytes a second all transfers of the process may move together (--bwlimit).
 *
 * Bytes are asked for before they are moved, and the answer is the moment from which they may be.
 * Who asks is served in the order of asking, so transfers that go on side by side share the rate.
 *
 *   next byte ...---|======= asked for, to come =======|   `spent_ns`: when the last of them is due
 *                  now
 *
 * Place      net/http asks for the bodies of requests and replies, src/read for copies between
 *            local places.
 * Ownership  plain data, borrowed by every client until the last is closed.
 * Threads    pace_ask may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

#include <stdatomic.h>

enum {
	PACE_BURST_MS = 250, /* what was not moved that long ago is not made up for */
	PACE_CHUNK_MIN = 1024,
	PACE_CHUNK_MAX = 256 << 10,
};

/* The least a reader of libcurl takes at once is PACE_CHUNK_MIN, which is not to wait for long. */
#define PACE_RATE_MIN UINT64_C(1024)
#define PACE_RATE_MAX (UINT64_C(1) << 34) /* bytes a second; more would not fit the arithmetic */

struct pace {
	uint64_t rate; /* bytes a second */
	atomic_uint_least64_t spent_ns;
};

/* Begins with nothing asked for.  `rate` is PACE_RATE_MIN..PACE_RATE_MAX. */
void pace_init(struct pace *pace, uint64_t rate);

/*
 * Asks for `size` bytes, at most 1 GiB, at the time `now_ms` (clock_ms).  Returns the time from
 * which they may be moved: `now_ms` itself when that is at once.
 */
uint64_t pace_ask(struct pace *pace, uint64_t size, uint64_t now_ms);

/* Returns whether something that was asked for has to wait: the limit is what holds back. */
bool pace_holds(const struct pace *pace, uint64_t now_ms);

/* Returns how many bytes to ask for at once: 1/16 s of the rate, in the limits above. */
size_t pace_chunk(const struct pace *pace);
