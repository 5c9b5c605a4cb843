#include "queue/core/ring.h"

#include "queue/core/thread.h"

#include <assert.h>

struct ring {
	struct mutex lock;
	struct cond room;      /* wakes pushers: count fell to `low`, or closed */
	struct cond stock;     /* wakes poppers: count rose above zero, or closed */
	size_t capacity;       /* items; fixed by ring_new */
	size_t low;            /* items, below capacity, that are left when pushers are woken */
	size_t oldest GUARDED; /* slot of the next pop, below capacity */
	size_t count GUARDED;  /* items held, at most capacity */
	bool closed GUARDED;   /* never falls back to false */
	void *slot[] GUARDED;  /* `capacity` of them */
};

struct ring *ring_new(size_t capacity)
{
	assert(capacity >= 1 && capacity <= RING_CAPACITY_MAX);
	struct ring *ring = calloc(1, sizeof *ring + capacity * sizeof ring->slot[0]);
	if (!ring)
		return NULL;
	mutex_init(&ring->lock);
	cond_init(&ring->room);
	cond_init(&ring->stock);
	ring->capacity = capacity;
	/* One in for one out would be a change of threads an item. */
	ring->low = capacity - (capacity + 3) / 4;
	return ring;
}

/* Appends, where there is room.  The lock is given back first, which whoever is woken wants. */
static bool push_and_unlock(struct ring *ring, void *item) RELEASES(ring->lock)
{
	bool accepted = !ring->closed && ring->count < ring->capacity;
	if (accepted) {
		ring->slot[(ring->oldest + ring->count) % ring->capacity] = item;
		ring->count++;
	}
	mutex_unlock(&ring->lock);
	if (accepted)
		cond_wake_one(&ring->stock);
	return accepted;
}

bool ring_push(struct ring *ring, void *item)
{
	assert(item);
	mutex_lock(&ring->lock);
	while (ring->count == ring->capacity && !ring->closed)
		cond_wait(&ring->room, &ring->lock);
	return push_and_unlock(ring, item);
}

bool ring_try_push(struct ring *ring, void *item)
{
	assert(item);
	mutex_lock(&ring->lock);
	return push_and_unlock(ring, item);
}

/* Takes the oldest item, where there is one; else NULL. */
static void *pop_and_unlock(struct ring *ring) RELEASES(ring->lock)
{
	void *item = NULL;
	bool wakes = false;
	if (ring->count > 0) {
		item = ring->slot[ring->oldest];
		ring->oldest = (ring->oldest + 1) % ring->capacity;
		ring->count--;
		wakes = ring->count <= ring->low;
	}
	mutex_unlock(&ring->lock);
	if (wakes)
		cond_wake_one(&ring->room);
	return item;
}

void *ring_pop(struct ring *ring)
{
	mutex_lock(&ring->lock);
	while (ring->count == 0 && !ring->closed)
		cond_wait(&ring->stock, &ring->lock);
	return pop_and_unlock(ring);
}

void *ring_try_pop(struct ring *ring)
{
	mutex_lock(&ring->lock);
	return pop_and_unlock(ring);
}

void ring_close(struct ring *ring)
{
	mutex_lock(&ring->lock);
	ring->closed = true;
	cond_wake_all(&ring->room);
	cond_wake_all(&ring->stock);
	mutex_unlock(&ring->lock);
}

void ring_free(struct ring *ring) UNCHECKED
{
	if (!ring)
		return;
	assert(ring->count == 0);
	cond_fini(&ring->stock);
	cond_fini(&ring->room);
	mutex_fini(&ring->lock);
	free(ring);
}
