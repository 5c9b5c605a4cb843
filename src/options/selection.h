/*
 * The selection of a command line: its rules, limits and list made into a struct select.
 *
 * Place      options -> [selection] -> migration -> planner.
 * Ownership  every struct select given is the caller's.
 * Threads    one.
 */
#pragma once

#include "options/options.h"
#include "place/arrange.h"
#include "select/select.h"

/*
 * Makes what the options come to.  Reads the files they name, and standard input for "-".  Faults:
 * USAGE (a rule, date or path that makes no sense; a file that cannot be read; too much of it),
 * NOMEM.
 */
MUST_USE enum fault selection_make(const struct options *options, struct select **select,
				   struct err *err);

/* Fails with USAGE where the selection of `options` does not go with the sources. */
MUST_USE enum fault selection_check(const struct options *options,
				    const struct arrangement *arrangement, struct err *err);
