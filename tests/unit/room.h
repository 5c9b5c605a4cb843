/* A directory of a test's own in which trees may grow, and the standard files turned into it. */
#pragma once

#include "queue/core/base.h"

#include <sys/types.h>

/* Setup and teardown of cmocka, of a group or a test: make the directory, remove all below it. */
int room_setup(void **state);
int room_teardown(void **state);

/* Returns the path of `name` in the directory; lives until the next call but fifteen. */
const char *room_path(const char *name);

/* Writes `text` to the file `name`, with permissions `mode`; makes a directory. */
void room_file(const char *name, const char *text, mode_t mode);
void room_directory(const char *name, mode_t mode);

/* Returns what is in the file `name`, NUL-terminated; the caller frees it. */
char *room_read(const char *name);

/* Turns descriptor `fd` (1 or 2) into the file `name` until room_restore. */
void room_capture(int fd, const char *name);
void room_restore(int fd);
