/*
 * The inside of node/servers.h: servers.c finds the files and orders the servers, servers_yaml.c
 * reads announcements out of a file, servers_nurl.c takes a NURL apart.
 *
 * Place      src/node/servers*.c only.
 * Ownership  a struct word points into somebody else's text.
 * Threads    one owner at a time.
 */
#pragma once

#include "node/servers.h"

struct word {
	const char *text; /* `size` bytes, any of them, no NUL behind */
	size_t size;
};

/* pb://HASH@HOST:PORT/SWISSNUM#v=1 */
struct nurl {
	struct word hash;     /* of the public key, 43 characters of URL-safe base64 */
	struct word host;     /* a name, an IPv4 address or an IPv6 address in brackets */
	struct word port;     /* 1..65535 */
	struct word swissnum; /* secret */
};

/* Servers while they are gathered from several files. */
struct server_gathering {
	struct servers *servers; /* has room for SERVERS_MAX */
	char *id[SERVERS_MAX];   /* about whom nothing more is wanted */
	size_t count;
};

enum servers_source {
	SERVERS_ANNOUNCED,  /* what an introducer said, cached by the node */
	SERVERS_CONFIGURED, /* private/servers.yaml: hides what was announced */
};

/* Adds the servers of the file `path`; none when it is not there.  Faults of servers_load. */
MUST_USE enum fault servers_read(struct server_gathering *gathering, const char *path,
				 enum servers_source source, struct err *err);

/* False, with `nurl` unspecified, when `text` is anything but such a NURL. */
MUST_USE bool nurl_split(struct word text, struct nurl *nurl);

/* Fills url, pin and authorization.  NOMEM. */
MUST_USE enum fault nurl_apply(const struct nurl *nurl, struct server *server, struct err *err);
