#include "plan/ask.h"

#include "queue/thread.h"
#include "store/tries.h"

enum {
	/* Tahoe-LAFS 1.20 never answers for a directory whose bytes are no directory.  An answer
	 * that takes as long as this twice does not come. */
	SLOW_MS = 30000,
	SLOW_TRIES = 2,
};

/* One listing, with what its children came to. */
struct asking {
	const struct ask_children *children;
	bool nomem;
};

static bool see(void *context, const struct store_child *child)
{
	struct asking *asking = context;
	asking->nomem = !asking->children->child(asking->children->context, child);
	return !asking->nomem;
}

enum fault ask_directory(const struct ask *ask, const struct cap *cap,
			 const struct ask_children *children, struct err *err)
{
	struct asking asking = { .children = children };
	struct tries tries = { .wait = &ask->wait, .away_ms = ask->away_ms };
	const struct store_list wanted = { .cap = cap, .child = see, .context = &asking };
	for (unsigned slow = 0;;) {
		struct store_node node;
		uint64_t begun = clock_ms();
		children->begin(children->context);
		enum fault fault = store_wait_list(&ask->wait, &wanted, &node, err);
		if (!fault && node.kind != STORE_DIRECTORY)
			fault = err_set(err, FAULT_RETRY,
					"the gateway says that it is no directory");
		if (!fault)
			return FAULT_NONE;
		if (asking.nomem)
			return err_set(err, FAULT_NOMEM, "no memory for a listing");
		slow += clock_ms() - begun >= SLOW_MS && fault != FAULT_UNAVAILABLE;
		if (slow == SLOW_TRIES || !tries_again(&tries, err))
			return err->fault;
	}
}
