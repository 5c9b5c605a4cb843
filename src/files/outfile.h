/*
 * A local file that appears whole or not at all: written under a temporary name beside it.
 *
 * Place      barge get, and caps written by barge put -> [outfile] -> files/dirfd.h.
 * Ownership  a struct outfile owns its descriptors and the temporary file until outfile_fini.
 * Threads    one owner at a time.
 */
#pragma once

#include "files/dirfd.h"

#include <sys/stat.h>

struct outfile {
	int fd;           /* of the temporary file, open for writing; mode 0600 */
	int at;           /* its directory */
	char *path;       /* as typed */
	const char *name; /* in `path` */
	bool there;       /* a regular file has the name, and is to be replaced: */
	struct stat seen; /* what lstat said of it */
	char temporary[DIRFD_TEMPORARY_SIZE];
};

/*
 * Makes a temporary file beside `path`.  FAULT_EXISTS when something is there already; with
 * `replace` only when that is no regular file.  Further faults: USAGE (no such directory, or no
 * name), FULL, IO, NOMEM.  On failure outfile_fini has nothing to do.
 */
MUST_USE enum fault outfile_open(struct outfile *outfile, const char *path, bool replace,
				 struct err *err);

/* Forgets what was written behind the first `kept` bytes, and goes on there. */
MUST_USE enum fault outfile_rewind(struct outfile *outfile, uint64_t kept, struct err *err);

/* Makes it durable and gives it its name.  FAULT_EXISTS as above, and when what is there is not as
 * it was in the beginning, or the directory was moved away; FULL, IO. */
MUST_USE enum fault outfile_publish(struct outfile *outfile, struct err *err);

/* Closes it, and removes the temporary file unless it was published. */
void outfile_fini(struct outfile *outfile);
