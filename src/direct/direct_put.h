/*
 * An immutable file put to the storage servers themselves: shares that were made elsewhere, in
 * memory, or while they are sent.
 *
 *   PLAN      which server is to get which share    nothing is left to place -> WRITE
 *     |  ^                                          not spread well enough   -> FINISH
 *     v  |
 *   ALLOCATE  one question a server: room for its shares?
 *     |  |    a server that fails gets nothing more of this file
 *     v  |
 *   LOOK      neither there nor room for it: half-made before a kill?  Its first bytes are written;
 *     |  |    the answer says what is missing.  A server without room gets nothing more
 *     '--'
 *   WRITE ---> direct_put_write.c; the shares that are lost with a server are planned anew
 *
 *   FINISH    what is half-made is aborted, or it would be in somebody's way for half an hour; then
 *             the put is done where the shares are spread well enough; else the gateway puts the
 *             file and says what is wrong
 *
 * Every round places a share or does without one more server, so there is an end.  A share that
 * is half-made is ours when any job of this node began it: so its secret is made (tahoe/lease.h).
 *
 * Place      inside direct/direct.
 * Ownership  a put belongs to its store's list until its `done` was called.
 * Threads    those of the store.
 *
 * Source: tahoe-lafs 1.20.0 docs/specifications/http-storage-node-protocol.rst,
 * allmydata/storage/http_server.py.
 */
#pragma once

#include "direct/direct_call.h"

/* Returns whether a body can be put here: its shares are there, and servers to take them. */
bool direct_can_put(const struct direct *direct, const struct store_body *body);

/* Starts one, which begins in the next poll.  Returns the call, or NULL with `err` filled: NOMEM.
 */
struct store_call *direct_put(struct direct *direct, const struct store_body *body,
			      struct store_then then, struct err *err);

/* Looks, now and then, for servers that are far slower than others; puts that have some are due
 * then. */
void direct_watch_puts(struct direct *direct);
