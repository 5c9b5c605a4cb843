#include "store/gateway_call.h"

#include "base/digest.h"

#include <jansson.h>
#include <strings.h>

static enum fault garbage(struct store_reply *reply, const char *what)
{
	return err_set(&reply->err, FAULT_RETRY, "the reply is not %s", what);
}

static enum fault wrong(struct store_reply *reply, const char *what)
{
	return err_wrong(&reply->err, "the reply is %s", what);
}

/* ---- caps ---- */

/* The whole reply is one cap, and nothing comes after it (RELIABILITY I30). */
static enum fault take_cap(const struct http_reply *http, struct store_reply *reply)
{
	if (http->status != 200 && http->status != 201)
		return garbage(reply, "one of success");
	if (cap_parse(http->body, http->body_size, &reply->cap, NULL) != FAULT_NONE ||
	    reply->cap.kind == CAP_UNKNOWN)
		return garbage(reply, "a cap");
	return FAULT_NONE;
}

/* Of a PUT the reply must be the cap of a file of that size. */
static enum fault take_put(const struct gateway_call *call, const struct http_reply *http,
			   struct store_reply *reply)
{
	enum fault fault = take_cap(http, reply);
	if (fault != FAULT_NONE)
		return fault;
	if (reply->cap.kind != CAP_CHK && reply->cap.kind != CAP_LIT)
		return wrong(reply, "no cap of an immutable file");
	if (reply->cap.size != call->expected)
		return wrong(reply, "the cap of a file of another size");
	return FAULT_NONE;
}

static enum fault take_overwrite(const struct gateway_call *call, const struct http_reply *http,
				 struct store_reply *reply)
{
	enum fault fault = take_cap(http, reply);
	if (fault != FAULT_NONE)
		return fault;
	return cap_equal(&reply->cap, &call->cap) ? FAULT_NONE
						  : wrong(reply, "another cap than was written to");
}

static enum fault take_directory(const struct gateway_call *call, const struct http_reply *http,
				 struct store_reply *reply)
{
	enum fault fault = take_cap(http, reply);
	if (fault != FAULT_NONE)
		return fault;
	enum cap_kind kind = reply->cap.kind;
	bool right = call->is_mutable ? kind == CAP_DIR2 || kind == CAP_DIR2_MDMF
				      : kind == CAP_DIR2_CHK || kind == CAP_DIR2_LIT;
	return right ? FAULT_NONE : wrong(reply, "a cap of another kind than asked for");
}

/* ---- bytes and listings ---- */

static enum fault take_file(const struct gateway_call *call, const struct http_reply *http,
			    struct store_reply *reply)
{
	reply->received = http->received;
	if (http->status != 200 && http->status != 206)
		return garbage(reply, "one of success");
	if (call->expected != UINT64_MAX && call->received != call->expected)
		return wrong(reply, "shorter than what was asked for");
	return FAULT_NONE;
}

static enum fault take_listing(struct gateway_call *call, const struct http_reply *http,
			       struct store_reply *reply)
{
	if (http->status != 200)
		return garbage(reply, "one of success");
	return listing_parser_end(call->listing, &reply->node, &reply->children, &reply->err);
}

/* ---- small JSON ---- */

static json_t *load(const struct http_reply *http)
{
	return json_loadb(http->body, http->body_size, JSON_REJECT_DUPLICATES, NULL);
}

static uint32_t count_of(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));
	return value < 0 ? 0 : (uint32_t)min_u64((uint64_t)value, UINT32_MAX);
}

/* The result of a check. */
static enum fault read_health(const json_t *root, struct store_reply *reply)
{
	const json_t *after = json_object_get(root, "post-repair-results");
	const json_t *results = json_object_get(after ? after : root, "results");
	const json_t *healthy = json_object_get(results, "healthy");
	const json_t *recoverable = json_object_get(results, "recoverable");
	if (!json_is_boolean(healthy))
		return wrong(reply, "no result of a check");
	struct store_health *health = &reply->health;
	health->healthy = json_is_true(healthy);
	health->repaired = json_is_true(json_object_get(root, "repair-successful"));
	/* A literal has neither shares nor an index, and is always there. */
	health->literal = !recoverable;
	health->recoverable = health->literal ? health->healthy : json_is_true(recoverable);
	health->good_shares = count_of(results, "count-shares-good");
	health->good_hosts = count_of(results, "count-good-share-hosts");
	health->needed = count_of(results, "count-shares-needed");
	health->expected = count_of(results, "count-shares-expected");
	health->corrupt_shares = count_of(results, "count-corrupt-shares");
	health->happiness = count_of(results, "count-happiness");
	health->responding = (uint32_t)min_u64(
		json_array_size(json_object_get(results, "servers-responding")), UINT32_MAX);
	return FAULT_NONE;
}

