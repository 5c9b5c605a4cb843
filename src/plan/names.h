/*
 * The names of one directory in byte order, however many they are.
 *
 * Up to 65,536 lie in memory; beyond that sorted runs go to an unlinked file and are merged.
 * Measured, planning a directory of 10^6 names of 28 bytes: 1.7 MB with runs, 56 MB with all names
 * in memory, and no slower.  A directory may be as large as --max-dir-entries says, and memory is
 * to be a constant.
 *
 * Place      a directory as the kernel tells it -> names -> lister.h.
 * Ownership  a struct names is reused for many directories.
 * Threads    one owner at a time.
 */
#pragma once

#include "queue/core/fault.h"

enum name_flags {
	NAME_NOT_UTF8 = 1u << 0,
	NAME_NOT_NFC = 1u << 1,
};

struct name {
	const char *bytes; /* NUL-terminated; valid until the next call with its names */
	size_t size;       /* without the NUL */
	uint8_t flags;     /* enum name_flags */
	bool repeated;     /* equals the name before it */
};

struct names;

/* Makes an empty set that spills to files in `folder`, which is borrowed.  NULL: out of memory. */
struct names *names_new(const char *folder);

/* Frees it.  NULL is allowed. */
void names_free(struct names *names);

/* Forgets all names and closes the file. */
void names_clear(struct names *names);

/* Adds a name of at most MANIFEST_NAME_MAX bytes.  Sleeps in the file system when it spills.
 * Faults: FULL, IO, NOMEM. */
MUST_USE enum fault names_add(struct names *names, const struct name *name, struct err *err);

/* Ends the adding and goes to before the first name.  Faults: FULL, IO, NOMEM. */
MUST_USE enum fault names_sort(struct names *names, struct err *err);

/* Goes back to before the first name of a sorted set.  Faults: CORRUPT, IO. */
MUST_USE enum fault names_rewind(struct names *names, struct err *err);

/* Fills `name` with the next one; `bytes` is NULL behind the last.  Faults: CORRUPT, IO. */
MUST_USE enum fault names_next(struct names *names, struct name *name, struct err *err);

/* Returns how many were added, repeated ones included. */
uint64_t names_count(const struct names *names);
