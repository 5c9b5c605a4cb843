/*
 * How fast transfers were lately, and what is many times slower than that.
 *
 * Place      whoever has to tell slow servers or gateways from a slow line: what others do says
 *            what is to be had.
 * Threads    all functions may run concurrently; a number that is lost in a race is one of many.
 */
#pragma once

#include "queue/core/base.h"

#include <stdatomic.h>

enum {
	SPEED_LEARN_SIZE = 32 << 10, /* bytes of a transfer that tells of speed; less, of delay */
	SPEED_SLOWER = 16,           /* times slower than others is too slow */
	SPEED_ENOUGH = 1 << 20,      /* bytes a second that are never too slow */
};

struct speed {
	atomic_uint_least64_t bps; /* bytes a second of one transfer; 0: not known */
};

/* Returns an average in which the last value counts a quarter; `before` 0: there is none. */
uint64_t speed_average(uint64_t before, uint64_t now);

/* Notes that `size` bytes came in `took_ms`.  Small transfers tell nothing. */
void speed_learn(struct speed *speed, uint64_t size, uint64_t took_ms);

/* Returns the bytes a second below which a transfer is too slow; 0 while nothing is known. */
uint64_t speed_floor(const struct speed *speed);
