/*
 * git-annex's keys: BACKEND[-sSIZE][-mMTIME][-SCHUNK-CNUMBER]--NAME.
 *
 * Source: git-annex Types/Key.hs, Annex/Locations.hs (facts, rules K1, K5, K6, K9).
 *
 * Place      words and lines of others -> [key] -> the machines, names on a grid.
 * Ownership  a struct chunk_key borrows the text that it was read from.
 * Threads    all may run concurrently.
 */
#pragma once

#include "base/bytes.h"

enum {
	CHUNK_KEY_MAX = 1024, /* bytes of a key's text */
	CHUNK_HASH_DIGITS = 32,
};

struct chunk_key {
	const char *backend, *name; /* not NUL-terminated */
	size_t backend_size, name_size;
	bool has_size, has_mtime;
	uint64_t size;       /* of the whole file, in a chunk's key too */
	uint64_t mtime;      /* seconds */
	uint64_t chunk_size; /* 0: it is no chunk's */
	uint64_t number;     /* of the chunk, from 1 */
};

/* Reads a key; a text with blanks or control characters is none.  Returns false then. */
MUST_USE bool chunk_key_read(const char *text, struct chunk_key *key);

/* Appends the key's text.  Faults: those of bytes_append. */
MUST_USE enum fault chunk_key_write(const struct chunk_key *key, struct bytes *text);

/* Appends the name of a file that stands for the key: "&" as "&a", "%" as "&s", ":" as "&c" and "/"
 * as "%".  Faults: those of bytes_append. */
MUST_USE enum fault chunk_key_file_name(const struct chunk_key *key, struct bytes *text);

/* Appends the text of the key whose file has that name.  Faults: those of bytes_append. */
MUST_USE enum fault chunk_key_of_file_name(const char *name, struct bytes *text);

/* Returns the key of a chunk of `size` bytes of a file. */
struct chunk_key chunk_key_of_chunk(const struct chunk_key *key, uint64_t size, uint64_t number);

/* Returns the key of the file that a chunk belongs to. */
struct chunk_key chunk_key_of_file(const struct chunk_key *key);

/* Whether equal keys mean equal bytes: else a key is never cut into chunks, since two machines may
 * hold different bytes of it. */
bool chunk_key_is_stable(const struct chunk_key *key);

/* Writes the MD5 of the text of the key's file in lower-case hex: which directory it belongs to.
 * FAULT_NOMEM. */
MUST_USE enum fault chunk_key_hash(const struct chunk_key *key, char hash[CHUNK_HASH_DIGITS + 1],
				   struct err *err);
