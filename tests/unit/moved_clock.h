/*
 * A clock that a test moves: what measures durations, in this process, is as far ahead as it says.
 *
 * Libraries are told the same.  What sleeps sleeps no shorter.
 */
#pragma once

#include "queue/core/base.h"

/* Moves the clock on. */
void clock_move(uint64_t ms);
