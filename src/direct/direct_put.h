/*
 * An immutable file put to the storage servers themselves: shares that were made elsewhere.
 *
 *   PLAN      which server is to get which share    nothing is left to put -> CLEAN UP
 *     |  ^
 *     v  |
 *   ALLOCATE  one question a server: room for its shares?
 *     |  |    a server that has none, or fails, gets nothing more of this file
 *     v  |
 *   WRITE ---> one request a share; where it ends well the server has it
 *
 *   CLEAN UP  what is half-made is aborted, or it would be in somebody's way for half an hour; then
 *             the put is done where the shares are spread well enough; else the gateway puts the
 *             file and says what is wrong
 *
 * Every round places a share or does without one more server, so there is an end.  A share that the
 * server neither has nor gives room for may be one that was half-made before a kill: its upload
 * secret is ours (tahoe/lease.h), so it is written all the same.
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

/* Begins what was started since the last poll.  A put may end, and its `done` start others. */
void direct_begin_puts(struct direct *direct);

/* Returns the put if it is one of this store's; NULL: it is another call. */
struct direct_put *direct_find_put(const struct direct *direct, const struct store_call *call);

/* Ends it without a word to its caller. */
void direct_cancel_put(struct direct_put *put);
