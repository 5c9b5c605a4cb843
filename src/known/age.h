/*
 * Whether what was stored long ago is worth a look, and whether what was read can be believed.
 *
 * Place      plain rules for whoever asks known.h.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "queue/core/base.h"

/* How old something is, since it was stored or last looked at, when it is looked at again. */
struct known_age {
	uint64_t never_s; /* not below this age, */
	uint64_t
		always_s; /* always from this one, and in between with a chance that grows evenly */
};

/* Returns whether what was looked at `then` is due at `now`, both in seconds since 1970; `chance`
 * is any number, evenly spread over all. */
bool known_is_due(const struct known_age *age, int64_t then, int64_t now, uint64_t chance);

/* When files were read, in nanoseconds since 1970. */
struct known_reading {
	int64_t from_ns;  /* nothing before, */
	int64_t until_ns; /* and nothing after; INT64_MAX: nobody knows */
};

/*
 * Returns whether a file with these times would have other times had it been written since it was
 * read: they are older than a tick of its file system, or more than a day ahead, as only somebody
 * sets them.  A file system that keeps whole seconds may have ticks of two.
 */
bool known_is_settled(int64_t mtime_ns, int64_t ctime_ns, const struct known_reading *reading);
