/*
 * The directories in a directory that is being listed, to be listed after it.
 *
 * Place      inside cli/command_ls.c, for barge ls --recursive.
 * Ownership  owns names and caps, which are secrets.
 * Threads    one owner at a time.
 */
#pragma once

#include "cli/listing.h"

struct subdirectory {
	char *name;
	size_t name_size;
	size_t row;     /* of the listing, before that is sorted */
	struct cap cap; /* the one that grants most: rights below depend on it */
};

/* All zeros: none. */
struct subdirectories {
	struct subdirectory *at;
	size_t count, capacity;
};

/* Adds the child of row `row` if it is a directory that can be read.  False: out of memory. */
MUST_USE bool subdirectories_add(struct subdirectories *all, const struct store_child *child,
				 size_t row);

/* Leaves those whose rows are directories, as the listing has them now, by name. */
void subdirectories_settle(struct subdirectories *all, const struct listing *listing);

/* Wipes and frees. */
void subdirectories_fini(struct subdirectories *all);
