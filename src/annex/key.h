/*
 * git-annex's keys as text, and where a key lies below the root of a remote.
 *
 * Place      remote's operations -> [key] -> tree.
 * Threads    may run concurrently.
 */
#pragma once

#include "base/bytes.h"

enum { KEY_LEAVES = 4096 };

/*
 * Appends "keys/XX/Y/FILE": XXY are the first hex digits of the MD5 of the key's text, FILE is the
 * name that git-annex gives its file ("&" as "&a", "%" as "&s", ":" as "&c", "/" as "%").  Stores
 * the number XXY.  FAULT_USAGE: it is no key, BACKEND[-sN][-mN][-SN-CN]--NAME.
 */
MUST_USE enum fault key_path(const char *key, struct bytes *path, unsigned *leaf, struct err *err);
