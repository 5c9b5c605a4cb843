/*
 * Arrays that grow by doubling.
 *
 * Place      under everything that gathers what it cannot count before.
 * Ownership  the array and its numbers are the caller's, who frees it.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

/*
 * Has room for one more item of `size` bytes behind the first `count` of an array.  `array` is the
 * address of the pointer to it, `capacity` says for how many items it has room; both are zeros at
 * the beginning.  False: there is no memory, and all is as before.
 */
MUST_USE bool array_reserve(void *array, size_t count, size_t *capacity, size_t size);
