/*
 * Which names of a directory are equal after normalization (NFC).
 *
 * Only names that are not in NFC can make two equal, and they are few: their forms are sorted and
 * merged with all names.
 *
 * Place      names.h -> clashes -> lister.h.
 * Threads    one owner at a time.
 */
#pragma once

#include "plan/names.h"

struct clashes;

/* Makes an empty set; large ones are sorted in `folder`, which is borrowed.  NULL: out of memory.
 */
struct clashes *clashes_new(const char *folder);

/* Frees it.  NULL is allowed. */
void clashes_free(struct clashes *clashes);

/* Forgets everything. */
void clashes_clear(struct clashes *clashes);

/* Adds the NFC of a name that is in another form.  Faults: those of names_add. */
MUST_USE enum fault clashes_add(struct clashes *clashes, const struct name *form, struct err *err);

/* Finds the forms that more than one of the sorted `names` has, and rewinds these.  Faults:
 * CORRUPT, FULL, IO, NOMEM. */
MUST_USE enum fault clashes_find(struct clashes *clashes, struct names *names, struct err *err);

/* Returns whether any was found. */
bool clashes_any(const struct clashes *clashes);

/* Returns whether several names have this form, in NFC. */
bool clashes_has(const struct clashes *clashes, const char *form, size_t size);
