#include "backup/probe.h"

struct probing {
	struct store_call *call;
	struct err err;
	bool found;
};

static void probed(void *context, const struct store_reply *reply)
{
	struct probing *probing = context;
	probing->call = NULL;
	probing->err = reply->err;
	probing->err.fault = reply->fault;
	probing->found = !reply->fault && (reply->health.recoverable || reply->health.literal);
}

static enum fault probe_once(const struct cap *cap, const struct store_wait *wait, bool *found,
			     struct err *err)
{
	struct probing probing = { .found = false };
	const struct store_check check = { .cap = cap };
	const struct store_then then = { probed, &probing };
	probing.call = store_check(wait->store, &check, then, err);
	if (!probing.call || store_wait_end(wait, &probing.call, err))
		return err->fault;
	*err = probing.err;
	*found = probing.found;
	return probing.err.fault;
}

enum fault backup_probe(const struct cap *cap, const struct tries *tries, bool *found,
			struct err *err)
{
	struct tries ours = *tries;
	enum fault fault;
	*found = cap_is_literal(cap);
	if (*found)
		return FAULT_NONE;
	do {
		fault = probe_once(cap, ours.wait, found, err);
	} while (fault && tries_again(&ours, err));
	if (!fault)
		tries_over(&ours);
	return fault ? err_wrap(err, "looking for the last snapshot") : FAULT_NONE;
}
