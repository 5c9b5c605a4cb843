/*
 * When enough was seen: of one speed, and of more and more requests in flight.
 *
 * Place      bench, sample by sample -> [steady].
 * Ownership  plain data, all zeros at first.
 * Threads    one owner at a time.
 */
#pragma once

#include "queue/core/base.h"

enum { STEADY_SAMPLES = 5, STEADY_PERCENT = 5 };

/* Samples of a speed, taken at equal distances. */
struct steady {
	double last[STEADY_SAMPLES];
	uint64_t count;
	double mean, squares; /* of all: Welford's sums */
};

void steady_add(struct steady *steady, double sample);

/* Returns whether the last samples lie within 5 % of each other. */
bool steady_is(const struct steady *steady);

/* Returns the standard deviation of all samples, 0 with fewer than two. */
double steady_spread(const struct steady *steady);

/* Speeds at 1, 2, 4 ... requests in flight. */
struct sweep {
	double best;
	unsigned flat; /* how many in a row have gained nothing */
};

/* Takes the next speed.  Returns whether more requests in flight are worth a look: not once the
 * speed falls by 5 %, nor after two that gained less than that. */
bool sweep_goes_on(struct sweep *sweep, double speed);
