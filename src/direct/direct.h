/*
 * A store that reads files and lists directories from the storage servers
 * themselves, and writes those whose shares are there; everything else is left to a gateway.
 *
 *   get of a CHK cap: which servers have shares? -> k of them -> segments: decoded, proven by the
 *       hash tree that the cap stands for, decrypted -> sink
 *   list of a directory: its bytes are got like a file's, or (direct_slot.h) of its newest version,
 *       and told as children; of a path: directory by directory
 *   get of a mutable file: its newest version, whole
 *   put of a body with its shares: room for them -> each to its server -> all acknowledged
 *   whatever goes wrong there: the gateway brings the rest of the range, or puts the file
 * direct_call.h draws how the parts of this room go on from one to the next.
 *
 * What it delivers by itself is proven, and its replies say so.  A server that does not answer as
 * it should is left alone for some minutes.
 *
 * Place      place/setup -> [direct] -> store/gateway, and net/http for the servers.
 * Ownership  the store owns the gateway's store and its connections; the servers are borrowed.
 * Threads    as store/store.h says; one store a thread.
 *
 * Source: tahoe-lafs 1.20.0 docs/specifications/http-storage-node-protocol.rst,
 * allmydata/immutable/layout.py.
 */
#pragma once

#include "direct/habits.h"
#include "node/servers.h"
#include "store/gateway.h"

/* Hears why the gateway is asked for a directory, or for a mutable file's contents. */
typedef void direct_told(void *context, const struct err *why);

struct direct_options {
	const struct gateway_options *gateway;
	const struct servers *servers;     /* borrowed */
	const unsigned char *lease_secret; /* of LEASE_SECRET_SIZE, borrowed; NULL: nothing is
					      written past the gateway */
	unsigned happy;                    /* servers that a file's shares have to be spread over */
	unsigned needed;                   /* shares that give a file back; 0: not known */
	struct habits *habits;             /* of the grid, borrowed; NULL: nothing is guessed */
	direct_told *told;                 /* in whatever thread; NULL: nobody */
	void *told_context;
};

/* Opens a store on a gateway and the servers beside it, connecting to nothing yet.  Faults as of
 * gateway_open. */
MUST_USE enum fault direct_open(const struct direct_options *options, struct store **store,
				struct err *err);
