/*
 * Files at the target that have lost a name by us.
 *
 * A file with several names changes its change time when one of them is given to another file.  So
 * when this job has replaced one name, what stands under the others seems to have changed after the
 * plan, though nobody has touched it.
 *
 * Place      inside src/land: arrivals note and ask.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "queue/core/thread.h"

#include <sys/stat.h>

enum { LINKS_KEPT = 1024 }; /* the last ones; what is forgotten is a conflict */

struct links {
	struct mutex lock;
	struct link {
		dev_t dev;
		ino_t ino;
		struct timespec changed;
	} kept[LINKS_KEPT] GUARDED;
};

/* Begins with all zeros. */
void links_init(struct links *links);
void links_fini(struct links *links);

/* Notes how a file is, of which a name was just replaced. */
void links_note(struct links *links, const struct stat *st);

/* Returns whether losing that name was the last that happened to it. */
bool links_know(struct links *links, const struct stat *st);
