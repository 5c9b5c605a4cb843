/*
 * Mutable files read from the storage servers.
 *
 *   READ      the contents of the newest version, proven (direct_slot.h)
 *     |  whatever goes wrong, or more than is kept in memory: GATEWAY, which is asked for them
 *     v
 *   DELIVER   to the sink, piece by piece, as far as the call is not paused
 *
 * Place      inside direct/direct, over its reading of slots.
 * Ownership  a reading belongs to its store's list until its `done` was called.
 * Threads    those of the store.
 */
#pragma once

#include "direct/direct_call.h"

/* Returns whether it is a whole mutable file that can be read here. */
bool direct_can_read_mutable(const struct store_get *get);

/* Starts reading one.  Returns the call, or NULL: it is the gateway's. */
struct store_call *direct_read_mutable(struct direct *direct, const struct store_get *get,
				       struct store_then then);
