/*
 * Values of options: text into the member of struct options that the row names.
 *
 * Place      options.c, for argv, environment and config alike.
 * Threads    one owner of the options at a time.
 */
#pragma once

#include "options/options_table.h"

/*
 * Reads a size as options have it: bytes, or a number with K, M, G, T, P or E behind, in either
 * case, which may have a fraction ("1.5M", rounded down).  False: it is none, or too large.
 */
MUST_USE bool option_read_size(const char *text, uint64_t *number);

/*
 * Stores `value` (NULL for a flag that stands alone) as `row` says.  A flag's value is one of yes,
 * true, 1, no, false, 0.  FAULT_USAGE: it is not what the option takes (the text says what is, and
 * begins with `where`); NOMEM.
 */
MUST_USE enum fault option_store(struct options *options, const struct option_row *row,
				 const char *value, const char *where, struct err *err);
