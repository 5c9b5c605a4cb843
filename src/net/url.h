/*
 * Base URLs of gateways: what they must look like, and where secrets may go in plain text.
 *
 * Place      http_open, and whoever reads a URL from a user or from node.url.
 * Ownership  struct url is plain data.
 * Threads    all functions may run concurrently.
 *
 * Caps travel in URLs and bodies, so plain http is for this machine only (RELIABILITY S6).
 */
#pragma once

#include "queue/core/fault.h"

enum { URL_SIZE = 1024 }; /* bytes of the longest base URL with its NUL */

struct url {
	char base[URL_SIZE]; /* normalized: scheme, host, port if given, path, always a final "/" */
	char host[256];      /* without brackets */
	uint16_t port;
	bool encrypted; /* https */
};

/*
 * Reads the base URL `text`.  `plain_host` (NULL: none) is a host the user allows plain http to;
 * otherwise http is for 127.0.0.0/8, ::1 and "localhost".  FAULT_USAGE: not http(s), or with a
 * user name, a query or a fragment; FAULT_INSECURE.
 */
MUST_USE enum fault url_parse(const char *text, const char *plain_host, struct url *url,
			      struct err *err);

/* True when a user name or a password stands before the host, in a URL or something like one. */
MUST_USE bool url_names_user(const char *text);

/* True when `address`, an IP address as text without brackets, is in 127.0.0.0/8, ::1 or a mapped
 * form of these. */
MUST_USE bool url_address_is_loopback(const char *address);
