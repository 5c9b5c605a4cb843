/*
 * A large file divided into chunks, each of which is a work for any reader.
 *
 *   opened, decided: chunks_divide -> closed -> chunks_hand_out: those not proven yet -> `offer`
 *                                     a reader without work takes one, or else this reader does
 *
 * Place      inside src/read: a reader that has opened a file planned in chunks -> [chunks] ->
 *            queue/split.h, whose parts come back to the readers.
 * Threads    the reader's that divides.
 */
#pragma once

#include "queue/split.h"
#include "read/attempt.h"
#include "read/readers.h"

/* Whether what was opened is to be sent in chunks. */
bool chunks_wanted(const struct readers_options *options, const struct attempt *attempt);

/* Divides it, taking over its work, and takes what earlier tries have proven.  Faults: NOMEM, those
 * of outcomes_read; then nothing was taken. */
MUST_USE enum fault chunks_divide(const struct readers_options *options,
				  const struct attempt *attempt, struct split **split,
				  struct err *err);

/* Hands out what is to be sent, each to `take` where no other reader has room for it. */
void chunks_hand_out(const struct readers_options *options, struct split *split,
		     void (*take)(void *context, struct work *part), void *context);
