/*
 * Which known word somebody meant who typed another.
 *
 * Place      options -> [nearest] -> the text of an error.
 * Threads    any.
 */
#pragma once

#include "options/options_table.h"

/* Returns the option of `command` (COMMAND_NONE: of any) whose name is nearest to the `size` bytes
 * at `name`; NULL where none is near. */
const struct option_row *nearest_option(const char *name, size_t size, enum command command);

/* Returns the command whose name is nearest to `word`, or COMMAND_NONE. */
enum command nearest_command(const char *word);
