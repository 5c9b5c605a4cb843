/*
 * Makes listings durable and tells so, often enough that transfers overlap with the walk.
 *
 * Place      plan.c, lister.c -> [publish] -> the request's `publish`.
 * Threads    one owner at a time.
 */
#pragma once

#include "plan/plan.h"

struct publisher {
	const struct plan_request *request;
	struct listing_id durable;  /* as manifest_sync said last */
	struct listing_id begun;    /* the listing begun last */
	struct listing_id reliable; /* listings up to this one were whole at the last sync */
	uint64_t due_ms;
	uint64_t wait_ms;
	bool held;  /* the listing begun last must not be published before it is ended and bound */
	bool whole; /* nothing must be published before the plan is complete */
	bool told;  /* `publish` was called */
};

/* Makes a publisher whose first tick publishes. */
void publish_init(struct publisher *publisher, const struct plan_request *request);

/* Counts, and publishes when it is time.  To be called between any two entries.  Faults: CANCELLED,
 * FULL, IO. */
MUST_USE enum fault publish_tick(struct publisher *publisher, struct err *err);

/* Makes sure that the entries of the ended `listing` are durable. */
MUST_USE enum fault publish_entries(struct publisher *publisher, struct listing_id listing,
				    struct err *err);

/* Finishes the manifest and tells that it is complete. */
MUST_USE enum fault publish_finish(struct publisher *publisher, struct err *err);
