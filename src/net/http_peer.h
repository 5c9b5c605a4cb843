/*
 * A server beside the gateway that requests may go to: known by its public key, not by name.
 *
 * Place      direct/direct -> [peer] -> http_request.peer.
 * Ownership  strings are copied; a peer outlives the requests that go to it.
 * Threads    as the struct http whose requests go there.
 *
 * Source: tahoe-lafs 1.20.0 docs/specifications/http-storage-node-protocol.rst (NURLs).
 */
#pragma once

#include "net/url.h"

struct http_peer;

struct http_peer_options {
	const char *url;           /* https://HOST:PORT/ */
	const char *pin;           /* of its public key, as CURLOPT_PINNEDPUBLICKEY wants it */
	const char *authorization; /* value of that header, a secret; NULL: none */
	const char *accept;        /* value of that header */
	unsigned connections;      /* to it at most; 0: as many as the client has */
};

/* FAULT_USAGE: not a URL of https; FAULT_NOMEM. */
MUST_USE enum fault http_peer_new(const struct http_peer_options *options, struct http_peer **peer,
				  struct err *err);

/* Wipes and frees.  NULL is allowed. */
void http_peer_free(struct http_peer *peer);
