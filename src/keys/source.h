/*
 * A file here whose bytes are stored, the whole or a part of it.
 *
 * Place      keys.c, git-annex's exports: path -> [source] -> upload.
 * Ownership  a struct source owns its descriptor until source_close, and borrows the path.
 * Threads    once open, parts may be stored concurrently, each in an operation of its own.
 */
#pragma once

#include "base/digest.h"
#include "keys/operation.h"

#include <sys/stat.h>

struct source {
	const char *path;
	int fd;
	struct stat status; /* its size and times; what changes while it is read is CHANGED */
};

/* Opens the file.  Faults: USAGE (no such file, or not a regular one), IO.  On failure there is
 * nothing to close. */
MUST_USE enum fault source_open(struct source *source, const char *path, struct err *err);
void source_close(struct source *source);

struct source_part {
	uint64_t offset, size;
	const struct keys_progress *progress; /* of bytes of the part; may be NULL */
};

/* Stores a part, and its cap, proven.  Faults: CHANGED, and those of upload_put. */
MUST_USE enum fault source_put(struct operation *operation, const struct source *source,
			       const struct source_part *part, struct cap *cap, struct err *err);

/* Opens the file, stores all of it, and closes it. */
MUST_USE enum fault source_put_file(struct operation *operation, const char *path,
				    const struct keys_progress *progress, struct cap *cap,
				    struct err *err);

/* Stores bytes at hand. */
MUST_USE enum fault source_put_bytes(struct operation *operation, const void *data, size_t size,
				     struct cap *cap, struct err *err);

/* Stores the XXH3-128 of a part, or whether two parts of `size` bytes are equal.  Faults: IO,
 * CHANGED, NOMEM. */
MUST_USE enum fault source_hash(const struct source *source, const struct source_part *part,
				unsigned char hash[CONTENT_HASH_SIZE], struct err *err);
MUST_USE enum fault source_equal(const struct source *source, const struct source_part *part,
				 uint64_t other, bool *equal, struct err *err);
