/* A node directory of a test's own, with a private/ in it. */
#pragma once

#include "queue/core/base.h"

#include <sys/types.h>

/* Setup and teardown of cmocka: *state is its path; it is removed with its files. */
int node_folder_setup(void **state);
int node_folder_teardown(void **state);

/* Replaces the file `name` below it. */
void node_folder_put(const char *directory, const char *name, const char *text, mode_t mode);
