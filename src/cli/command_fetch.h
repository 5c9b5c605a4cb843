/*
 * The half of `barge cp` that copies from a grid into a local directory.
 *
 * Place      command_cp -> [command_fetch] -> src/fetch.
 * Threads    runs in the main thread.
 */
#pragma once

#include "cli/places.h"

/* Fetches the sources of `places` into its local target.  As a command_function. */
enum fault command_fetch(const struct options *options, const struct places *places, int *status,
			 struct err *err);
