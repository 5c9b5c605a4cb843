/*
 * One file stored and proven, in one thread: the way of pipes.
 *
 *   hashed -> put -> judge the cap -> [check] -> [read back and compare] -> done
 *
 * Place      barge put -> [upload] -> calls/wait.h.
 * Ownership  everything is borrowed for the call.
 * Threads    the owner of the store.
 */
#pragma once

#include "base/spool.h"
#include "calls/patience.h"
#include "calls/tries.h"
#include "verify/policy.h"

struct upload_options {
	struct tries tries;
	struct policy *policy;
	bool encodes;              /* bytes in memory are stored past the gateway */
	struct patience *patience; /* with uploads that were cut off, or NULL */
	/* Says whether the bytes are still what they were: FAULT_CHANGED.  Asked after each time
	 * they were read.  May be NULL. */
	enum fault (*unchanged)(void *context, struct err *err);
	/* Hears how many bytes of the file this try has sent.  May be NULL. */
	void (*moved)(void *context, uint64_t sent);
	void *context; /* of both */
};

/*
 * Stores what is in `spool`, and its cap, which is proven as the policy wants.  Up to
 * LITERAL_SIZE_MAX bytes go into the cap, without a request.  Sleeps, trying again what may go
 * well.  Faults: those of store_put, store_get and store_check (RETRY after the last try, also when
 * nothing could be proven), of policy_judge, of spool_read, and CHANGED.
 */
MUST_USE enum fault upload_put(struct upload_options *options, const struct spool *spool,
			       struct cap *cap, struct err *err);
