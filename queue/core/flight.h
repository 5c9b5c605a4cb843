/*
 * Single flight: equal content is sent once, and never twice at the same time.
 *
 * The first to begin with a key flies; later ones with that key are parked, or told the result when
 * there is one.  Results of the last `capacity` keys are kept; what is forgotten is sent again,
 * which is only slower.
 *
 * Place      src/read begins flights and parks works; whoever sends the content ends them.
 * Ownership  parked pointers belong to the flight until flight_end hands them back.
 * Threads    all functions may run concurrently; none sleeps but for the lock.
 */
#pragma once

#include "queue/core/base.h"

enum { FLIGHT_KEY_SIZE = 40, FLIGHT_VALUE_SIZE = 64, FLIGHT_CAPACITY = 1 << 18 };

enum flight_answer {
	FLIGHT_FIRST,  /* the caller flies, and must call flight_end */
	FLIGHT_PARKED, /* `item` is kept until the one in flight ends */
	FLIGHT_KNOWN,  /* `value` is filled */
	FLIGHT_NOMEM,
};

struct flight;

/* Makes a table that remembers at least `capacity` results (a power of two, 2..FLIGHT_CAPACITY).
 * NULL: out of memory. */
struct flight *flight_new(size_t capacity);

/* Begins with `key`.  `item`, not NULL, is what is parked. */
MUST_USE enum flight_answer flight_begin(struct flight *flight,
					 const unsigned char key[FLIGHT_KEY_SIZE], void *item,
					 unsigned char value[FLIGHT_VALUE_SIZE]);

/*
 * Ends the flight of `key`: with a `value` to remember, or NULL when it failed.  Calls `landed`
 * once for each item parked, outside the lock and with the same value; after a failure the first to
 * begin anew flies.
 */
typedef void flight_landed(void *context, void *item, const unsigned char *value);
void flight_end(struct flight *flight, const unsigned char key[FLIGHT_KEY_SIZE],
		const unsigned char *value, flight_landed *landed, void *context);

/* Remembers `value` for `key`, unless that is in flight or known already, or memory is out. */
void flight_learn(struct flight *flight, const unsigned char key[FLIGHT_KEY_SIZE],
		  const unsigned char value[FLIGHT_VALUE_SIZE]);

/* Frees the table, in which nothing may be in flight.  NULL is allowed. */
void flight_free(struct flight *flight);
