/*
 * The shares of a file or directory counted, and proven where that is wanted, at the storage
 * servers themselves.
 *
 *   each slot, server by server, as long as there is one:
 *     NUMBERS  which shares have you? ---- none, or no answer ---------> the next server
 *        | some
 *        v
 *     LEASE    where wanted: renew it, or add one
 *        |
 *        v
 *     SHARE    where wanted: each is read, a piece at a time, and proven (tahoe/chk_proof.h); of
 *              what can change at least what says of which version it is (tahoe/slot_proof.h)
 *
 *   all slots are at their end: COUNT, and `done`.  Where not all is well, and servers were silent,
 *   the gateway is asked, who may know another way to them; if it is away too, what was found
 *   counts.
 *
 * Place      inside direct/direct.
 * Ownership  a check belongs to its store's list until its `done` was called.
 * Threads    those of the store.
 *
 * Source: tahoe-lafs 1.20.0 docs/specifications/http-storage-node-protocol.rst,
 * allmydata/immutable/checker.py.
 */
#pragma once

#include "direct/direct_call.h"

/* Returns whether it can be checked here. */
bool direct_can_check(const struct direct *direct, const struct store_check *wanted);

/* Starts a check, which begins in the next poll.  Returns the call, or NULL with `err` filled:
 * NOMEM. */
struct store_call *direct_check(struct direct *direct, const struct store_check *wanted,
				struct store_then then, struct err *err);
