/*
 * Tasks below a directory that is done, whose own slots were lost: settled from that directory's
 * listing.
 *
 * Place      inside src/commit; a lane task of its own in a lane.
 */
#pragma once

#include "calls/lanes.h"
#include "queue/lease.h"
#include "queue/outcomes.h"

struct below_options {
	struct outcomes *outcomes;
	const struct cap *root; /* of task 0 */
	void (*broken)(void *context, const struct err *err);
	void *context;
};

/* Takes the work and settles it: there, done with the cap listed; not there, failed(lost).  Any
 * thread; reads one slot. */
void below_submit(const struct below_options *options, struct lanes *lanes, struct work *work);
