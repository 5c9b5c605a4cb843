/*
 * The storage servers that a node has heard of, and how each is reached over HTTPS.
 *
 * Place      place/setup loads them from the node directory; direct/direct reads shares from them.
 * Ownership  a struct servers owns everything until servers_fini, which wipes the swissnums: who
 *            has one may use the server.
 * Threads    read by anyone once loaded.
 *
 * Source: tahoe-lafs 1.20.0 private/introducer_NAME_cache.yaml and private/servers.yaml,
 * docs/specifications/http-storage-node-protocol.rst (NURLs), allmydata/storage_client.py.
 */
#pragma once

#include "tahoe/lease.h"

enum {
	SERVERS_MAX = 1024,              /* of one grid that are taken */
	SERVER_PIN_SIZE = 64,            /* "sha256//", 44 characters and a NUL */
	SERVER_AUTHORIZATION_SIZE = 256, /* "Tahoe-LAFS ", 172 characters and a NUL */
	SERVER_SEED_MAX = 128,
};

struct server {
	char *url;                                     /* https://HOST:PORT/ */
	char pin[SERVER_PIN_SIZE];                     /* of its key, "sha256//" and base64 */
	char authorization[SERVER_AUTHORIZATION_SIZE]; /* "Tahoe-LAFS " and base64: secret */
	unsigned char seed[SERVER_SEED_MAX];           /* of the order in which shares are placed */
	size_t seed_size;
	bool has_id;                         /* announced with a FURL: */
	unsigned char id[LEASE_SERVER_SIZE]; /* its tub id, which leases are made for */
};

struct servers {
	struct server *server;
	size_t count;
	bool partial; /* the node has heard of more, which are not reached in this way */
};

/*
 * Loads the announcements below `directory`.  Servers without a NURL of version 1 over plain TCP
 * (pb://) are left out; of several such NURLs the first counts; one announced in several files or
 * twice is taken once.  What private/servers.yaml says about a server hides what was announced,
 * even where it leaves the server out.  A file that is not there is none; no file at all: no
 * servers.  Faults: CORRUPT naming the file (not YAML, too large, not announcements), INSECURE
 * (everybody may write it), IO, NOMEM; then `servers` is empty.
 */
MUST_USE enum fault servers_load(struct servers *servers, const char *directory, struct err *err);

/* Wipes and frees.  NULL and all zeros are allowed. */
void servers_fini(struct servers *servers);

/*
 * Stores the numbers of all servers in the order in which the shares of a file are placed: by
 * SHA-1 over the storage index and each server's seed.  `order` has room for `count` numbers.
 */
void servers_order(const struct servers *servers, const unsigned char storage_index[16],
		   uint16_t *order);
