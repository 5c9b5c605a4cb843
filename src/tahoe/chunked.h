/*
 * A file stored in chunks: an immutable directory of immutable files, which are its bytes in the
 * order of their names.
 *
 * Place      the committer, which makes such directories; whoever reads them.
 * Threads    all functions may run concurrently.
 *
 * The names are the numbers from 1, in as many digits as the last one has, so that whoever sorts
 * them as text has the order of the file.  The edge that leads to the directory says that it is a
 * file, and of what size (tahoe/edge.h); the sizes of the chunks are in their caps.
 */
#pragma once

#include "queue/core/base.h"

enum { CHUNK_NAME_SIZE = 21 }; /* of any number, with its NUL */

/* Writes the name of chunk `number`, from 0, of `count`, and returns its length. */
size_t chunk_name(uint64_t number, uint64_t count, char name[CHUNK_NAME_SIZE]);
