/*
 * Whether bytes at hand are those that a cap names, without asking a gateway: by their convergence
 * key, or as a literal; or by a hash that was noted when they were stored.
 *
 * Place      src/read and src/land, with --checksum, and src/keys: a file and a cap -> [likeness].
 * Ownership  everything is borrowed for the call.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "tahoe/chk.h"
#include "tahoe/chunked.h"

#include <stdatomic.h>

/* Reads exactly `size` bytes at `offset`.  Its faults end the comparison; CANCELLED where it is not
 * to go on. */
typedef enum fault likeness_read(void *context, uint64_t offset, unsigned char *data, size_t size,
				 struct err *err);

struct likeness {
	const struct cap *cap;           /* of a file, of any kind */
	const struct chunked *chunked;   /* or these chunks are the file; else NULL */
	const struct chk_params *secret; /* the gateway's; its k, n and segment size do not count */
	const unsigned char *content;    /* the XXH3-128 that was noted, which tells instead of the
					    cap; NULL: none was.  Not with `chunked` */
	uint64_t size;                   /* bytes at hand */
	likeness_read *read;
	void *context;
	const atomic_bool *cancel; /* true: end soon, CANCELLED.  May be NULL */
};

/*
 * Stores whether the bytes are those of the cap.  They are not, as far as is known, when the cap is
 * that of a mutable file, or, where no hash was noted, was made with another secret.  Nothing is
 * read where sizes differ.  Faults: those of `read`, and NOMEM.
 */
MUST_USE enum fault likeness_find(const struct likeness *likeness, bool *alike, struct err *err);

/* The same with the regular file `name` in the open directory `at`; `size`, `read` and `context` do
 * not count.  Anything else of that name is not alike, nor is what cannot be read. */
bool likeness_is_at(const struct likeness *likeness, int at, const char *name);
