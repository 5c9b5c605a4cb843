/*
 * The names of snapshots, which are times.
 *
 * The room, which computes only: stamp.c reads and writes names, tags.c tags, retention.c says
 * which snapshots are kept, moment.c reads the time that somebody asks for.  What is on a grid is
 * looked at by the room `archive`.
 *
 * Place      names below TO/Archives -> [stamp] -> archive, backup.
 * Ownership  plain data.
 * Threads    all functions may run concurrently.
 *
 * Whatever has another name was not made by a backup, or by one that is not known here: it is
 * shown, and never unlinked.
 */
#pragma once

#include "queue/core/base.h"

enum { STAMP_SIZE = 32 }; /* bytes of a name that is written, with its NUL */

/*
 * Reads a name of `size` bytes, which is hostile, as seconds since 1970.  Returns false, storing
 * nothing, when it is none of
 *   YYYY-MM-DD_HH:MM:SSZ     UTC; also with a blank or a T for the _, and with a fraction, which is
 *                            cut off
 *   YYYY-MM-DD--HH.MMZ       UTC
 *   YYYY-MM-DD HH.MM AM|PM   local time, the hours 1 to 12
 * or no such day or time.
 * Source: tahoe-lafs 1.3.0 allmydata/scripts/tahoe_backup.py parse_old_timestamp; 1.20.0
 * allmydata/util/time_format.py.
 */
MUST_USE bool stamp_read(const char *name, size_t size, int64_t *seconds);

/* Writes the name that a snapshot of that time gets, "2026-11-21_22:21:48Z".  Returns false for a
 * time outside the years 0 to 9999. */
MUST_USE bool stamp_write(int64_t seconds, char name[STAMP_SIZE]);

/* What is there of a snapshot's name: what sorts it. */
struct stamp {
	const char *name;
	size_t size;
	bool known;      /* it is a time: `seconds` */
	int64_t seconds; /* since 1970 */
};

/* Returns the stamp of a name, which it borrows. */
struct stamp stamp_of(const char *name, size_t size);

/* Orders stamps as qsort does: by time, the oldest first; equal ones by name; those that are not
 * known behind all others. */
int stamp_compare(const struct stamp *a, const struct stamp *b);
