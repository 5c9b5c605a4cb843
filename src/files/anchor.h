/*
 * What a directory is, beyond its path: by that a plan knows a source, or a target, again.
 *
 * A disk that is not mounted leaves an empty directory at its path, or none.  The number of a
 * device may be another one after it was mounted again; then the file system's own id tells, where
 * it has one.
 *
 * Place      job/roots.h keeps anchors with a plan; src/files and the engine look at them again.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "queue/core/fault.h"

enum anchor_kind {
	ANCHOR_UNKNOWN, /* of a plan of an earlier version: only whether something is there */
	ANCHOR_SELF,    /* the path is a directory */
	ANCHOR_PARENT,  /* the path is a file, which may be replaced: the directory it is in */
};

struct anchor {
	uint8_t kind; /* enum anchor_kind */
	uint64_t ino, dev, fsid;
};

enum { ANCHOR_TEXT_SIZE = 64 };

/* Stores what `path` is.  FAULT_GONE: nothing is there. */
MUST_USE enum fault anchor_of(const char *path, struct anchor *anchor, struct err *err);

/* Makes sure that `path` is still what it was.  FAULT_GONE, saying so, when nothing is there, or
 * another directory. */
MUST_USE enum fault anchor_check(const struct anchor *anchor, const char *path, struct err *err);

/* Writes it as text. */
void anchor_print(const struct anchor *anchor, char text[ANCHOR_TEXT_SIZE]);

/* Reads that text.  Anything else is ANCHOR_UNKNOWN. */
struct anchor anchor_read(const char *text);
