/*
 * A Tahoe-LAFS node directory: where the gateway is and how it encodes.
 *
 * The room: node.c reads URL, secret and encoding; aliases.c and aliases_argument.c the aliases and
 * what a word of the command line means by them; servers.c the storage servers, from the YAML of
 * servers_yaml.c, whose addresses servers_nurl.c takes apart; node_file.c small files for all.
 *
 * Place      command line -> [node] -> stores, content keys, verification.
 * Ownership  a struct node owns its strings and secret until node_fini.
 * Threads    one owner at a time.
 *
 * Source: tahoe-lafs 1.20.0 docs/configuration.rst, allmydata/client.py, scripts/common.py.
 */
#pragma once

#include "tahoe/chk.h"
#include "tahoe/lease.h"

struct node {
	char *directory;          /* absolute, or as given */
	char *url;                /* of the gateway, ends in "/"; NULL when there is no node.url */
	bool has_secret;          /* private/convergence was there: `params` is complete */
	struct chk_params params; /* k, n from tahoe.cfg (3, 10 when not set) and the secret */
	uint16_t happy;           /* shares.happy, 7 when not set */
	bool has_lease_secret;    /* private/secret was there: */
	unsigned char lease_secret[LEASE_SECRET_SIZE];
	bool is_open; /* it goes to servers by plain TCP and HTTPS: nothing hides it */
};

/*
 * Reads DIRECTORY/{node.url, tahoe.cfg, private/convergence,
 * private/secret}; NULL means ~/.tahoe ($HOME, else the
 * user's entry in the password database).  Files that are not there leave defaults; so does a
 * missing directory unless it was named: FAULT_NOT_FOUND.  FAULT_USAGE: a file makes no sense
 * (which one and why is in `err`); FAULT_INSECURE: everybody may write it; FAULT_IO, FAULT_NOMEM.
 * On failure `node` is empty.
 */
MUST_USE enum fault node_load(struct node *node, const char *directory, struct err *err);

/* Wipes and frees.  NULL and all zeros are allowed. */
void node_fini(struct node *node);
