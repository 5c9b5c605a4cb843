/*
 * Directories that a file in them marks as not worth keeping: caches, and what users mark.
 *
 * Place      an open directory, or the listing of one -> [marked] -> plan/chooser.h.
 * Threads    may run concurrently.
 *
 * Source: Cache Directory Tagging Specification 0.6, https://bford.info/cachedir/.
 */
#pragma once

#include "select/select.h"

#define MARKED_CACHE_TAG "CACHEDIR.TAG"

/* Returns whether the open directory has a marker: one of the names that were given, whatever has
 * it, or where caches are left out a file MARKED_CACHE_TAG that begins as the specification says.
 * Reads. */
bool marked_is(const struct select *select, int fd);

/* Returns whether a name is a marker by itself: in a marked directory it is taken. */
bool marked_keeps(const struct select *select, const char *name, size_t size);
