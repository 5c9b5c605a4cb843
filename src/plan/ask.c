#include "plan/ask.h"

#include "queue/core/thread.h"

enum {
	/* Tahoe-LAFS 1.20 never answers for a directory whose bytes are no directory.  An answer
	 * that takes as long as this twice does not come. */
	SLOW_MS = 30000,
	SLOW_TRIES = 2,
};

static bool asking_child(void *context, const struct store_child *child)
{
	struct asking *asking = context;
	asking->nomem = !asking->children.child(asking->children.context, child);
	return !asking->nomem;
}

/* Keeps how the listing ended, for ask_finish; nobody waits here. */
static void asking_ended(void *context, const struct store_reply *reply)
{
	struct asking *asking = context;
	asking->call = NULL;
	asking->took = clock_ms() - asking->begun;
	asking->err = reply->err;
	asking->err.fault = reply->fault;
	if (!reply->fault && reply->node.kind != STORE_DIRECTORY)
		err_set(&asking->err, FAULT_RETRY, "the gateway says that it is no directory");
}

void ask_start(const struct ask *ask, const struct cap *cap, const struct ask_children *children,
	       struct asking *asking)
{
	*asking = (struct asking){ .children = *children, .begun = clock_ms() };
	const struct store_list wanted = { .cap = cap, .child = asking_child, .context = asking };
	children->begin(children->context);
	asking->call = store_list(ask->wait.store, &wanted,
				  (struct store_then){ asking_ended, asking }, &asking->err);
}

void ask_cancel(const struct ask *ask, struct asking *asking)
{
	if (asking->call)
		store_cancel(ask->wait.store, asking->call);
	asking->call = NULL;
}

/* Polls the store until the listing has ended, and tells how. */
static enum fault wait_for(const struct ask *ask, struct asking *asking, struct err *err)
{
	if (store_wait_end(&ask->wait, &asking->call, err))
		return err->fault;
	*err = asking->err;
	return err->fault;
}

enum fault ask_finish(const struct ask *ask, const struct cap *cap, struct asking *asking,
		      struct err *err)
{
	struct tries tries = ask->tries;
	tries.wait = &ask->wait;
	for (unsigned slow = 0;;) {
		if (!wait_for(ask, asking, err)) {
			tries_over(&tries);
			return FAULT_NONE;
		}
		if (asking->nomem)
			return err_set(err, FAULT_NOMEM, "no memory for a listing");
		slow += asking->took >= SLOW_MS && err->fault != FAULT_UNAVAILABLE;
		if (slow == SLOW_TRIES || !tries_again(&tries, err))
			return err->fault;
		const struct ask_children children = asking->children;
		ask_start(ask, cap, &children, asking);
	}
}
