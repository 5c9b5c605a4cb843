/* A directory of a test's own in which trees may grow, and the standard files turned into it. */
#pragma once

#include "queue/core/base.h"

#include <sys/types.h>

/* Setup and teardown of cmocka, of a group or a test: make the directory, remove all below it. */
int sandbox_setup(void **state);
int sandbox_teardown(void **state);

/* Returns the path of `name` in the directory; lives until the next call but fifteen. */
const char *sandbox_path(const char *name);

/* Writes `text` to the file `name`, with permissions `mode`; makes a directory. */
void sandbox_file(const char *name, const char *text, mode_t mode);
void sandbox_directory(const char *name, mode_t mode);

/* Returns what is in the file `name`, NUL-terminated; the caller frees it. */
char *sandbox_read(const char *name);

/* Returns a descriptor of the new, empty file `name`, open for writing. */
int sandbox_create(const char *name);
