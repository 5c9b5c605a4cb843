/*
 * Results: whole lines for programs, on stdout.
 *
 * A reader that went away (EPIPE) or a full disk ends the output, not the program: later lines are
 * dropped, out_failed tells, and the command's status is no success (out_end).
 *
 * Place      reports, tallies and commands -> [out] -> output->results.
 * Ownership  lines are copied into the output's buffer.
 * Threads    one thread at a time for each output.
 */
#pragma once

#include "queue/core/fault.h"
#include "report/output.h"

/* Adds `size` bytes, which end in a newline; written when much is waiting, or at out_flush. */
void out_put(struct output *output, const void *text, size_t size);

/* Writes what is waiting.  Sleeps while the reader is slow. */
void out_flush(struct output *output);

/* Returns the errno that ended the output, or 0. */
int out_failed(const struct output *output);

/*
 * Ends a command's output: writes what is waiting, and where something was lost `status` is no
 * success any more.  FAULT_IO: it was lost, and that is to be said (a reader who has had enough
 * need not be told).
 */
MUST_USE enum fault out_end(struct output *output, int *status, struct err *err);
