/*
 * One pattern of `tahoe backup`, and whether a name matches it.
 *
 * `*` stands for any characters, `?` for one, `[...]` for one of a class, `[!...]` for one that is
 * not in it; a class may begin with `]`, and has ranges.  Nothing takes the meaning from these but
 * a class, and a `[` without its end is itself.  A byte that is not part of UTF-8 is a character.
 *
 * Place      select.h.
 * Threads    may run concurrently.
 *
 * Source: CPython 3.11 Lib/fnmatch.py, by which tahoe-lafs 1.20.0 allmydata/scripts/cli.py,
 * BackupOptions.filter_listdir, asks about each name.
 */
#pragma once

#include "queue/core/base.h"

/* Returns whether the whole name matches. */
bool glob_matches(const char *glob, size_t glob_size, const char *name, size_t size);
