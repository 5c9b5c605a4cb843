/*
 * What the parts of dirfd.h share.
 *
 * Place      inside src/files/dirfd*.c.
 */
#pragma once

#include "files/dirfd.h"

/* Whether a name of `size` bytes is one that a file may have. */
bool dirfd_is_plain(const char *name, size_t size);

/* Fails because of a name that is none. */
enum fault dirfd_bad_name(struct err *err);
