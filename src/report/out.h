/*
 * stdout, where results go: whole lines, buffered, and never a reason to stop a transfer.
 *
 * A reader that went away (EPIPE) or a full disk ends the output, not the program: later lines are
 * dropped, and out_failed tells.
 *
 * Ownership  one buffer for the process.
 * Threads    one thread at a time.
 */
#pragma once

#include "base/bytes.h"

/* Adds `size` bytes, which end in a newline; written when much is waiting, or at out_flush. */
void out_put(const void *text, size_t size);

/* Writes what is waiting.  Sleeps while the reader is slow. */
void out_flush(void);

/* Returns the errno that ended the output, or 0. */
int out_failed(void);
