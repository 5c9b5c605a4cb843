/* A directory of a test program's own, and whole files in it. */
#pragma once

#include "queue/core/base.h"

/* Group setup and teardown of cmocka: make the directory, remove it with its files. */
int scratch_setup(void **state);
int scratch_teardown(void **state);

/* Returns the path of `name` in the directory; lives until the next call but seven. */
const char *scratch_path(const char *name);

/* Replaces a file by `size` bytes, or reads one of at most `capacity` and returns its size. */
void scratch_store(const char *path, const void *data, size_t size);
size_t scratch_load(const char *path, void *data, size_t capacity);

/* Returns the size of a file. */
size_t scratch_size(const char *path);
