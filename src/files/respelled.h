/*
 * Names that a file system takes for the same: other case (FAT, CIFS, macOS), another Unicode form
 * (HFS+), dots and blanks at the end (FAT).
 *
 * What has a name is then perhaps the file or directory of another entry of the plan, which must
 * not be replaced or filled with ours.  Most file systems are found to be exact by asking for one
 * name more; only where that is the same thing, and the plan has names beside it that are alike,
 * the directory is read.
 *
 * Place      files/tree.h -> [respelled] -> target_tree.h and src/land, where something is there.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "files/tree.h"

#include <sys/stat.h>

/*
 * FAULT_EXISTS, naming both, when what has `name` in `dir`, and is `st`, is written otherwise
 * there, as an entry beside it in the plan is.  Further faults: CORRUPT, IO, NOMEM.
 */
MUST_USE enum fault respelled_check(struct catalog *catalog, struct tree_dir *dir, const char *name,
				    const struct stat *st, struct err *err);
