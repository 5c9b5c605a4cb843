/*
 * File transfers: a body in, one put, the proofs the policy asks for, an outcome out.
 *
 * Place      src/read delivers bodies -> [transfers] -> store calls in lanes; outcomes go to the
 *            queue through the body's work.
 * Ownership  a body delivered belongs to its transfer, which ends its flight, settles its work or
 *            gives it back, and frees it.
 * Threads    transfer_deliver from any; the rest runs in the lane of each transfer.
 *
 *   put -> (stream: the reader's verdict) -> judge the cap -> [check] -> [get and compare] -> done
 *
 * put.c is these steps; transfer.c drives them in a lane, upload.c in one thread for barge put.
 *
 * Where a mutable file has the name at the target (body->existing), its contents are overwritten
 * and read back; its cap stays.
 */
#pragma once

#include "calls/lanes.h"
#include "calls/patience.h"
#include "read/body.h"
#include "verify/policy.h"

struct transfers {
	struct lanes *lanes;
	struct flight *flight;
	struct policy *policy;
	struct patience *patience; /* with uploads that were cut off, or NULL */
	/* Whether a body of so many bytes may be sent; else it is given back.  May be NULL. */
	bool (*admits)(void *context, uint64_t bytes);
	/* Hears of bytes sent.  May be NULL. */
	void (*moved)(void *context, uint64_t bytes);
	/* Hears how many bytes of files on their way are there, more or (negative) fewer: those
	 * of a file that has ended are taken back.  May be NULL. */
	void (*underway)(void *context, int64_t bytes);
	/* Hears of a fault that ends the whole job, not one file. */
	void (*broken)(void *context, const struct err *err);
	void *context;
};

/* Takes a body (readers_options.deliver).  `context` is the struct transfers. */
void transfer_deliver(void *context, struct body *body);
