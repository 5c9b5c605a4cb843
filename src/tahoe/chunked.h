/*
 * A file stored in chunks: an immutable directory of immutable files, which are its bytes in the
 * order of their names.
 *
 *   the edge says so (store_node_chunked) -> its children: chunked_begin, chunked_add ...,
 *                                            chunked_end -> a file, or after all a directory
 *
 * Place      the committer, which makes such directories; calls/chunked_file.h, which finds them.
 * Ownership  a struct chunked owns its caps, which are secrets, until chunked_fini.
 * Threads    all functions may run concurrently, each with a struct of its own.
 *
 * The names are the numbers from 1, in as many digits as the last one has, so that whoever sorts
 * them as text has the order of the file.  The edge that leads to the directory says that it is a
 * file, and of what size (tahoe/edge.h); the sizes of the chunks are in their caps.  The mark is
 * hearsay: it is believed where the directory is just what it would be.
 */
#pragma once

#include "tahoe/caps.h"

enum {
	CHUNK_NAME_SIZE = 21,        /* of any number, with its NUL */
	CHUNKED_COUNT_MAX = 1 << 16, /* chunks that a file is ever divided into */
};

/* Writes the name of chunk `number`, from 0, of `count`, and returns its length. */
size_t chunk_name(uint64_t number, uint64_t count, char name[CHUNK_NAME_SIZE]);

/* The chunks of a file.  All zeros: there are none. */
struct chunked {
	struct cap *cap; /* in the order of the file */
	size_t count;
	uint64_t chunk_size; /* of each but the last, which may be shorter */
	uint64_t bytes;      /* of the file */

	/* while children come */
	size_t capacity;  /* of `cap` */
	size_t name_size; /* of the first name; the others have as much */
	bool refuted;     /* something was no chunk */
};

/* Expects the children of a directory that says it is a file of `bytes` bytes, forgetting those of
 * an earlier try. */
void chunked_begin(struct chunked *chunked, uint64_t bytes);

/* Takes a child, of any name.  `cap` is what reads it.  Returns false when out of memory. */
MUST_USE bool chunked_add(struct chunked *chunked, const char *name, size_t name_size,
			  const struct cap *cap);

/* Returns whether the children are the chunks of that file; else there are none afterwards. */
bool chunked_end(struct chunked *chunked);

/* Returns the bytes of chunk `number`, from 0. */
uint64_t chunked_size_of(const struct chunked *chunked, size_t number);

/* Wipes and frees. */
void chunked_fini(struct chunked *chunked);
