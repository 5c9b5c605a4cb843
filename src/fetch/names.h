/*
 * Which child names of a listing may become names at the target.
 *
 * Place      listing -> [names] -> folders.  Names come from whoever can write the directory.
 * Threads    all functions may run concurrently.
 *
 * Names are used byte by byte as listed; two that are equal in Unicode's NFC are one name for many
 * file systems and people, so both are refused.
 */
#pragma once

#include "queue/fault.h"

struct name_ref {
	const char *name; /* NUL may be inside */
	size_t size;
	bool collides; /* out */
};

/* Returns NULL for a name that may be used, else why not, a literal phrase. */
const char *name_refusal(const char *name, size_t size);

/* Marks all names that equal another one in NFC.  Names that are not UTF-8 collide with none.
 * FAULT_NOMEM. */
MUST_USE enum fault names_mark(struct name_ref *name, size_t count, struct err *err);
