/*
 * Whether a grid has what was stored on it: a question to its servers.
 *
 * Place      inside a backup, before what is known is believed.
 * Threads    the main thread; sleeps.
 */
#pragma once

#include "calls/tries.h"

/* Stores whether the grid has enough shares of `cap`; what holds its data itself is there.  Faults:
 * those of store_check, RETRY after the last try. */
MUST_USE enum fault backup_probe(const struct cap *cap, const struct tries *tries, bool *found,
				 struct err *err);
