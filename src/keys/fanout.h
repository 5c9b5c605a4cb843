/*
 * The directories that keys fall into by their hash, as they are needed: how they are named, and
 * what is known of them, kept for a while.
 *
 *   level 0   keys          has the directories of levels 1 and 2, and no key
 *   level 1   keys/X        the first FANOUT_ROOM keys whose hash begins so
 *   level 2   keys/XX       as many of those that come later
 *   level 3   keys/XX/Y     all others
 *
 * A key is put into the first directory of its path that has room, and never moved.  Who looks for
 * it asks all that are there.
 *
 * Place      inside layout; listing.c.
 * Ownership  a struct fanout owns its caps, which are secrets, until fanout_fini.
 * Threads    one at a time.
 */
#pragma once

#include "keys/key_name.h"
#include "tahoe/caps.h"

enum {
	FANOUT_TOP,
	FANOUT_LEVELS = 4,
	FANOUT_LAST = FANOUT_LEVELS - 1,
	FANOUT_ROOM = 160,      /* names in a directory above the last level: a link rewrites all */
	FANOUT_CHILDREN = 256,  /* directories of one level in one, at most */
	FANOUT_NAME_SIZE = 4,   /* of a directory in the one above it, with the NUL */
	FANOUT_KEPT_MS = 30000, /* somebody may take a directory away meanwhile */
};

enum { FANOUT_UNCOUNTED = UINT16_MAX };

struct fanout_kept {
	uint64_t seen_ms;  /* when it was reached from the root */
	uint16_t children; /* that it had then, and those that came from here; or UNCOUNTED */
	uint8_t size, kind;
	unsigned char cap[CAP_PACKED_SIZE];
};

struct fanout {
	struct fanout_kept *kept; /* level by level; NULL: none yet */
};

/* What is known of a directory. */
struct fanout_directory {
	struct cap cap; /* CAP_NONE: it was not seen lately */
	unsigned children;
};

void fanout_fini(struct fanout *fanout);

/* Stores what is known of the directory at that level of the path of keys of a leaf. */
void fanout_find(const struct fanout *fanout, unsigned level, unsigned leaf, uint64_t now_ms,
		 struct fanout_directory *directory);

/* Keeps one that was reached at `seen_ms`; without memory it does not. */
void fanout_keep(struct fanout *fanout, unsigned level, unsigned leaf, uint64_t seen_ms,
		 const struct fanout_directory *directory);

/* Counts names that came to a directory, or went. */
void fanout_count(struct fanout *fanout, unsigned level, unsigned leaf, int names);

/* Returns the level of the directory that has those of a level above 0. */
unsigned fanout_above(unsigned level);

/* Whether keys of both leaves have the same directory at that level of their paths. */
bool fanout_is_shared(unsigned level, unsigned leaf, unsigned other);

/* Returns which of its level in the directory above one is, below FANOUT_CHILDREN. */
unsigned fanout_order(unsigned level, unsigned leaf);

/* The other way round: returns the first leaf below it, counted from the first one below the
 * directory above. */
unsigned fanout_leaf(unsigned level, unsigned order);

/* Stores the name of the directory at a level above 0 in the one above it. */
void fanout_name(unsigned level, unsigned leaf, char name[FANOUT_NAME_SIZE]);

/* Reads the name of a child of the directory at `level` on the path of keys of `leaf`: stores its
 * level, and the first leaf below it.  False: it is no directory that keys fall into. */
bool fanout_read_name(unsigned level, unsigned leaf, const char *name, unsigned *below,
		      unsigned *first);
