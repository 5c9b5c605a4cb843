/*
 * Scripts by which a shell completes the command line, made from the tables of options.
 *
 * Place      options_table -> [completion] -> standard output; `ninja install` puts them in place.
 * Threads    any.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/*
 * Writes the script for "bash", "zsh" or "fish": commands, the options of each with their choices,
 * files where there are none.  Returns false, and writes nothing, for another name.
 */
bool completion_write(const char *shell, FILE *out);
