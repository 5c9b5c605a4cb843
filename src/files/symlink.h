/*
 * Symlinks that come to a local target: which targets are allowed, and the temporary file that
 * holds one made into a symlink.
 *
 * Place      files/dirfd.h -> [symlink] -> land/arrival.h.
 * Threads    all functions may run concurrently.
 *
 * A target from a grid is somebody's.  It is allowed when it is relative, ".." stands at its
 * beginning only, and no more often than the symlink's directory lies below the target directory.
 * ".." behind a name is refused, because that name may be a symlink, and then leads up from where
 * that one leads to.  So each name of an allowed target is below the target directory, and as all
 * symlinks made here are such, what they lead to is.
 */
#pragma once

#include "queue/core/fault.h"

/* Bytes of a symlink's target.  Source: PATH_MAX of linux/limits.h, less the NUL. */
enum { SYMLINK_TARGET_MAX = 4095 };

/*
 * Returns FAULT_NONE when a symlink in a directory `depth` levels below the target directory may
 * have `target`, of `size` bytes; else FAULT_INSECURE and why.
 */
MUST_USE enum fault symlink_check(const char *target, size_t size, unsigned depth, struct err *err);

/*
 * Makes the temporary file `name` in `at`, open as `fd` and holding a target, into a symlink.
 * `depth` is as above, or NULL: its source is local, and any target is allowed.  Faults: INSECURE
 * (a target that is not allowed, or none at all), FULL, IO.
 */
MUST_USE enum fault symlink_make(int at, const char *name, int fd, const unsigned *depth,
				 struct err *err);

/* Returns whether `name` in `at` is a symlink whose target has that length and hash. */
bool symlink_is(int at, const char *name, uint64_t length, const unsigned char content[16]);
