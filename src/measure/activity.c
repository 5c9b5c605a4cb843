#include "measure/activity.h"

#include <stdatomic.h>

static atomic_uint doing[ACTIVITY_COUNT]; /* counters only: relaxed, no order between them */

void activity_begin(enum activity activity)
{
	atomic_fetch_add_explicit(&doing[activity], 1, memory_order_relaxed);
}

void activity_end(enum activity activity)
{
	atomic_fetch_sub_explicit(&doing[activity], 1, memory_order_relaxed);
}

void activity_look(unsigned count[ACTIVITY_COUNT])
{
	for (int i = 0; i < ACTIVITY_COUNT; i++)
		count[i] = atomic_load_explicit(&doing[i], memory_order_relaxed);
}
