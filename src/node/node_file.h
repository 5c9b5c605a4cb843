/*
 * Small files of a node directory.
 *
 * Place      between node.c and aliases.c; nobody else needs it.
 * Ownership  what is returned belongs to the caller.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "base/bytes.h"

/* Stores a copy of `directory`, or for NULL the default, ~/.tahoe.  NOT_FOUND: there is no home, or
 * the one that was named is no directory; NOMEM.  It is NULL then. */
MUST_USE enum fault node_directory(const char *directory, char **out, struct err *err);

/* Appends the file DIRECTORY/NAME.  Faults of secret_file_read by SECRET_FILE_TAHOE. */
MUST_USE enum fault node_file(const char *directory, const char *name, struct bytes *out,
			      struct err *err);

/* Narrows the text to what is between outer blanks, tabs and line ends. */
void node_trim(const char **text, size_t *size);