static enum fault take_health(const struct http_reply *http, struct store_reply *reply)
{
	json_t *root = http->status == 200 ? load(http) : NULL;
	enum fault fault = read_health(root, reply);
	json_decref(root);
	return fault;
}

static enum fault not_tahoe(struct store_reply *reply)
{
	return err_set(&reply->err, FAULT_USAGE, "not a Tahoe-LAFS gateway");
}

/* The status of a server is prose: "connected", "Connected to tcp:.. via tcp", "unstarted". */
static bool says_connected(const json_t *server)
{
	static const char word[] = "connected";
	const char *text = json_string_value(json_object_get(server, "connection_status"));
	return text && strncasecmp(text, word, sizeof word - 1) == 0;
}

static uint64_t hash_of(const char *name)
{
	unsigned char hash[CONTENT_HASH_SIZE];
	content_hash_of(name, strlen(name), hash);
	return load_le64(hash);
}

/* The welcome page: how many servers there are.  `names` is a sum over them, in no order, so that a
 * change of the set is seen. */
static enum fault read_servers(const json_t *root, struct store_reply *reply)
{
	const json_t *servers = json_object_get(root, "servers");
	if (!json_is_array(servers) || !json_is_object(json_object_get(root, "introducers")))
		return not_tahoe(reply);
	size_t index;
	json_t *server;
	json_array_foreach(servers, index, server)
	{
		const char *name = json_string_value(json_object_get(server, "nodeid"));
		reply->servers.known++;
		reply->servers.connected += says_connected(server);
		reply->servers.names += hash_of(name ? name : "");
	}
	return FAULT_NONE;
}

static enum fault take_servers(const struct http_reply *http, struct store_reply *reply)
{
	json_t *root = http->status == 200 ? load(http) : NULL;
	enum fault fault = read_servers(root, reply);
	json_decref(root);
	return fault;
}

/* What is up and answers, but not as a gateway would, is the wrong URL. */
static bool looks_foreign(const struct store_reply *reply)
{
	switch (reply->fault) {
	case FAULT_NOT_FOUND:
	case FAULT_USAGE:
	case FAULT_TOO_LARGE:
		return true;
	default:
		return reply->trouble == STORE_TROUBLE_NO_STATUS;
	}
}

void gateway_understand(struct gateway_call *call, const struct http_reply *http,
			struct store_reply *reply)
{
	if (call->operation == GATEWAY_PROBE && looks_foreign(reply))
		reply->fault = not_tahoe(reply);
	if (reply->fault != FAULT_NONE)
		return;
	switch (call->operation) {
	case GATEWAY_PUT:
		reply->fault = take_put(call, http, reply);
		break;
	case GATEWAY_OVERWRITE:
		reply->fault = take_overwrite(call, http, reply);
		break;
	case GATEWAY_GET:
		reply->fault = take_file(call, http, reply);
		break;
	case GATEWAY_MAKE_DIRECTORY:
		reply->fault = take_directory(call, http, reply);
		break;
	case GATEWAY_SET_CHILDREN:
	case GATEWAY_UNLINK:
		reply->fault = http->status == 200 ? FAULT_NONE : garbage(reply, "one of success");
		break;
	case GATEWAY_LIST:
		reply->fault = take_listing(call, http, reply);
		break;
	case GATEWAY_CHECK:
		reply->fault = take_health(http, reply);
		break;
	case GATEWAY_PROBE:
		reply->fault = take_servers(http, reply);
		break;
	}
	reply->err.http_status = http->status;
}
