/*
 * Files at the target that have lost a name by us.
 *
 * A file with several names changes its change time when one of them is given to another file.  So
 * when this job has replaced one name, what stands under the others seems to have changed after the
 * plan, though nobody has touched it.
 *
 * Whoever looks between a name's replacement and the note of it waits for the note.
 *
 * Place      inside src/land: arrivals note and ask.
 * Threads    one thread begins and ends; links_know may run in others at the same time.
 */
#pragma once

#include "queue/core/thread.h"

#include <sys/stat.h>

enum { LINKS_KEPT = 1024 }; /* the last ones; what is forgotten is a conflict */

struct links {
	struct mutex lock;
	struct cond ended;
	bool losing GUARDED; /* a name is being taken from this file: */
	dev_t losing_dev GUARDED;
	ino_t losing_ino GUARDED;
	struct link {
		dev_t dev;
		ino_t ino;
		struct timespec changed;
	} kept[LINKS_KEPT] GUARDED;
};

/* Begins with all zeros. */
void links_init(struct links *links);
void links_fini(struct links *links);

/* A name of the file `st` is about to be replaced.  links_end follows. */
void links_begin(struct links *links, const struct stat *st);

/* Notes how the file is now; NULL: nothing was done, or more than that. */
void links_end(struct links *links, const struct stat *now);

/* Returns whether losing such a name was the last that happened to it.  Sleeps while it is losing
 * one. */
bool links_know(struct links *links, const struct stat *st);
