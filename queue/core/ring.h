/*
 * A bounded first-in first-out ring between threads: the brake of the pipeline.
 * Place      planner -> [ring] -> workers; a full ring makes the planner wait.
 * Ownership  the ring carries pointers and never reads or frees what they point to.  An item
 *            belongs to the ring from a true ring_push until the ring_pop that returns it.
 * Threads    all functions may run concurrently, but nobody may be inside a call during ring_free.
 */
#pragma once

#include "queue/core/base.h"

struct ring;

enum { RING_CAPACITY_MAX = 1 << 20 }; /* items */

/*
 * Makes an open, empty ring for `capacity` items, 1..RING_CAPACITY_MAX.
 * Returns NULL when out of memory.  The caller owns the ring; see ring_free.
 */
struct ring *ring_new(size_t capacity);

/*
 * Appends `item`, which must not be NULL.  Sleeps while the ring is full; whoever sleeps is woken
 * once a quarter of the items has left.
 * Returns false, leaving the item with the caller, once the ring is closed.
 */
bool ring_push(struct ring *ring, void *item);

/* Appends without sleeping.  Returns false when there is no room now, or the ring is closed. */
bool ring_try_push(struct ring *ring, void *item);

/*
 * Takes the oldest item.  Sleeps while the ring is open and empty.
 * Returns NULL once the ring is closed and drained, and ever after.
 */
void *ring_pop(struct ring *ring);

/* Takes the oldest item without sleeping.  Returns NULL when there is none now. */
void *ring_try_pop(struct ring *ring);

/* Refuses further pushes and wakes every sleeper.  Items inside stay poppable.  Idempotent. */
void ring_close(struct ring *ring);

/* Frees the ring, which must be drained.  NULL is allowed. */
void ring_free(struct ring *ring);
