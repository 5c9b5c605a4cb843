/*
 * Uploads of equal content at the same time, of which Tahoe-LAFS lets one succeed.
 *
 * Place      http marks each upload; a loser answers 500 UploadUnhappinessError.
 * Ownership  an upload's mark lies in its request, from in_flight_created to in_flight_end.
 * Threads    one owner at a time.
 *
 * In Tahoe the losers find the winner's half-written share.  Here an upload loses when its content
 * was made by another request whose reply had not gone out when this one's headers came in: a
 * little wider, never later than a client can know.  The last IN_FLIGHT_RECENT makers are known.
 */
#pragma once

#include "tahoe/caps.h"

enum { IN_FLIGHT_RECENT = 256 }; /* far above the connections of one client */

struct in_flight_mark {
	unsigned char index[CAP_KEY_SIZE];
	uint64_t ended; /* on the clock of events; 0: still going on */
	struct in_flight_mark *next;
};

struct in_flight {
	uint64_t clock; /* counts arrivals and ends */
	struct in_flight_mark *active;
	struct in_flight_mark recent[IN_FLIGHT_RECENT];
	size_t recent_next;
};

/* Tells that a request's headers came in.  Returns its time. */
uint64_t in_flight_arrive(struct in_flight *flights);

/* True when `index` was made by a request that had not ended at time `arrival`. */
MUST_USE bool in_flight_lost(const struct in_flight *flights,
			     const unsigned char index[CAP_KEY_SIZE], uint64_t arrival);

/* Tells that a request has just made `index`; `mark` stays where it is until in_flight_end. */
void in_flight_created(struct in_flight *flights, struct in_flight_mark *mark,
		       const unsigned char index[CAP_KEY_SIZE]);

/* Tells that the reply of that request is out, or never will be. */
void in_flight_end(struct in_flight *flights, struct in_flight_mark *mark);
