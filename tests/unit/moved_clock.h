/*
 * A clock that a test moves: what measures durations, in this process, goes on by what it says.
 *
 * Libraries are told the same.  What sleeps sleeps no shorter.
 */
#pragma once

#include "queue/core/base.h"

/* Stops the clock: from now on it goes only as far as it is moved, however slow the machine is. */
void clock_stop(void);

/* Moves the clock on. */
void clock_move(uint64_t ms);
