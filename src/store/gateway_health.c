#include "store/gateway_call.h"

/*
 * The canary: what could be read before is asked for again when something cannot be read.  If it
 * can, the grid is well, and the trouble is that other object's own; so also the last of many
 * objects has its tries, when nothing else is left to be read.
 */

enum health_work gateway_work(const struct gateway_call *call)
{
	switch (call->operation) {
	case GATEWAY_PUT:
		return HEALTH_STORING;
	case GATEWAY_MAKE_DIRECTORY:
		return call->is_mutable ? HEALTH_WRITING : HEALTH_STORING;
	case GATEWAY_OVERWRITE:
	case GATEWAY_SET_CHILDREN:
		return HEALTH_WRITING;
	case GATEWAY_GET:
	case GATEWAY_LIST:
	case GATEWAY_CHECK:
		return HEALTH_READING;
	case GATEWAY_PROBE:
		break;
	}
	return HEALTH_NOTHING;
}

/* Whether servers had to answer for what came: a literal is in its cap, and what the cap of a file
 * says is not read. */
static bool tells_of_servers(const struct gateway_call *call, const struct store_reply *reply)
{
	switch (call->operation) {
	case GATEWAY_MAKE_DIRECTORY:
		return !cap_is_literal(&reply->cap);
	case GATEWAY_CHECK:
		return !reply->health.literal && reply->health.recoverable;
	case GATEWAY_GET:
		return !cap_is_literal(&call->cap);
	case GATEWAY_LIST:
		return cap_is_directory(&call->cap) && !cap_is_literal(&call->cap);
	default:
		return true;
	}
}

static bool canary_sink(void *context, const void *data, size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	return true;
}

static void canary_done(void *context, const struct store_reply *reply)
{
	struct gateway *gateway = context;
	(void)reply;
	gateway->canary_sings = false;
}

/* Asks for the canary, unless that is what could not be read. */
static void ask_canary(struct gateway *gateway, const struct cap *failed)
{
	struct store *store = &gateway->base;
	const struct cap *canary = &gateway->canary;
	const struct store_then then = { canary_done, gateway };
	const struct store_get get = {
		.cap = canary,
		.length = canary->size > 1 ? 1 : UINT64_MAX,
		.sink = canary_sink,
	};
	const struct store_list list = { .cap = canary };
	struct err err;
	if (gateway->canary_sings || !canary->kind || cap_equal(canary, failed))
		return;
	struct store_call *call = cap_is_directory(canary)
					  ? store->backend->list(store, &list, then, &err)
					  : store->backend->get(store, &get, then, &err);
	if (!call)
		return;
	gateway->canary_sings = true;
	((struct gateway_call *)call)->is_canary = true;
}

/* Notes the trouble; that of reading may be of another kind than the call. */
static void tell_trouble(struct gateway_call *call, bool reading, struct err *err)
{
	struct health_call health = call->health;
	if (reading && health.work != HEALTH_READING) {
		struct gateway *gateway = call->gateway;
		health = health_begin(gateway->health, gateway->base.gateway, HEALTH_READING);
	}
	health_trouble(call->gateway->health, &health, false, err);
	if (health.work == HEALTH_READING)
		ask_canary(call->gateway, &call->cap);
}

static void keep_canary(struct gateway_call *call)
{
	bool whole = call->operation == GATEWAY_LIST && cap_is_directory(&call->cap);
	if (whole || (call->operation == GATEWAY_GET && cap_is_chk(&call->cap)))
		call->gateway->canary = call->cap;
}

void gateway_tell_health(struct gateway_call *call, struct store_reply *reply)
{
	struct health *health = call->gateway->health;
	bool keyed = call->operation == GATEWAY_MAKE_DIRECTORY && call->is_mutable;
	bool lost = call->operation == GATEWAY_CHECK && !reply->fault &&
		    !reply->health.recoverable && !reply->health.literal;
	if (call->is_canary && reply->fault)
		return;
	if (lost) {
		err_set(&reply->err, FAULT_NONE, "not enough shares are there now");
		tell_trouble(call, true, &reply->err);
		return;
	}
	switch (reply->trouble) {
	case STORE_TROUBLE_STRANGER:
		if (call->operation == GATEWAY_PROBE) /* whether it is there is the question */
			reply->err.excuse = EXCUSE_WAITING;
		health_trouble(health, &call->health, true, &reply->err);
		break;
	case STORE_TROUBLE_UNCOORDINATED:
		if (keyed) /* a key that was used before, which the caller looks into */
			break;
		tell_trouble(call, false, &reply->err);
		break;
	case STORE_TROUBLE_UNHAPPY:
	case STORE_TROUBLE_NO_SERVERS:
		tell_trouble(call, false, &reply->err);
		break;
	case STORE_TROUBLE_NO_SHARES:
		tell_trouble(call, true, &reply->err);
		break;
	case STORE_TROUBLE_NONE:
	case STORE_TROUBLE_READ_ONLY:
	case STORE_TROUBLE_NO_STATUS:
	case STORE_TROUBLE_OTHER:
		break;
	}
	if (!reply->fault && tells_of_servers(call, reply)) {
		health_well(health, &call->health);
		keep_canary(call);
	}
}
