/*
 * Content in single flight: what its keys are, what is remembered of a flight, and how those who
 * waited for it land.
 *
 * Place      between readers, which begin flights, and the pool, which ends them.
 * Ownership  a struct duplicate belongs to the flight while parked; duplicate_settle frees it.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "read/body.h"

/* A work that waits for equal content to land. */
struct duplicate {
	struct work *work;
	struct meta meta;
	uint64_t size;
	bool proven; /* `proof` is known, so the key is that of the whole content */
	struct body_proof proof;
};

/* Writes the key of whole content: its convergence key and size. */
void duplicate_whole_key(const unsigned char key[16], uint64_t size,
			 unsigned char out[FLIGHT_KEY_SIZE]);

/* Writes the key of a stream that is known by its first BODY_WHOLE_MAX bytes only. */
void duplicate_prefix_key(const unsigned char key[16], uint64_t size,
			  unsigned char out[FLIGHT_KEY_SIZE]);

/* Returns a duplicate for `work` to be parked, or NULL when out of memory.  `proof` may be NULL. */
struct duplicate *duplicate_new(struct work *work, const struct meta *meta, uint64_t size,
				const struct body_proof *proof);

/*
 * Settles a duplicate (a flight_landed): done when it is proven and there is a value, else given
 * back at once.  `context` is unused.
 */
void duplicate_settle(void *context, void *duplicate, const unsigned char *value);

/* Ends the flight of `body` if it flies, `outcome` NULL when nothing was stored. */
void duplicate_end(struct flight *flight, struct body *body, const struct outcome *outcome);

/* Fills an outcome that says done with what a body brings: meta, content, length. */
void duplicate_outcome(const struct meta *meta, uint64_t size, const struct body_proof *proof,
		       struct outcome *outcome);
