/*
 * Extended attributes of a file or directory, access lists among them, as one piece of bytes.
 *
 * For each attribute, sorted by name: a byte (length of the name), two bytes (length of the value,
 * little-endian), the name, the value.  So the same attributes are the same bytes, whatever order a
 * file system lists them in.
 *
 * Taken and set is what a user can give back: user.* and the access lists
 * (system.posix_acl_access and _default); as root trusted.* and security.* too, but for
 * security.capability, which like set-id bits is never taken from a source.
 *
 * Place      src/plan reads -> base/meta.h, tahoe/edge.h -> src/land sets.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "base/meta.h"

enum attributes_wanted {
	ATTRIBUTES_ACCESS = 1u << 0, /* access lists */
	ATTRIBUTES_OTHERS = 1u << 1, /* all others */
};

/*
 * Packs what the file or directory `name` in `at` has of those `wanted`; a symlink has none.
 * Returns the size, at most META_ATTRIBUTES_MAX.  Where there is more, or what is there cannot be
 * read, the rest is left out and `cut` stored as true.
 */
size_t attributes_read(int at, const char *name, unsigned wanted,
		       unsigned char packed[META_ATTRIBUTES_MAX], bool *cut);

/* Gives the open file or directory `fd` the attributes, which may be anybody's bytes.  Adds to
 * `lost` (enum restore_loss of files/restore.h) when one could not be set. */
void attributes_set(int fd, const unsigned char *packed, size_t size, unsigned *lost);
