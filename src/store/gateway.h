/*
 * A store behind the HTTP interface of a Tahoe-LAFS gateway.
 *
 * Place      store/store.h -> gateway -> net/http.
 * Ownership  the store owns its HTTP client; store_close frees both.
 * Threads    as store/store.h says; one store a thread, any number of them a gateway.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/web/, docs/frontends/webapi.rst.
 */
#pragma once

#include "store/health.h"
#include "store/store.h"

struct http_watch; /* net/http.h */

struct gateway_options {
	const char *url;        /* http://127.0.0.1:3456/ */
	const char *plain_host; /* a host plain http is allowed to besides loopback; NULL: none */
	uint32_t connect_ms, send_ms, wait_ms, receive_ms; /* limits; 0: those of net/http.h */
	uint64_t listing_max;                              /* bytes; 0: STORE_LISTING_MAX */
	struct pace *pace;     /* of all bodies; borrowed; NULL: no limit */
	struct health *health; /* hears of every call; borrowed; NULL: nobody does */
	struct speed *speed;   /* of files from all gateways; borrowed; NULL: there is only one */
	const struct http_watch *watch; /* of all requests; borrowed; NULL: nobody does */
	unsigned number;                /* store_gateway: below STORE_GATEWAYS_MAX */
};

/*
 * Opens a store on the gateway at options->url, connecting to nothing yet.  FAULT_USAGE: not a
 * usable URL; FAULT_INSECURE: plain http to another machine; FAULT_NOMEM.
 */
MUST_USE enum fault gateway_open(const struct gateway_options *options, struct store **store,
				 struct err *err);

/* Returns the HTTP client of such a store, for requests to peers that store_poll moves as well. */
struct http *gateway_http(struct store *store);
