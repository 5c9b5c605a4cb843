/*
 * A new mutable directory written to the storage servers themselves: shares made elsewhere.
 *
 *   PLAN     which server is to get which shares      each has its place, or finds none -> END
 *    |  ^
 *    v  |
 *   SEND     one request a server, which takes all its shares, or none where one is there:
 *              of this version  it counts as written: an earlier attempt was cut off
 *              of another one   the key was used before, for other contents -> END
 *            a server that fails gets nothing more of this directory
 *
 *   END      all shares have a place: done
 *            the key was used: said as the gateway says it
 *            nothing can have been written: the gateway makes the directory
 *            else: RETRY, by the same key and contents, so that there is never a second version
 *
 * Every round places a share or does without one more server.  A mutable file needs no spreading
 * for Tahoe-LAFS; but where fewer servers answer than happiness wants, the gateway decides.
 *
 * Place      inside direct/direct.
 * Ownership  one belongs to its store's list until its `done` was called.
 * Threads    those of the store.
 *
 * Source: tahoe-lafs 1.20.0 docs/specifications/http-storage-node-protocol.rst,
 * allmydata/mutable/publish.py.
 */
#pragma once

#include "direct/direct_call.h"

/* Returns whether the directory can be written here. */
bool direct_can_publish(const struct direct *direct, const struct store_directory *directory);

/* Starts it, to begin in the next poll.  Returns the call, or NULL with `err` filled: NOMEM. */
struct store_call *direct_publish(struct direct *direct, const struct store_directory *directory,
				  const struct store_body *body, struct store_then then,
				  struct err *err);
