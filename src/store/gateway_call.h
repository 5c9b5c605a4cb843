/*
 * What the parts of the gateway backend share: one call, and how its reply is read.
 *
 * Place      inside store/gateway only.
 */
#pragma once

#include "net/http.h"
#include "net/speed.h"
#include "store/backend.h"
#include "store/gateway.h"
#include "store/listing_parser.h"

enum gateway_operation {
	GATEWAY_PUT,
	GATEWAY_OVERWRITE,
	GATEWAY_GET,
	GATEWAY_MAKE_DIRECTORY,
	GATEWAY_SET_CHILDREN,
	GATEWAY_UNLINK,
	GATEWAY_LIST,
	GATEWAY_CHECK,
	GATEWAY_PROBE,
};

struct gateway {
	struct store base; /* first: a struct store is a struct gateway */
	struct http *http;
	struct gateway_call *in_flight; /* newest first */
	struct bytes path;              /* scratch; wiped after use */
	struct health *health;
	bool canary_asked; /* and has not answered */
	uint64_t wait_ms, listing_max;
	struct http_floor listing_floor, file_floor;
	struct speed *speed; /* NULL: no other gateway is there to be quicker */
};

struct gateway_call {
	struct gateway *gateway;
	struct gateway_call *next;
	struct gateway_call **back; /* to what points here; NULL: not in flight */
	struct http_call *http;
	enum gateway_operation operation;
	struct store_then then;
	struct cap cap; /* overwrite, get, list, check: of what */
	struct health_call health;
	bool is_canary;
	bool is_mutable;   /* make_directory */
	uint64_t expected; /* put: size of the body; get: bytes to come, UINT64_MAX unknown */
	uint64_t offset;   /* get */
	uint64_t received; /* get: bytes so far */
	uint64_t begun_ms; /* get */
	store_sink *sink;
	void *sink_context;
	struct listing_parser *listing;
	struct err why; /* of a refusal by our own sink */
};

/* Fills fault, err, trouble and answered of `reply` from what HTTP says.  Source: the status table
 * of tahoe-lafs 1.20.0 allmydata/web/common.py humanize_exception. */
void gateway_explain(const struct gateway_call *call, const struct http_reply *http,
		     struct store_reply *reply);

/* Tells the health of the grid about a reply that has been read, which may be excused by it. */
void gateway_tell_health(struct gateway_call *call, struct store_reply *reply);

/* Returns what a call does to the grid. */
enum health_work gateway_work(const struct gateway_call *call);

/* Reads the 2xx reply of `call` into `reply`; a fault where it is not what was asked for. */
void gateway_understand(struct gateway_call *call, const struct http_reply *http,
			struct store_reply *reply);
