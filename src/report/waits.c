#include "report/waits.h"

enum { TRYING_MS = 2000 /* how long a try takes that ends as the one before */ };

/* A try that was due comes first: it is most likely the one that is put off again. */
static bool take_slot(atomic_uint_least64_t *slot, uint64_t now_ms, uint64_t due_ms, bool was_due)
{
	uint64_t old = atomic_load_explicit(slot, memory_order_relaxed);
	const bool trying = old <= now_ms && old + TRYING_MS > now_ms;
	if (old > now_ms || trying != was_due)
		return false;
	return atomic_compare_exchange_strong_explicit(slot, &old, due_ms, memory_order_relaxed,
						       memory_order_relaxed);
}

void waits_upload(struct waits *waits, uint64_t now_ms, uint64_t delay_ms, uint64_t left_ms)
{
	atomic_store_explicit(&waits->until_ms, now_ms + left_ms, memory_order_relaxed);
	for (unsigned round = 0; round < 2; round++)
		for (size_t i = 0; i < WAITS_UPLOADS_MAX; i++)
			if (take_slot(&waits->due_ms[i], now_ms, now_ms + delay_ms, round == 0))
				return;
}

unsigned waits_uploads(const struct waits *waits, uint64_t now_ms)
{
	unsigned count = 0;
	for (size_t i = 0; i < WAITS_UPLOADS_MAX; i++) {
		const uint64_t due_ms =
			atomic_load_explicit(&waits->due_ms[i], memory_order_relaxed);
		count += due_ms > 0 && due_ms + TRYING_MS > now_ms;
	}
	return count;
}

uint64_t waits_until_ms(const struct waits *waits)
{
	return atomic_load_explicit(&waits->until_ms, memory_order_relaxed);
}
