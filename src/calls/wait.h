/*
 * Store calls that sleep until they end, for set-up work in one thread.
 *
 * Place      src/place, src/plan, src/verify: finding a target, reading a listing, one file.
 *            Not for the transfers of a job, which run in lanes.
 * Threads    the owner of the store.  What else is in flight in it goes on meanwhile.
 *
 * Each returns the fault of the reply, filling `err`, which must not be NULL.  No call is tried
 * again here.
 */
#pragma once

#include "store/store.h"

/* True asks a sleeping call to end as FAULT_CANCELLED; called a few times a second.  May be NULL.
 */
typedef bool store_wait_stop(void *context);

struct store_wait {
	struct store *store;
	store_wait_stop *stop;
	void *context; /* of stop */
};

/* Polls once.  CANCELLED, the only fault, when asked to stop. */
MUST_USE enum fault store_wait_poll(const struct store_wait *wait, struct err *err);

/* Polls until `*call` is NULL, which its `done` has to make it.  Asked to stop, cancels the call,
 * and makes it NULL: CANCELLED, the only fault. */
MUST_USE enum fault store_wait_end(const struct store_wait *wait, struct store_call **call,
				   struct err *err);

/* As store_list.  `node` may be NULL.  What the cap of an immutable file says itself is told also
 * where the gateway is away. */
MUST_USE enum fault store_wait_list(const struct store_wait *wait, const struct store_list *list,
				    struct store_node *node, struct err *err);

/* As store_make_directory with a body in memory. */
MUST_USE enum fault store_wait_make_directory(const struct store_wait *wait,
					      const struct store_directory *directory,
					      const struct bytes *json, struct cap *cap,
					      struct err *err);

/* As store_set_children with a body in memory. */
MUST_USE enum fault store_wait_set_children(const struct store_wait *wait,
					    const struct store_edit *edit, const struct bytes *json,
					    struct err *err);

/* As store_unlink. */
MUST_USE enum fault store_wait_unlink(const struct store_wait *wait, const struct cap *directory,
				      const struct store_name *name, struct err *err);

/* As store_probe. */
MUST_USE enum fault store_wait_probe(const struct store_wait *wait, struct store_servers *servers,
				     struct err *err);
