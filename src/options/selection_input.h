/*
 * What options of selection are given from outside: files, dates.
 *
 * Place      selection.h.
 * Threads    one.
 */
#pragma once

#include "base/bytes.h"

enum { SELECTION_RULES_MAX = 1 << 20 }; /* bytes of one file of rules, its comments too */

/* Appends what is in the file `path`; "-" is standard input.  Sleeps on pipes.  Faults: NOT_FOUND,
 * IO, TOO_LARGE, NOMEM. */
MUST_USE enum fault selection_input(const char *path, struct bytes *out, struct err *err);

/*
 * Stores the time that `text` means, in nanoseconds since 1970: "@SECONDS"; "YYYY-MM-DD", with
 * "THH:MM" or "THH:MM:SS" behind it (or a blank for the T), then "Z" or "+HH:MM", else local time;
 * or when the file of that name was modified.  FAULT_USAGE: none of these.
 */
MUST_USE enum fault selection_date(const char *text, int64_t *ns, struct err *err);
