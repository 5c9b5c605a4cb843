/*
 * The secrets that go with an upload to a storage server.
 *
 * Whoever knows the two of a lease may renew or cancel it: they are those of the node, so that the
 * gateway can renew what was stored here, and the other way round.  The upload secret names the
 * owner of a half-made share.  It follows from the node's secret too: after a kill any later job of
 * the same node goes on with what an earlier one has left, and two at a time write the same bytes.
 *
 * Place      direct/direct, for each server of an upload.
 * Ownership  plain memory of the caller, who wipes it.
 * Threads    may run concurrently.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/util/hashutil.py, allmydata/client.py (SecretHolder); the
 * upload secret is ours alone.
 */
#pragma once

#include "tahoe/hashes.h"

enum {
	LEASE_SECRET_SIZE = 32, /* bytes of the node's private/secret */
	LEASE_SERVER_SIZE = 20, /* bytes that name a server: its tub id */
	LEASE_INDEX_SIZE = 16,  /* bytes of a storage index */
};

struct lease_secrets {
	unsigned char renew[DIGEST_SIZE], cancel[DIGEST_SIZE], upload[DIGEST_SIZE];
};

/* Stores the secrets for a file at a server. */
void lease_secrets_of(const unsigned char node_secret[LEASE_SECRET_SIZE],
		      const unsigned char storage_index[LEASE_INDEX_SIZE],
		      const unsigned char server[LEASE_SERVER_SIZE], struct lease_secrets *out);
