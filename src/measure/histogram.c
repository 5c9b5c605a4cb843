#include "measure/histogram.h"

enum { HALF = 1 << HISTOGRAM_HALF_BITS };

void histogram_clear(struct histogram *histogram) { memset(histogram, 0, sizeof *histogram); }

/* By how many bits a value is shifted so that it lies below 2,048. */
static unsigned shift_of(uint64_t us)
{
	return 63 - (unsigned)__builtin_clzll(us | (2 * HALF - 1)) - HISTOGRAM_HALF_BITS;
}

void histogram_add(struct histogram *histogram, uint64_t us)
{
	us = min_u64(us, UINT32_MAX);
	unsigned shift = shift_of(us);
	histogram->count[((uint64_t)shift << HISTOGRAM_HALF_BITS) + (us >> shift)]++;
	histogram->total++;
	histogram->sum += us;
	histogram->max = max_u64(histogram->max, us);
}

/* The largest value that has this counter. */
static uint64_t value_of(size_t index)
{
	if (index < 2 * HALF)
		return index;
	unsigned shift = (unsigned)(index >> HISTOGRAM_HALF_BITS) - 1;
	uint64_t step = (index & (HALF - 1)) + HALF;
	return ((step + 1) << shift) - 1;
}

uint64_t histogram_at(const struct histogram *histogram, unsigned per_mille10)
{
	uint64_t rank = max_u64(1, (histogram->total * per_mille10 + 9999) / 10000), seen = 0;
	for (size_t i = 0; i < HISTOGRAM_COUNTERS; i++) {
		seen += histogram->count[i];
		if (seen >= rank)
			return min_u64(value_of(i), histogram->max);
	}
	return histogram->max;
}
