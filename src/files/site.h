/*
 * The directories at a local target, opened and made as the entries in them need it.
 *
 * Place      listings of the manifest -> [site] -> open directories for those who write files.
 * Ownership  a site owns a reader of the manifest and keeps a few directories open; a spot is
 *            counted, and closed with its last reference.
 * Threads    a site belongs to one thread; spots may be given back in any.
 *
 * Everything is opened by names below the target's directory, never through a symlink
 * (files/beneath.h).
 */
#pragma once

#include "files/beneath.h"

#include <stdatomic.h>

/* An open directory at the target. */
struct spot {
	int fd;
	unsigned depth; /* directories between it and the root */
	atomic_uint references;
};

void spot_ref(struct spot *spot);

/* Gives a reference back.  NULL is allowed. */
void spot_unref(struct spot *spot);

struct site;

/* Makes a site over `manifest` (a path) below the open directory `root`, which is borrowed. Faults:
 * those of manifest_open, NOMEM. */
MUST_USE enum fault site_new(const char *manifest, int root, struct site **site, struct err *err);

/* Frees.  NULL is allowed. */
void site_free(struct site *site);

/*
 * Stores a reference to the directory listed at `listing`; it is made, and those above it are,
 * where it is missing.  Faults: EXISTS (something that is no directory is in the way), USAGE (a
 * name that no file may have), CORRUPT (the manifest), FULL, IO, NOMEM.
 */
MUST_USE enum fault site_open(struct site *site, uint64_t listing, struct spot **spot,
			      struct err *err);
