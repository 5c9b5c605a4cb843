/*
 * The processor: how much of it this process has used, and may use.
 *
 * Place      asked by whoever measures.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

/* Returns microseconds of CPU that this process has used. */
uint64_t cpu_used_us(void);

/* Returns microseconds that the threads of now have waited for a core, 0 where the system does not
 * tell.  Falls when a thread ends. */
uint64_t cpu_waited_us(void);

/* Returns how many cores this process may use, at least 1. */
unsigned cpu_count(void);
