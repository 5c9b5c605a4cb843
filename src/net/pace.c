#include "net/pace.h"

#include <assert.h>

enum { CHUNKS_A_SECOND = 16 };

#define NS_OF_MS UINT64_C(1000000)
#define NS_OF_S  UINT64_C(1000000000)

void pace_init(struct pace *pace, uint64_t rate)
{
	assert(rate >= PACE_RATE_MIN && rate <= PACE_RATE_MAX);
	pace->rate = rate;
	atomic_init(&pace->spent_ns, 0);
}

static uint64_t time_of(const struct pace *pace, uint64_t size)
{
	return size / pace->rate * NS_OF_S + size % pace->rate * NS_OF_S / pace->rate;
}

uint64_t pace_ask(struct pace *pace, uint64_t size, uint64_t now_ms)
{
	uint64_t now_ns = now_ms * NS_OF_MS, burst_ns = PACE_BURST_MS * NS_OF_MS;
	uint64_t oldest_ns = now_ns > burst_ns ? now_ns - burst_ns : 0;
	uint64_t before = atomic_load_explicit(&pace->spent_ns, memory_order_relaxed), due_ns;
	do {
		due_ns = max_u64(before, oldest_ns) + time_of(pace, size);
	} while (!atomic_compare_exchange_weak_explicit(
		&pace->spent_ns, &before, due_ns, memory_order_relaxed, memory_order_relaxed));
	return due_ns <= now_ns ? now_ms : (due_ns + NS_OF_MS - 1) / NS_OF_MS;
}

bool pace_holds(const struct pace *pace, uint64_t now_ms)
{
	return atomic_load_explicit(&pace->spent_ns, memory_order_relaxed) > now_ms * NS_OF_MS;
}

size_t pace_chunk(const struct pace *pace)
{
	return (size_t)max_u64(PACE_CHUNK_MIN,
			       min_u64(pace->rate / CHUNKS_A_SECOND, PACE_CHUNK_MAX));
}
