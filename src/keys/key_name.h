/*
 * How a key is spelled: its file name, and the directory that it falls into.
 *
 * Place      src/keys; words that tell people where a key is.
 * Threads    all functions may run concurrently.
 */
#pragma once

#include "chunk/key.h"

enum {
	KEY_FILE_SIZE = 2 * CHUNK_KEY_MAX + 1, /* bytes of its file name with the NUL */
	KEY_LEAVES = 4096,                     /* directories that keys fall into */
};

struct key_name {
	struct chunk_key key;     /* borrows the text */
	char file[KEY_FILE_SIZE]; /* NUL-terminated */
	size_t file_size;
	unsigned leaf; /* below KEY_LEAVES: the first three hex digits of the MD5 of its text */
	bool has_size;
	uint64_t size; /* of the content, or of the chunk that it is one of */
};

/* Reads a key; `key` outlives the name.  USAGE: it is none. */
MUST_USE enum fault key_name_read(const char *key, struct key_name *name, struct err *err);

/* Appends where a key stored whole may lie below the root, as shells write it,
 * "keys/{X,XX,XX/Y}/FILE", or the directory of its chunks, "chunks/...".  Faults: those of
 * bytes_append. */
MUST_USE enum fault key_name_path(const struct key_name *name, bool in_chunks, struct bytes *path);
