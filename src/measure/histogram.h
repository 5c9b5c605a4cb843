/*
 * Times in a constant room: the log-linear layout of HdrHistogram, with three digits.
 *
 * Below 2,048 us each value has a counter; above, each power of two has 1,024, so a value is known
 * to a thousandth.  Microseconds up to 2^32, later ones count as that.
 *
 * The room: histogram.c times; steady.c when enough was seen, and what spread is; verdict.c what a
 * moment waited for, of which activity.c knows what threads do; width.c how many requests are in
 * flight; results.c results as JSON lines, written, read and compared.
 * Computing only: no threads, no network.
 *
 * Place      bench, for each request -> [histogram] -> percentiles.
 * Ownership  a struct histogram is plain data, 188 KB: not for a stack.
 * Threads    one owner at a time.
 *
 * Source: hdrhistogram.org, the layout of Gil Tene's HdrHistogram.
 */
#pragma once

#include "queue/core/base.h"

enum {
	HISTOGRAM_HALF_BITS = 10, /* 2 * 1,024 steps tell three decimal digits */
	HISTOGRAM_VALUE_BITS = 32,
	HISTOGRAM_COUNTERS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_HALF_BITS + 1)
			     << HISTOGRAM_HALF_BITS,
};

struct histogram {
	uint64_t count[HISTOGRAM_COUNTERS];
	uint64_t total, sum, max;
};

/* Empties it. */
void histogram_clear(struct histogram *histogram);

/* Counts one value. */
void histogram_add(struct histogram *histogram, uint64_t us);

/* Returns the value that `per_mille10` of 10,000 values do not pass (9,990: p99.9), 0 when there is
 * none. */
uint64_t histogram_at(const struct histogram *histogram, unsigned per_mille10);
