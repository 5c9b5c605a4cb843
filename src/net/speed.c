#include "net/speed.h"

uint64_t speed_average(uint64_t before, uint64_t now)
{
	return before ? (3 * before + now) / 4 : max_u64(now, 1);
}

void speed_learn(struct speed *speed, uint64_t size, uint64_t took_ms)
{
	if (size < SPEED_LEARN_SIZE)
		return;
	uint64_t before = atomic_load_explicit(&speed->bps, memory_order_relaxed);
	uint64_t now = size / max_u64(took_ms, 1) * 1000 +
		       size % max_u64(took_ms, 1) * 1000 / max_u64(took_ms, 1);
	atomic_store_explicit(&speed->bps, speed_average(before, now), memory_order_relaxed);
}

uint64_t speed_floor(const struct speed *speed)
{
	uint64_t bps = atomic_load_explicit(&speed->bps, memory_order_relaxed);
	return min_u64(bps / SPEED_SLOWER, SPEED_ENOUGH);
}
