/*
 * A list of paths, and what it says of any path: on it, on the way to one that is, or neither.
 *
 * Place      --files-from -> select.h.
 * Ownership  a struct listed owns copies of its paths until listed_free.
 * Threads    one owner while it is filled, constant once sorted.
 */
#pragma once

#include "base/bytes.h"

enum { LISTED_TEXT_MAX = 256 << 20 }; /* bytes of all paths: some four million */

struct listed;

/* Makes an empty list.  NULL: out of memory. */
struct listed *listed_new(void);

/* Frees it.  NULL is allowed. */
void listed_free(struct listed *listed);

/*
 * Adds a path, '/' between its components; empty ones and "." do not count.  One that ends in '/'
 * stands for all that is below it as well.  Faults: USAGE (it is absolute, has "..", or a name
 * longer than the manifest takes), TOO_LARGE (all of it), NOMEM.
 */
MUST_USE enum fault listed_add(struct listed *listed, const char *path, size_t size,
			       struct err *err);

/* Ends the adding: sorts, and drops what is there twice.  What is below a path that stands for all
 * below it stays, so that it is missed where it is not there. */
void listed_sort(struct listed *listed);

/* Appends all paths, each followed by a NUL, as listed_add takes them: the same for equal lists. */
MUST_USE enum fault listed_text(const struct listed *listed, struct bytes *out, struct err *err);

enum listed_place {
	LISTED_OFF,
	LISTED_LEADS, /* a directory above a path on it */
	LISTED_ON,
	LISTED_BELOW, /* it is below one that stands for all below it */
};

/* Says where the path stands, which has no slash at its ends.  "" leads. */
enum listed_place listed_find(const struct listed *listed, const char *path, size_t size);

/* Returns whether all below the directory `path` is on the list. */
bool listed_has_all(const struct listed *listed, const char *path, size_t size);

/*
 * Returns the next name on the list in the directory `path` ("" is the top) with its `size`, or
 * NULL.  `cursor` is 0 at first.  Borrowed, and not NUL-terminated.
 */
const char *listed_next(const struct listed *listed, const char *path, size_t path_size,
			size_t *cursor, size_t *size);
