/*
 * Where on the grid a tree comes from, and where it goes locally.
 *
 * Place      places -> [origin] -> src/fetch.
 * Ownership  a struct origin owns everything until origin_fini; nodes hold caps.
 * Threads    one; asks the gateway and sleeps.
 *
 * Source: the order of decisions and the texts of errors are those of `tahoe cp`, tahoe-lafs 1.20.0
 * allmydata/scripts/tahoe_cp.py.
 */
#pragma once

#include "cli/places.h"
#include "fetch/fetch.h"
#include "store/wait.h"

struct origin {
	struct fetch_source *source;
	size_t count;
	char *directory; /* at the target */
	char *file_name; /* of the one source when the target is a file; else NULL */
};

/*
 * Looks at the target and the sources of `places`, all on the grid.  Faults: USAGE with tahoe's
 * words (E2, E4 to E9, no such source), and those of listing.
 */
MUST_USE enum fault origin_resolve(const struct options *options, const struct places *places,
				   const struct store_wait *wait, struct origin *origin,
				   struct err *err);

/* Wipes and frees.  All zeros are allowed. */
void origin_fini(struct origin *origin);
