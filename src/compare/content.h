/*
 * Whether a local file holds the bytes of a file on a grid.
 *
 *   sizes differ: no -> LIT: the cap holds the bytes -> CHK and the secret is known: the local
 *   bytes' key is the cap's: yes -> told to read: all of it is fetched, proven and compared
 *
 * Place      verify/likeness.h, verify/single.h -> [content] -> compare.h.
 * Ownership  borrows everything.
 * Threads    the owner of the store.
 */
#pragma once

#include "calls/tries.h"
#include "tahoe/chk.h"

#include <sys/stat.h>

struct content_options {
	struct tries tries;              /* of reading; its wait's `stop` ends hashing too */
	const struct chk_params *secret; /* the gateway's, or NULL: unknown */
	bool read;                       /* fetch what the key does not decide */
};

/* A local file, or a symlink. */
struct content_local {
	int fd;             /* open for reading, unless it is a symlink */
	const char *target; /* of a symlink, `status.st_size` bytes; NULL: a file */
	struct stat status; /* when opened */
};

/* A file on a grid. */
struct content_remote {
	const struct cap *cap;
	const struct chunked *chunked; /* of a file in chunks; else NULL */
	uint64_t size;                 /* where the cap does not tell it; 0: unknown */
};

enum content_answer {
	CONTENT_SAME,
	CONTENT_SIZE,    /* the sizes differ */
	CONTENT_OTHER,   /* the bytes differ; or, told by the key alone, another secret was used */
	CONTENT_UNKNOWN, /* nothing but reading would tell */
};

/* Compares.  Sleeps.  Faults: CHANGED (the local file, meanwhile), IO, NOMEM, CANCELLED, those of
 * single_read. */
MUST_USE enum fault content_compare(const struct content_options *options,
				    const struct content_local *local,
				    const struct content_remote *remote,
				    enum content_answer *answer, struct err *err);
