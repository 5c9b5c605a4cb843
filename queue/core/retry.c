#include "queue/core/retry.h"

const struct retry_policy retry_default = {
	.attempts = RETRY_ATTEMPTS,
	.base_ms = RETRY_BASE_MS,
	.ceiling_ms = RETRY_CEILING_MS,
};

/* SplitMix64 by Steele, Lea and Flood (2014): any state, zero included, is a good one. */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* How many tries a fault is worth, the first included. */
static unsigned attempts_for(const struct retry_policy *policy, enum fault fault)
{
	switch (fault) {
	case FAULT_RETRY:
	case FAULT_UNAVAILABLE:
	case FAULT_NOMEM:
		return policy->attempts;
	case FAULT_CHANGED:
		return (unsigned)min_u64(policy->attempts, RETRY_CHANGED_ATTEMPTS);
	default:
		return 1;
	}
}

/* The longest delay after the `attempts`-th try. */
static uint32_t delay_limit(const struct retry_policy *policy, unsigned attempts)
{
	uint64_t limit = policy->base_ms;
	for (unsigned i = 1; i < attempts && limit < policy->ceiling_ms; i++)
		limit *= 2;
	return (uint32_t)min_u64(limit, policy->ceiling_ms);
}

bool retry_again(const struct retry_policy *policy, const struct err *err, unsigned attempts,
		 uint64_t *random, uint32_t *delay_ms)
{
	if (attempts >= attempts_for(policy, err->fault))
		return false;
	uint64_t draw = random_next(random) >> 32;
	uint64_t limit = delay_limit(policy, attempts);
	if (err->retry_after_ms > 0)
		*delay_ms = (uint32_t)min_u64(err->retry_after_ms, RETRY_AFTER_MAX_MS);
	else
		*delay_ms = (uint32_t)(draw * (limit + 1) >> 32);
	return true;
}
