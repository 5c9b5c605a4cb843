#include "store/gateway_call.h"

/*
 * The canary: what could be read before is asked for again when something cannot be read, which may
 * be another part of the same file.  If it can, the grid is well, and the trouble is that other
 * object's own; so also the last of many objects has its tries, when nothing else is left to be
 * read.  Where nothing could be read yet, the object itself is checked: if all servers there are
 * say that they have not enough of it, or what they have is bad, that is its own trouble as well.
 *
 * What cannot be stored as the last of all has no canary that leaves nothing behind.  So only when
 * it was waited for long enough something small of random bytes is stored, which nothing names: a
 * sample.
 */

enum {
	CANARY_CHILDREN_MAX = 1000,
	SAMPLE_SIZE = 64, /* bytes: more than a cap holds */
};

enum health_work gateway_work(const struct gateway_call *call)
{
	switch (call->operation) {
	case GATEWAY_PUT:
		return HEALTH_STORING;
	case GATEWAY_MAKE_DIRECTORY:
		return call->is_mutable ? HEALTH_WRITING : HEALTH_STORING;
	case GATEWAY_OVERWRITE:
	case GATEWAY_SET_CHILDREN:
	case GATEWAY_UNLINK:
		return HEALTH_WRITING;
	case GATEWAY_LIST:
		return HEALTH_LISTING;
	case GATEWAY_GET:
		return HEALTH_READING;
	case GATEWAY_CHECK:
		return cap_is_directory(&call->cap) ? HEALTH_LISTING : HEALTH_READING;
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
	gateway->canary_asked = false;
}

/* Asks for the canary, unless that is what could not be read. */
static void ask_canary(struct gateway *gateway, const struct gateway_call *failed, bool listing)
{
	struct store *store = &gateway->base;
	const struct store_then then = { canary_done, gateway };
	struct health_canary canary = { .cap = { .kind = CAP_NONE } };
	struct store_call *call = NULL;
	struct err err;
	if (gateway->canary_asked || !failed->cap.kind)
		return;
	bool found = health_canary(gateway->health, listing, &canary);
	const struct store_list list = { .cap = &canary.cap };
	const struct store_get get = {
		.cap = &canary.cap,
		.offset = canary.offset,
		.length = 1,
		.sink = canary_sink,
	};
	const struct store_check check = { .cap = &failed->cap };
	if (!found || (cap_equal(&canary.cap, &failed->cap) && canary.offset == failed->offset))
		call = store->backend->check(store, &check, then, &err);
	else
		call = listing ? store->backend->list(store, &list, then, &err)
			       : store->backend->get(store, &get, then, &err);
	cap_wipe(&canary.cap);
	if (!call)
		return;
	gateway->canary_asked = true;
	((struct gateway_call *)call)->is_canary = true;
}

static void sample_done(void *context, const struct store_reply *reply)
{
	struct gateway *gateway = context;
	const struct health_call sample = { .work = HEALTH_STORING,
					    .gateway = gateway->base.gateway };
	if (reply->fault)
		health_refused(gateway->health, &sample);
}

/* Stores something small in place of what could not be stored.  What cannot even be asked for is
 * refused. */
static void store_sample(struct gateway *gateway)
{
	unsigned char bytes[SAMPLE_SIZE];
	const struct store_body body = { .data = bytes, .size = sizeof bytes };
	const struct store_then then = { sample_done, gateway };
	struct store_reply failed = { .fault = FAULT_RETRY };
	struct err err;
	struct store_call *call = NULL;
	if (getentropy(bytes, sizeof bytes) == 0)
		call = gateway->base.backend->put(&gateway->base, &body, then, &err);
	if (call)
		((struct gateway_call *)call)->is_canary = true;
	else
		sample_done(gateway, &failed);
}

/* Notes the trouble.  What is written to a directory that cannot be read is trouble of reading it.
 */
static void tell_trouble(struct gateway_call *call, bool reading, struct err *err)
{
	struct gateway *gateway = call->gateway;
	struct health_call health = call->health;
	if (reading && !(health.work & (HEALTH_LISTING | HEALTH_READING)))
		health = health_begin(gateway->health, gateway->base.gateway, HEALTH_LISTING);
	health_trouble(gateway->health, &health, false, err);
	if (health_asks(gateway->health, &health))
		store_sample(gateway);
	if (health.work & (HEALTH_LISTING | HEALTH_READING))
		ask_canary(gateway, call, health.work == HEALTH_LISTING);
}

/* What servers are asked for, and is no burden to ask for again. */
static void keep_canary(const struct gateway_call *call, const struct store_reply *reply)
{
	bool small = call->operation == GATEWAY_LIST && reply->children <= CANARY_CHILDREN_MAX;
	const struct health_canary canary = { call->cap, call->offset };
	if (small || (call->operation == GATEWAY_GET && cap_is_chk(&call->cap)))
		health_keep_canary(call->gateway->health, &canary);
}

void gateway_tell_health(struct gateway_call *call, struct store_reply *reply)
{
	struct health *health = call->gateway->health;
	bool keyed = call->operation == GATEWAY_MAKE_DIRECTORY && call->is_mutable;
	bool lost = call->operation == GATEWAY_CHECK && !reply->fault &&
		    !reply->health.recoverable && !reply->health.literal;
	bool surely = lost && (reply->health.corrupt_shares > 0 ||
			       reply->health.responding >= health_servers(health));
	if (call->operation == GATEWAY_PROBE && !reply->fault)
		health_keep_servers(health, reply->servers.known);
	if (surely)
		health_well(health, &call->health);
	if (surely || (call->is_canary && (reply->fault || call->operation == GATEWAY_CHECK)))
		return;
	if (lost) {
		reply->health.unsure = true;
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
		keep_canary(call, reply);
	}
}
