/*
 * Dates as people type them.
 *
 * Place      options and what is asked for by time -> [calendar].
 * Threads    may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

enum calendar_end {
	CALENDAR_FIRST, /* a date alone is its midnight */
	CALENDAR_LAST,  /* a date alone is its last second, a minute alone the same */
};

/*
 * Reads "YYYY-MM-DD", with "THH:MM" or "THH:MM:SS" behind it (or a blank for the T), then "Z" or
 * "+HH:MM", else local time, as seconds since 1970.  False: it is no such date.
 */
MUST_USE bool calendar_read(const char *text, enum calendar_end end, int64_t *seconds);
