#include "measure/steady.h"

#include <math.h>

void steady_add(struct steady *steady, double sample)
{
	steady->last[steady->count++ % STEADY_SAMPLES] = sample;
	double off = sample - steady->mean;
	steady->mean += off / (double)steady->count;
	steady->squares += off * (sample - steady->mean);
}

bool steady_is(const struct steady *steady)
{
	if (steady->count < STEADY_SAMPLES)
		return false;
	double low = steady->last[0], high = low, sum = 0;
	for (size_t i = 0; i < STEADY_SAMPLES; i++) {
		low = fmin(low, steady->last[i]);
		high = fmax(high, steady->last[i]);
		sum += steady->last[i];
	}
	return sum > 0 && (high - low) * STEADY_SAMPLES * 100 <= sum * STEADY_PERCENT;
}

double steady_spread(const struct steady *steady)
{
	return steady->count < 2 ? 0 : sqrt(steady->squares / (double)(steady->count - 1));
}

bool sweep_goes_on(struct sweep *sweep, double speed)
{
	const double gain = 1 + STEADY_PERCENT / 100.0;
	if (speed > sweep->best * gain) {
		sweep->best = speed;
		sweep->flat = 0;
		return true;
	}
	if (speed * gain < sweep->best)
		return false;
	sweep->best = fmax(sweep->best, speed);
	return ++sweep->flat < 2;
}
