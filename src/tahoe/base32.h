/*
 * Tahoe's base32: RFC 4648 alphabet in lower case, no padding, unused low bits zero.
 *
 * Place      caps, storage indexes, the convergence secret's file.
 * Ownership  plain memory of the caller.
 * Threads    all functions may run concurrently.
 *
 * Source: tahoe-lafs 1.20.0 allmydata/util/base32.py.
 */
#pragma once

#include "queue/core/base.h"

/* Characters for `size` bytes: ceil(8 * size / 5). */
size_t base32_length(size_t size);

/* Writes base32_length(size) characters and a NUL.  Returns that length. */
size_t base32_encode(const void *data, size_t size, char *out);

/*
 * Decodes exactly `length` characters into `out`, which holds length * 5 / 8 bytes.  Stores how
 * many bytes these are.  False, with `out` unspecified, for a foreign character, an impossible
 * length or unused bits that are not zero.
 */
MUST_USE bool base32_decode(const char *text, size_t length, unsigned char *out, size_t *size);
